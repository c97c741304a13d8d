/**
 * Adds to package-lock.json what npm leaves out of it: the optional packages for other systems than the one that it was made on
 * (https://github.com/npm/cli/issues/4828). Without them `npm ci` refuses the lockfile. Run it after every change of the dependencies.
 *
 * Usage: node scripts/complete-lockfile.mjs [--write]   without --write it only says what is missing, and then ends with code 1
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} LockEntry what the lockfile says about one package
 * @property {string} [version]
 * @property {boolean} [dev]
 * @property {boolean} [optional]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {string[]} [os]
 * @property {string[]} [cpu]
 * @property {string[]} [libc]
 */
/** @typedef {{packages: Record<string, LockEntry>}} Lockfile */

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const LIBCS = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };
const PROCESSORS = ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/**
 * The systems that a package is for, read from its name; such packages are named `<tool>-<os>-<cpu>[-<libc>]`.
 * @param {string} name
 * @returns {Pick<LockEntry, "cpu" | "libc" | "os">}
 * @throws {Error} where the name does not say it
 */
const systemsOf = (name) => {
  const words = name.split(/[/-]/);
  const cpu = words.filter((word) => PROCESSORS.includes(word));
  const os = words.filter((word) => SYSTEMS.includes(word));
  const libc = words.flatMap((word) => Object.entries(LIBCS).flatMap(([suffix, value]) => (word === suffix ? [value] : [])));
  if (cpu.length === 0)
    throw new Error(`${name} is missing from package-lock.json, and its name does not say for which system it is: add it by hand.`);
  return { cpu, ...(libc.length > 0 && { libc }), ...(os.length > 0 && { os }) };
};

/**
 * The folders in which Node looks for the dependencies of the package at `place`, nearest first.
 * @param {string} place such as `node_modules/vite/node_modules/rolldown`
 * @returns {string[]} such as `node_modules/vite/node_modules/rolldown/node_modules`, …, `node_modules`
 */
const searchFolders = (place) => {
  const cut = place.lastIndexOf("node_modules/");
  return [`${place}/node_modules`, ...(cut > 0 ? searchFolders(place.slice(0, cut - 1)) : ["node_modules"])];
};

/**
 * @param {Lockfile} lockfile
 * @returns {Record<string, LockEntry>} the entries that are missing, by their place
 */
export const missingEntries = (lockfile) => {
  /** @type {Record<string, LockEntry>} */
  const added = {};
  /** @param {string} place */
  const at = (place) => lockfile.packages[place] ?? added[place];
  // Shallow packages first, as npm does it: they get the place at the top.
  const parents = Object.entries(lockfile.packages).sort(([a], [b]) => a.split("node_modules/").length - b.split("node_modules/").length);
  for (const [parent, { optionalDependencies = {}, dev }] of parents) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const places = searchFolders(parent).map((folder) => `${folder}/${name}`);
      const found = places.findIndex((candidate) => at(candidate) !== undefined);
      if (found !== -1 && (at(places[found] ?? "")?.version === version || !/^\d/.test(version))) continue;
      // As near to the top as it can be without being hidden by another version.
      const place = places[(found === -1 ? places.length : found) - 1];
      if (place === undefined)
        throw new Error(`${parent} has another version of ${name} in itself than it asks for: make the lockfile anew with npm install.`);
      added[place] = { version, ...systemsOf(name), ...(dev === true && { dev }), optional: true };
    }
  }
  return added;
};

/**
 * @param {Lockfile} lockfile
 * @returns {Lockfile} the same with the missing entries, in npm's order
 */
export const completed = (lockfile) => {
  const all = Object.entries({ ...lockfile.packages, ...missingEntries(lockfile) });
  return { ...lockfile, packages: Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, "en"))) };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
  const text = readFileSync(path, "utf8");
  /** @type {Lockfile} */
  const lockfile = JSON.parse(text);
  const missing = Object.keys(missingEntries(lockfile));
  if (process.argv.includes("--write")) writeFileSync(path, `${JSON.stringify(completed(lockfile), null, 2)}\n`);
  for (const place of missing) process.stdout.write(`missing: ${place}\n`);
  if (!process.argv.includes("--write") && missing.length > 0) process.exitCode = 1;
}
