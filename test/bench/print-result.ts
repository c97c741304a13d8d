/** The figures as tables for people. */
import type { BenchResult } from "./core.ts";
import { figureRows, round, table } from "./table.ts";

/** Prints everything that was measured. */
export function printResult(result: BenchResult, out: NodeJS.WritableStream): void {
  const { machine, goals, extensionStart, taskDelivery, idleMemory, packageSize, gateway, auditVerify, firstStart } = result;
  out.write(`Node ${machine.node}, ${machine.platform}, ${machine.cores} × ${machine.cpu}, load ${round(machine.load)} at the beginning\n`);
  table(out, "Wanted figures", [
    ["ratio of medians", "wanted", "measured", ""],
    ...goals.map(({ name, limit, ratio, ok }) => [name, `≤ ${limit}`, round(ratio), ok ? "ok" : "ABOVE"]),
  ]);
  table(out, "Start of what Goose starts, compile cache filled", figureRows(extensionStart.warm));
  table(out, "Start of what Goose starts, no compile cache", figureRows(extensionStart.cold));
  table(out, "1 KB task over the mesh", figureRows(taskDelivery.figures));
  table(out, "2 KB prompt to a model", figureRows(gateway.figures));
  table(out, "More", [
    ["what", "value"],
    [`idle daemon, ${idleMemory.peers} peers connected`, `${round(idleMemory.daemonMiB, 0)} MiB`],
    ["idle daemon ÷ bare Node", `${round(idleMemory.ratio)} (${round(idleMemory.bareNodeMiB, 0)} MiB)`],
    ["npm pack", `${round(packageSize.packedKiB, 0)} KiB, unpacked ${round(packageSize.unpackedKiB, 0)} KiB, ${packageSize.files} files`],
    ["the guard adds to a 2 KB prompt", `${round(gateway.addedMs)} ms`],
    ["audit verify", `${round(auditVerify.eventsPerSecond, 0)} events/s (${auditVerify.events} events)`],
    ...(firstStart === undefined
      ? []
      : [
          ["npm start, the first time, with its set-up", `${round(firstStart.firstSeconds, 0)} s`],
          ["npm start, the second time", `${round(firstStart.secondSeconds, 0)} s`],
          [`task to an unattended Goose and back (${firstStart.tasks} tasks)`, `${round(firstStart.taskRoundTripSeconds, 1)} s`],
        ]),
  ]);
}
