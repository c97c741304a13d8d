/**
 * Stands for the `gaggle` program's `agent` command: `node stand-in-agent.ts agent`. Takes the home's store lock like the daemon does,
 * ends quietly where another one has it, else serves the stand-in handlers until it is told to stop or killed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import { startStandIn } from "./stand-in-daemon.ts";

const home = process.env["GAGGLE_HOME"];
if (process.argv[2] !== "agent" || home === undefined) throw new Error("Start it as: GAGGLE_HOME=… node stand-in-agent.ts agent");
if (process.env["STAND_IN_SAYS"] !== undefined) {
  process.stderr.write(process.env["STAND_IN_SAYS"]);
  process.exit(1);
}
if (process.env["STAND_IN_FAILS"] !== undefined) throw new Error("The stand-in was told to fail.");

// One that was started in vain may get the lock after its test is over; with the test's folder it goes too.
setInterval(() => {
  if (!existsSync(join(home, "config.json"))) process.exit(0);
}, 200).unref();

// One that is slow to start, until somebody ends it.
if (process.env["STAND_IN_WAITS"] !== undefined) await new Promise(() => setInterval(() => undefined, 1_000));

const store = new Level(join(home, "store"));
try {
  await store.open();
} catch {
  process.exit(0);
}
const daemon = await startStandIn(socketPathFor(home), {
  "daemon.stop": () => {
    setImmediate(() => void daemon.close().then(() => store.close()));
    return { ok: true };
  },
});
