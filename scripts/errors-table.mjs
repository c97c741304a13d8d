/**
 * Makes docs/errors.md from the table of error codes. Needs a Node that runs TypeScript (22.18 or newer).
 *
 * Usage: node scripts/errors-table.mjs [--write]
 */
import { fileURLToPath } from "node:url";
import { ERROR_TABLE } from "../mesh/contract/errors.ts";
import { writeOrCompare } from "./generated-part.mjs";

const HEAD = `# Error codes

Every error of Gaggle has one of these codes; the command line prints it, the HTTP API answers with it, and MCP tools and the mesh carry it. Codes are stable,
messages are not: a message says what is wrong in this case and how to mend it. "Try again" means that the same call may succeed later.
This page is made from \`mesh/contract/errors.ts\` by \`node scripts/errors-table.mjs --write\`.

| code | meaning | HTTP status | try again |
|---|---|---|---|`;

/** @returns {string} the page as Markdown */
export const errorsPage = () => {
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, row]) => `| \`${code}\` | ${row.meaning} | ${row.http} | ${row.retryable ? "yes" : "no"} |`,
  );
  return `${[HEAD, ...rows].join("\n")}\n`;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeOrCompare(fileURLToPath(new URL("../docs/errors.md", import.meta.url)), errorsPage(), "scripts/errors-table.mjs");
}
