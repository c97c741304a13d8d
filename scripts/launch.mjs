/**
 * What `npm start` and `npm test` call, also on a fresh clone: installs and builds where needed, then runs the wanted program with a Node
 * that is new enough. Plain JavaScript without packages, for the Node that happens to be there (18 or newer).
 *
 * Usage: node scripts/launch.mjs start|test|quick|build|bench|bench-guard|bench-mesh|bench-trust|bench-discovery|fuzz|sim|chaos [arguments of the program]
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findNode } from "../bin/find-node.js";
import { endLike, runChild } from "../bin/run-child.js";
import { withLock } from "./folder-lock.mjs";
import { ensureBuilt, ensureInstalled } from "./set-up.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {Readonly<Record<string, readonly string[]>>} what each word runs after the set-up: a script and its first arguments; none for `build` */
const PROGRAMS = {
  start: ["dist/gaggle.js", "demo"],
  test: ["scripts/test.mjs"],
  quick: ["scripts/test.mjs", "--quick"],
  bench: ["test/bench/core.ts"],
  "bench-guard": ["test/bench/guard.ts"],
  "bench-mesh": ["test/bench/mesh.ts"],
  "bench-trust": ["test/bench/trust.ts"],
  "bench-discovery": ["test/bench/discovery.ts"],
  fuzz: ["test/fuzz/main.ts"],
  sim: ["test/sim/main.ts"],
  chaos: ["test/chaos/main.ts"],
  build: [],
};

/** @param {string} line */
const say = (line) => void process.stderr.write(`${line}\n`);

/** @returns {Promise<string>} the Node that everything runs with */
const setUp = () =>
  withLock(
    join(root, ".cache", "set-up.lock"),
    async (addOwner) => {
      await ensureInstalled(root, { say, onChild: addOwner });
      const node = findNode(join(root, "package.json"));
      await ensureBuilt(root, node, { say, onChild: addOwner });
      return node;
    },
    () => say("Another set-up of this clone is running; waiting for it …"),
  );

/** Ends this process, and so what it runs, when npm is gone: npm passes a signal to a shell, and that shell ends without passing it on. */
const endWithParent = () => {
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.kill(process.pid, "SIGTERM"), 500).unref();
};

/**
 * @param {readonly string[]} argv
 * @returns {Promise<void>}
 */
const main = async ([word = "", ...args]) => {
  const program = PROGRAMS[word];
  if (program === undefined) throw new Error(`Unknown word "${word}". Use one of: ${Object.keys(PROGRAMS).join(", ")}.`);
  endWithParent();
  const node = await setUp();
  const [script, ...first] = program;
  if (script !== undefined) endLike(await runChild(node, [join(root, script), ...first, ...args]));
};

main(process.argv.slice(2)).catch((error) => {
  say(error instanceof Error ? error.message : String(error));
  // Whoever reads the last line of a test run must see this failure too.
  if (process.argv[2] === "test") process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
});
