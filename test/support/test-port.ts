/** Ports that tests write down before somebody listens on them. */
import { randomInt } from "node:crypto";
import { tryPort } from "../../mesh/agent/free-port.ts";

/** Below those that Gaggle's own programs draw; workers of the test runner are numbered from 1 on, and each has its own. */
const LOWEST = 10_000;
const OF_A_WORKER = 3_000;
const WORKERS = 3;

const own = LOWEST + (Number(process.env["VITEST_POOL_ID"] ?? 0) % WORKERS) * OF_A_WORKER;
let next = randomInt(OF_A_WORKER);

/** A port that is free on loopback now, and that no other test or program of ours is given. @throws Error where all of this worker's are taken */
export async function testPort(): Promise<number> {
  for (let tries = 0; tries < OF_A_WORKER; tries++) {
    const port = own + (next++ % OF_A_WORKER);
    const isFree = await tryPort(port).then(
      () => true,
      () => false,
    );
    if (isFree) return port;
  }
  throw new Error(`the ports ${own} to ${own + OF_A_WORKER - 1} are all taken`);
}
