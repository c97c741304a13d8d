/** The close itself: finance's person runs the recipe, the executive decides, and every step is told as it happens. */
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../agent/system.ts";
import { errorCode } from "../contract/errors.ts";
import { freeBytesOf } from "../store/disk-reserve.ts";
import { agentOf, DEMO_AGENTS, demoPaths } from "./demo-folder.ts";
import { type DemoSetting, personEnvironment } from "./demo-organisation.ts";
import type { DemoContext, DemoOptions } from "./demo-options.ts";
import { createExecutive } from "./executive.ts";
import type { TimelineEntry } from "./page/model.ts";
import { runPersonsGoose } from "./persons-goose.ts";
import { timelineLine } from "./screen.ts";
import { timelineEntry } from "./timeline.ts";
import { waitForRoom } from "./wait-for-room.ts";
import { headOf, watchAgents } from "./watch-agents.ts";

/** Turns of the model that finance's run may take, and tries where a process was ended under it. */
const FINANCE_TURNS = 60;
const FINANCE_TRIES = 6;
/** Time for one try of finance's run: a person may think about the approval. */
const FINANCE_TRY_MS = 15 * 60_000;
/** Longest wait for the last steps to reach the screen, also of a daemon that has just been brought back. */
const CATCH_UP_MS = 20_000;

const financeResult = z.object({ status: z.enum(["posted", "rejected", "awaiting-approval", "failed"]), problem: z.string().optional() });
type FinanceResult = z.infer<typeof financeResult>;

/** Runs finance's recipe while every agent is watched and the executive decides; `goose`: absolute path of Goose. */
export async function tellClose(context: DemoContext, options: DemoOptions, setting: DemoSetting, goose: string) {
  const paths = demoPaths(options.dir);
  const startMs = systemClock.now();
  const timeline: TimelineEntry[] = [];
  rmSync(paths.timeline, { force: true });
  const executive = createExecutive(context, options, setting, goose);
  const add = (entry: TimelineEntry): void => {
    timeline.push(entry);
    appendFileSync(paths.timeline, `${JSON.stringify(entry)}\n`);
    context.out.line(timelineLine(entry));
  };
  const watched = await Promise.all(
    DEMO_AGENTS.map(async ({ subject }) => ({ subject, home: paths.home(subject), fromSeq: (await headOf(paths.home(subject))) + 1 })),
  );
  const watch = watchAgents(watched, (subject, event) => {
    const entry = timelineEntry(event, subject, startMs);
    if (entry !== undefined) add(entry);
    if (event.action === "approval.receive" && subject === agentOf("executive").subject)
      executive.asked(event.target.slice("approval:".length));
  });
  try {
    await executive.takeUp();
    const result = await runFinance(options, setting, goose, (text) =>
      add({ at: new Date().toISOString(), atMs: systemClock.now() - startMs, lane: agentOf("finance").subject, kind: "note", text }),
    );
    await executive.done();
    await watch.caughtUp(CATCH_UP_MS);
    if (result.status === "posted") {
      const text = "posts the close: the approved entries, once";
      add({ at: new Date().toISOString(), atMs: systemClock.now() - startMs, lane: agentOf("finance").subject, kind: "posted", text });
    }
    timeline.sort((a, b) => a.atMs - b.atMs);
    return { result, timeline, durationMs: systemClock.now() - startMs };
  } finally {
    watch.stop();
  }
}

/** Finance's person runs the recipe; where a process was ended under it, runs it again: nothing is asked, approved or posted twice. */
async function runFinance(
  { dir, period }: DemoOptions,
  setting: DemoSetting,
  goose: string,
  note: (text: string) => void,
): Promise<FinanceResult> {
  const finance = agentOf("finance");
  const { signal } = setting.program;
  let last: FinanceResult = { status: "failed" };
  const room = {
    freeBytes: () => freeBytesOf(dir),
    pause: (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined),
    note,
    signal,
  };
  for (let attempt = 1; attempt <= FINANCE_TRIES && !signal.aborted; attempt += 1) {
    await waitForRoom(room);
    note(attempt === 1 ? "runs the recipe month-end-close in Goose" : "runs the recipe again: what was done stays done");
    last = await runPersonsGoose({
      program: setting.program,
      goose,
      recipe: join(demoPaths(dir).gooseRoot(finance.subject), "config", "recipes", "month-end-close.yaml"),
      params: { period },
      env: personEnvironment(setting, finance),
      cwd: join(demoPaths(dir).books, "finance"),
      maxTurns: FINANCE_TURNS,
      signal: AbortSignal.any([AbortSignal.timeout(FINANCE_TRY_MS), signal]),
    }).then(
      (result) => financeResult.parse(result),
      (error: unknown) => ({ status: "failed" as const, problem: `Goose was ended (${errorCode(error)}).` }),
    );
    if (last.status === "posted" || last.status === "rejected") return last;
  }
  return last;
}
