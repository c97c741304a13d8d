/**
 * A real daemon for chaos runs: all of `startAgent`, with three things in a test's hands, which the product has no switch for: the offset of its clock
 * and how full its disk is (read again and again from the file `CHAOS_CONTROL`), and its runs (a stand-in for Goose that has effects outside).
 * Outgoing connections go through the proxy at port `CHAOS_PROXY`, which is told who calls.
 *
 * Usage: node daemon-process.ts agent   (environment: GAGGLE_HOME, CHAOS_NAME, CHAOS_PROXY, CHAOS_CONTROL, CHAOS_OUTSIDE, CHAOS_INSTALL)
 */
import { readFileSync } from "node:fs";
import net, { type NetConnectOpts, type Socket } from "node:net";
import { startAgent } from "../../mesh/agent/start-agent.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { createLog } from "../../mesh/cli/log.ts";
import { VERSION } from "../../mesh/contract/version.ts";
import { createStandInRunner } from "./stand-in-runner.ts";

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const control = { offsetMs: 0, full: false };
const look = (): void => {
  try {
    Object.assign(control, JSON.parse(readFileSync(setting("CHAOS_CONTROL"), "utf8")));
  } catch {
    // It is being written, or was never written: all stays as it is.
  }
};
look();
setInterval(look, 100).unref();

const connect = net.connect.bind(net);
/** What libp2p's TCP transport calls: the proxy learns in one line who calls whom. */
net.connect = ((options: NetConnectOpts & { port: number; host?: string }, ...rest: []): Socket => {
  const socket = connect({ ...options, host: "127.0.0.1", port: Number(setting("CHAOS_PROXY")) }, ...rest);
  socket.write(`${setting("CHAOS_NAME")} ${options.port}\n`);
  return socket;
}) as typeof net.connect;

const home = setting("GAGGLE_HOME");
const agent = await startAgent(
  {
    clock: { now: () => systemClock.now() + control.offsetMs, after: systemClock.after },
    random: systemRandom,
    fetch: globalThis.fetch,
    log: createLog("agent", process.env),
    freeBytes: () => (control.full ? 0 : Number.MAX_SAFE_INTEGER),
  },
  {
    home,
    installDir: setting("CHAOS_INSTALL"),
    node: process.execPath,
    version: VERSION,
    env: process.env,
    prepareRuns: () => Promise.resolve(),
    runner: createStandInRunner({ dir: setting("CHAOS_OUTSIDE") }),
  },
);
process.once("SIGTERM", () => void agent.close());
await agent.ended;
