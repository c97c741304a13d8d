#!/usr/bin/env node
/** The installed command `gaggle`: finds a Node that is new enough and starts the built program with it. Runs on Node 18 and newer. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findNode } from "./find-node.js";
import { endLike, runChild } from "./run-child.js";

const program = new URL("../dist/gaggle.js", import.meta.url);

/** @returns {string | undefined} the Node to use; undefined once the trouble and its fix are on stderr */
const usableNode = () => {
  try {
    if (existsSync(program)) return findNode(fileURLToPath(import.meta.url));
    throw new Error("Gaggle is not built yet. In a clone, run `npm run build` first (or `npm start`, which builds too).");
  } catch (error) {
    process.stderr.write(`gaggle: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
    return undefined;
  }
};

const node = usableNode();
if (node === process.execPath) await import(program.href);
else if (node !== undefined) endLike(await runChild(node, [fileURLToPath(program), ...process.argv.slice(2)]));
