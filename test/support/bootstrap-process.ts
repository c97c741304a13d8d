/** Runs a bootstrap node as a process of its own: `node bootstrap-process.ts DIR PORT`. Prints its URL, serves until it is killed. */
import { randomBytes } from "node:crypto";
import { createBootstrapNode } from "../../bootstrap-node/create-bootstrap-node.ts";
import { createWallClock } from "./wall-clock.ts";

const [dir = "", port = "0"] = process.argv.slice(2);
const quiet = (): void => undefined;
const node = await createBootstrapNode(
  {
    clock: createWallClock(),
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  },
  { dir, host: "127.0.0.1", port: Number(port), version: "0.0.0-test", peer: null },
);
process.stdout.write(`${node.url}\n`);
