/** Brings a clone to where it can run: packages from npm, then the built programs. Each only where something changed. Runs on Node 18. */
import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashOfFiles, readStamp } from "./source-stamp.mjs";

/** What the built programs are made from. */
export const SOURCES = [
  "bootstrap-node",
  "extensions",
  "guard",
  "mesh",
  "profiles",
  "package.json",
  "package-lock.json",
  "scripts/build.mjs",
  "tsconfig.json",
];

/**
 * @param {string} root the clone
 * @returns {string} path of the stamp that a build leaves
 */
export const buildStamp = (root) => join(root, "dist", ".built-from");

/**
 * @param {string} root the clone
 * @returns {string} what the programs would be built from now; a stamp with the same text means that they are up to date
 */
export const sourceHash = (root) => hashOfFiles(root, SOURCES);

/**
 * @param {string} root the clone
 * @returns {string} path of the stamp that a finished set-up leaves
 */
const setUpStamp = (root) => join(root, "node_modules", ".gaggle-setup");

/**
 * @param {string} root
 * @returns {string} what is to be installed, and for which system
 */
const lockHash = (root) => `${hashOfFiles(root, ["package-lock.json"])} ${process.platform}-${process.arch}`;

/**
 * True where the packages are those of the lockfile: our stamp says so, or npm wrote its own record after the lockfile last changed
 * (npm writes it at the very end, so a broken installation has none).
 * @param {string} root the clone
 * @returns {boolean}
 */
export const isInstalled = (root) => {
  if (readStamp(setUpStamp(root)) === lockHash(root)) return true;
  const record = statSync(join(root, "node_modules", ".package-lock.json"), { throwIfNoEntry: false });
  return record !== undefined && record.mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
};

/**
 * @param {string} root the clone
 * @returns {boolean} true where `dist/` was built from the sources as they are now
 */
export const isBuilt = (root) => readStamp(buildStamp(root)) === sourceHash(root);

/**
 * @param {string} root
 * @returns {{file: string, args: string[], shell: boolean}} how to call npm: the one that started us, else the one on PATH
 */
const npmCommand = (root) => {
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund", "--include=dev", "--include=optional", "--prefix", root];
  const cli = process.env["npm_execpath"];
  if (cli !== undefined && /npm-cli\.[cm]?js$/.test(cli))
    return { file: process.env["npm_node_execpath"] ?? process.execPath, args: [cli, ...args], shell: false };
  return { file: "npm", args, shell: process.platform === "win32" };
};

/**
 * @typedef {object} Surroundings
 * @property {(line: string) => void} say tells the person what happens
 * @property {(pid: number) => void} onChild hears the process id of every program that is started
 */

/**
 * Runs a command in silence and shows what it said where it fails.
 * @param {{file: string, args: string[], shell?: boolean}} command
 * @param {Surroundings & {cwd: string}} surroundings
 * @returns {Promise<void>}
 * @throws {Error} where it ends with another code than 0
 */
const runQuietly = ({ file, args, shell = false }, { cwd, say, onChild }) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, shell, stdio: ["ignore", "pipe", "pipe"] });
    if (child.pid !== undefined) onChild(child.pid);
    /** @type {Buffer[]} */
    const output = [];
    /** @param {Buffer} chunk */
    const keep = (chunk) => void output.push(chunk);
    const began = Date.now();
    const stillBusy = setInterval(() => say(`  … ${Math.round((Date.now() - began) / 1_000)} s`), 15_000);
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(stillBusy);
      if (code === 0) return resolve();
      return reject(
        new Error(`${Buffer.concat(output).toString("utf8").trim()}\n\n\`${file} ${args.join(" ")}\` failed (exit code ${code}).`),
      );
    });
  });

/**
 * Installs the packages of the lockfile where they are missing or not the right ones.
 * @param {string} root the clone
 * @param {Surroundings} surroundings
 * @returns {Promise<void>}
 */
export const ensureInstalled = async (root, surroundings) => {
  if (isInstalled(root)) return;
  const why = existsSync(join(root, "node_modules")) ? "those in node_modules are others, or not all" : "this is the first run";
  surroundings.say(`Installing the packages of package-lock.json from npm (${why}; usually under two minutes) …`);
  const began = Date.now();
  await runQuietly(npmCommand(root), { cwd: root, ...surroundings });
  writeFileSync(setUpStamp(root), lockHash(root));
  surroundings.say(`Installed in ${Math.round((Date.now() - began) / 1_000)} s.`);
};

/**
 * Builds `dist/` where the sources have changed.
 * @param {string} root the clone
 * @param {string} node a Node that is new enough
 * @param {Surroundings} surroundings
 * @returns {Promise<void>}
 */
export const ensureBuilt = async (root, node, surroundings) => {
  if (isBuilt(root)) return;
  surroundings.say("Building dist/ from the sources …");
  await runQuietly({ file: node, args: [join(root, "scripts", "build.mjs"), "--strict"] }, { cwd: root, ...surroundings });
};
