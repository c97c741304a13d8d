/** Tells whether something made from files is still up to date: a hash of the files, kept in a stamp beside what was made. Runs on Node 18. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * @param {string} path a file, or a folder to walk
 * @returns {string[]} every file under it, sorted; none where `path` does not exist
 */
const filesUnder = (path) => {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
};

/**
 * @param {string} root folder that the names are relative to
 * @param {readonly string[]} paths files and folders under `root`
 * @returns {string} SHA-256 over the names and contents of all files, hex
 */
export const hashOfFiles = (root, paths) => {
  const hash = createHash("sha256");
  for (const file of paths.flatMap((path) => filesUnder(join(root, path)))) {
    const content = readFileSync(file);
    hash.update(`${relative(root, file).split(sep).join("/")}\n${content.length}\n`).update(content);
  }
  return hash.digest("hex");
};

/**
 * @param {string} file the stamp
 * @returns {string | undefined} what it holds; undefined where there is none
 */
export const readStamp = (file) => (existsSync(file) ? readFileSync(file, "utf8").trim() : undefined);
