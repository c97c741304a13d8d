/**
 * Counts the frozen corpus in test/corpus/README.md and keeps the digests of its files in frozen.json. Needs a Node that runs TypeScript.
 *
 * Usage: node scripts/corpus-table.mjs [--write]
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DATA_CLASSES } from "../mesh/contract/data-class.ts";
import { withPart, writeOrCompare } from "./generated-part.mjs";

const FILES = ["business.jsonl", "technical.jsonl", "organisation.json"];

/** @param {string} name @returns {string} path of a file of the corpus */
export const corpusPath = (name) => fileURLToPath(new URL(`../test/corpus/${name}`, import.meta.url));

/**
 * @typedef {{ start: number, end: number, label: string }} Span
 * @typedef {{ id: string, kind: string, text: string, spans: Span[] }} CorpusDocument
 */

/** @param {string} name of a JSONL file @returns {CorpusDocument[]} its documents */
export const readCorpus = (name) =>
  readFileSync(corpusPath(name), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => /** @type {CorpusDocument} */ (JSON.parse(line)));

/** @returns {string} SHA-256 of each file, in hex, as JSON */
export const frozenDigests = () => {
  const digest = (/** @type {string} */ name) =>
    createHash("sha256")
      .update(readFileSync(corpusPath(name)))
      .digest("hex");
  return `${JSON.stringify(Object.fromEntries(FILES.map((name) => [name, digest(name)])), null, 2)}\n`;
};

/** @param {CorpusDocument[]} documents */
const size = (documents) => documents.reduce((sum, { text }) => sum + text.length, 0).toLocaleString("en");

/** @returns {string} the counts as Markdown */
export const countsTable = () => {
  const [business, technical] = [readCorpus("business.jsonl"), readCorpus("technical.jsonl")];
  const rows = DATA_CLASSES.map((label) => {
    const spans = business.map((document) => document.spans.filter((span) => span.label === label));
    const all = spans.flat();
    const characters = all.reduce((sum, { start, end }) => sum + end - start, 0);
    return { label, spans: all.length, documents: spans.filter(({ length }) => length > 0).length, characters };
  }).filter((row) => row.spans > 0);
  return [
    `Business: ${business.length} documents, ${size(business)} characters. Technical: ${technical.length} documents, ${size(technical)} characters.`,
    "",
    "| Label | Spans | Documents | Characters |",
    "|---|---:|---:|---:|",
    ...rows.map((row) => `| ${row.label} | ${row.spans} | ${row.documents} | ${row.characters} |`),
  ].join("\n");
};

/** @returns {string} the README with its counts */
export const corpusReadme = () => withPart(readFileSync(corpusPath("README.md"), "utf8"), "counts", countsTable());

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeOrCompare(corpusPath("README.md"), corpusReadme(), "scripts/corpus-table.mjs");
  writeOrCompare(corpusPath("frozen.json"), frozenDigests(), "scripts/corpus-table.mjs");
}
