/** The guard's figures as tables for people. */
import type { AddedTime } from "./guard-calls.ts";
import type { GuardBenchResult } from "./guard.ts";
import { figureRows, round, table } from "./table.ts";

const addedRows = (name: string, times: Readonly<Record<string, AddedTime>>): string[][] =>
  Object.entries(times).map(([size, { straight, guarded, addedMs }]) => [
    `${size} ${name}`,
    round(straight.p50),
    round(guarded.p50),
    round(addedMs.p50),
    round(addedMs.p95),
    String(guarded.count),
  ]);

const withUnit = (figures: GuardBenchResult["detection"]["cold"], name: string): GuardBenchResult["detection"]["cold"] =>
  Object.fromEntries(Object.entries(figures).map(([size, each]) => [`${size} ${name}`, each]));

/** Prints everything that was measured. */
export function printGuardResult({ machine, goals, detection, calls, bert }: GuardBenchResult, out: NodeJS.WritableStream): void {
  const { node, platform, cores, cpu, load } = machine;
  out.write(`Node ${node}, ${platform}, ${cores} × ${cpu}, load ${round(load)} at the beginning\n`);
  table(out, "Wanted figures", [
    ["", "wanted", "measured", ""],
    ...goals.map(({ name, unit, limit, atLeast, measured, ok }) => [
      name,
      `${atLeast ? "≥" : "≤"} ${limit} ${unit}`,
      `${round(measured, 1)} ${unit}`,
      ok ? "ok" : atLeast ? "BELOW" : "ABOVE",
    ]),
  ]);
  const alone = { ...withUnit(detection.cold, "new"), ...withUnit(detection.remembered, "known") };
  table(out, "Detection by itself", figureRows(alone));
  table(out, "Time to the first word of the answer, milliseconds", [
    ["prompt", "straight p50", "guarded p50", "added p50", "added p95", "count"],
    ...addedRows("new", calls.cold),
    ...addedRows("sent again", calls.resent),
    ...addedRows("sent again, and a new line", calls.nextTurn),
  ]);
  table(out, "More", [
    ["what", "value"],
    ["added to each chunk of a stream full of tokens", `${round(calls.addedPerChunkUs, 0)} µs`],
    ["2 KiB of new text, eight at once", `${round(calls.atOnce.requestsPerSecond, 1)} requests/s`],
    ["  until the first word, p50 and p95", `${round(calls.atOnce.figures.p50, 0)} ms, ${round(calls.atOnce.figures.p95, 0)} ms`],
    ["daemon before its first model call", `${round(calls.memoryMiB.before, 0)} MiB`],
    ["daemon after all of them", `${round(calls.memoryMiB.after, 0)} MiB`],
  ]);
  if ("missing" in bert) return void out.write(`\nNOT COMPARED WITH BERT: ${bert.missing}\n`);
  table(out, `The same 2 KiB, side by side (the pipeline stops at 512 tokens; it looked at ${bert.tokens})`, figureRows(bert.figures));
}
