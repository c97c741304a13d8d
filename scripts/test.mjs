/**
 * The whole gate: checks that need no run, then every test. Goes on after a failure, so that one run shows everything.
 * Its last line is `N passed, N failed` (and `, N skipped`); each stage before the tests counts as one. `npm test` calls it after the set-up.
 *
 * Usage: node scripts/test.mjs [--quick] [arguments for Vitest]   --quick: types, unit and contract tests only
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { runChild } from "../bin/run-child.js";
import { countAll, countVitest, summaryLine } from "./test-summary.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const report = join(root, ".cache", "vitest-report.json");
const env = { ...process.env, PATH: [join(root, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) };
const quick = process.argv.includes("--quick");
const vitestArgs = process.argv.slice(2).filter((arg) => arg !== "--quick");

/** @typedef {{title: string, command: readonly string[], quick?: boolean, loud?: boolean}} Stage `loud`: its output is shown as it comes */

/**
 * @param {string} name of an npm package with a program in JavaScript
 * @param {string} path of the program in it
 */
const tool = (name, path) => join(root, "node_modules", name, path);

/** @type {readonly Stage[]} */
const STAGES = [
  { title: "Types (tsc)", command: [tool("typescript", "bin/tsc"), "-p", root], quick: true },
  { title: "Format and style (biome)", command: [tool("@biomejs/biome", "bin/biome"), "check", "--error-on-warnings"] },
  { title: "Lint with types (oxlint)", command: [tool("oxlint", "bin/oxlint"), "--type-aware", "--deny-warnings"] },
  { title: "Import rules", command: [join(root, "scripts/check-imports.mjs")], quick: true },
  { title: "Unused files, exports and packages (knip)", command: [tool("knip", "bin/knip.js"), "--no-progress"] },
  { title: "Lockfile is complete", command: [join(root, "scripts/complete-lockfile.mjs")] },
  { title: "Programs that tests need", command: [join(root, "scripts/test-packages.mjs")], loud: true },
];

/** @param {number} began epoch milliseconds */
const since = (began) => `${((Date.now() - began) / 1_000).toFixed(1)} s`;

/** @param {string} line */
const say = (line) => void process.stdout.write(`${line}\n`);

/**
 * Runs one stage; what it printed is shown where it failed.
 * @param {Stage} stage
 * @returns {boolean} true where it passed
 */
const runStage = ({ title, command, loud = false }) => {
  const began = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: loud ? "inherit" : "pipe",
  });
  say(`${status === 0 ? "✓" : "✗"} ${title} (${since(began)})`);
  if (status !== 0 && !loud) say(`${stdout}${stderr}`.trimEnd());
  return status === 0;
};

/** @returns {Promise<import("./test-summary.mjs").Counts>} */
const runVitest = async () => {
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const projects = quick ? ["--project=unit", "--project=contract"] : [];
  const args = [
    tool("vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...projects,
    ...vitestArgs,
  ];
  // One folder for all temporary files, so that those of processes that tests kill go away too, and for what Node compiled: hundreds of starts share it.
  const temporary = mkdtempSync(join(tmpdir(), "gaggle-tests-"));
  const cache = join(temporary, "cache");
  const { code } = await runChild(process.execPath, args, {
    cwd: root,
    env: { ...env, TMPDIR: temporary, XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: join(cache, "compile") },
  });
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  if (!existsSync(report)) return countVitest(undefined, code);
  /** @type {import("./test-summary.mjs").VitestReport} */
  const found = JSON.parse(readFileSync(report, "utf8"));
  return countVitest(found, code);
};

const began = Date.now();
say(`\n── Checks ${"─".repeat(60)}`);
const stages = STAGES.filter((stage) => !quick || stage.quick === true).map(runStage);
say(`\n── Tests ${"─".repeat(61)}`);
const counts = countAll(stages, await runVitest());
say(`\n── Result after ${since(began)} ${"─".repeat(45)}`);
say(summaryLine(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
