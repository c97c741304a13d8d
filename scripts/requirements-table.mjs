/**
 * Makes the README's feature table from test/requirements.ts. Needs a Node that runs TypeScript (22.18 or newer).
 *
 * Usage: node scripts/requirements-table.mjs [--write]
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { REQUIREMENTS } from "../test/requirements.ts";
import { withPart, writeOrCompare } from "./generated-part.mjs";

/** @param {string} text */
const cell = (text) => text.replaceAll("|", "\\|");

/**
 * @param {import("../test/requirements.ts").Requirement} requirement
 * @returns {string} its state for people
 */
const stateOf = ({ state, note }) => (note === undefined ? state : `${state}: ${note}`);

/** @returns {string} the table as Markdown */
export const requirementsTable = () => {
  const rows = Object.entries(REQUIREMENTS).map(([id, row]) => `| ${id} | ${cell(row.title)} | ${cell(stateOf(row))} |`);
  return ["| id | requirement | state |", "|---|---|---|", ...rows].join("\n");
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const readme = fileURLToPath(new URL("../README.md", import.meta.url));
  writeOrCompare(readme, withPart(readFileSync(readme, "utf8"), "requirements", requirementsTable()), "scripts/requirements-table.mjs");
}
