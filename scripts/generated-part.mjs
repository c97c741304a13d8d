/** Keeps the generated part of a document equal to its source: compares, or with `--write` writes it. */
import { readFileSync, writeFileSync } from "node:fs";

/**
 * Puts generated text between two marker comments.
 * @param {string} document
 * @param {string} name of the part; the markers are `<!-- name:start -->` and `<!-- name:end -->`
 * @param {string} content
 * @returns {string} the document with that part
 * @throws {Error} where the document has no such markers
 */
export const withPart = (document, name, content) => {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from === -1 || to < from)
    throw new Error(`The document has no part between ${start} and ${end}: add the two lines where it belongs.`);
  return `${document.slice(0, from + start.length)}\n${content}\n${document.slice(to)}`;
};

/**
 * The command line of a generator: writes the file with `--write`, else fails where it is out of date.
 * @param {string} path of the file
 * @param {string} wanted what it should contain
 * @param {string} script how to call the generator
 */
export const writeOrCompare = (path, wanted, script) => {
  if (process.argv.includes("--write")) writeFileSync(path, wanted);
  else if (readFileSync(path, "utf8") !== wanted) {
    process.stderr.write(`${path} is out of date: run \`node ${script} --write\`.\n`);
    process.exitCode = 1;
  }
};
