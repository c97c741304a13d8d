/**
 * Stands for the `gaggle` program's `agent` command: `node stand-in-agent.ts agent`. Takes the home's store lock like the daemon does,
 * ends quietly where another one has it, else serves the stand-in handlers until it is told to stop or killed.
 */
import { join } from "node:path";
import { Level } from "level";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import { startStandIn } from "./stand-in-daemon.ts";

const home = process.env["GAGGLE_HOME"];
if (process.argv[2] !== "agent" || home === undefined) throw new Error("Start it as: GAGGLE_HOME=… node stand-in-agent.ts agent");
if (process.env["STAND_IN_FAILS"] !== undefined) throw new Error("The stand-in was told to fail.");

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
