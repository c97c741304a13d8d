/** `gaggle demo`: the month-end close of the sample company on this machine, from nothing to evidence. Source: design, The main job. */
import { appendFileSync, existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { z } from "zod";
import { systemClock } from "../agent/system.ts";
import { connectDaemon } from "../client/connect-daemon.ts";
import { AUTOSTART_VARIABLE } from "../client/start-daemon.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { findGoose } from "../executor/find-goose.ts";
import { askYesOrNo } from "./ask-person.ts";
import { chooseModel, type ModelChoice } from "./choose-model.ts";
import { checkPeriod, DEMO_AGENTS, type DemoAgent, demoPaths, makeDemoFolder, readDemoState } from "./demo-folder.ts";
import {
  agentEnvironment,
  changeModel,
  createDemoSupervisor,
  type DemoSetting,
  foundOrganisation,
  newDemoState,
  startAgents,
  startBootstrapNode,
  stopAgents,
  waitForBootstrapNode,
  waitUntilMet,
} from "./demo-organisation.ts";
import { DEMO_MARKER, freeFolder, ownFolder } from "./folder-owner.ts";
import { runGaggle } from "./gaggle-command.ts";
import { startModelTap } from "./model-tap.ts";
import type { TimelineEntry } from "./page/model.ts";
import { runPersonsGoose } from "./persons-goose.ts";
import { startRehearsalModel } from "./rehearsal/rehearsal-model.ts";
import { sampleScripts } from "./rehearsal/scripts/sample-scripts.ts";
import { countMasked, timelineEntry } from "./timeline.ts";
import { headOf, watchAgents } from "./watch-agents.ts";
import { collectAudit, verdictMessage, writeEvidence } from "./write-evidence.ts";

/** The command that goes on with the organisation of a demo, as the person started it: by npm in a clone, or as an installed program. */
export function againCommand(env: NodeJS.ProcessEnv, dir: string): string {
  const program = env["npm_lifecycle_event"] === "start" ? "npm start --" : "gaggle demo";
  return `${program} --again${dir === resolve(".gaggle-demo") ? "" : ` --dir ${JSON.stringify(dir)}`}`;
}

/** What the demo needs of the command that starts it. */
export interface DemoContext {
  readonly env: NodeJS.ProcessEnv;
  readonly installDir: string;
  readonly node: string;
  readonly out: { line(text?: string): void; result(value: unknown): void };
}

/** What the person chose. */
export interface DemoOptions {
  readonly dir: string;
  /** YYYY-MM */
  readonly period: string;
  readonly model?: string;
  /** The person at the keyboard is the executive. */
  readonly interactive: boolean;
  /** Goes on with the organisation of the last demo. */
  readonly again: boolean;
}

/** Turns of the model that finance's run may take, and tries where a process was ended under it. */
const FINANCE_TURNS = 60;
const FINANCE_TRIES = 6;
/** Time for one try of finance's run: a person may think about the approval. */
const FINANCE_TRY_MS = 15 * 60_000;
/** Time for the last steps to reach the screen. */
const CATCH_UP_MS = 5_000;

const financeResult = z.object({ status: z.enum(["posted", "rejected", "awaiting-approval", "failed"]), problem: z.string().optional() });
type FinanceResult = z.infer<typeof financeResult>;

const agentOf = (role: string): DemoAgent => {
  const found = DEMO_AGENTS.find((agent) => agent.role === role);
  if (found === undefined) throw new GaggleError("INTERNAL", `The demo has no ${role}.`);
  return found;
};

/**
 * Runs the close and leaves its evidence in `options.dir`.
 * @param signal aborting it ends everything that was started; the files stay, for `again`
 * @throws GaggleError GOOSE_MISSING, INVALID_INPUT, CONFLICT (the folder), TIMEOUT, EXECUTOR_FAILED (the close did not end), AUDIT_BROKEN;
 *   the signal's reason
 */
export async function runDemo(context: DemoContext, options: DemoOptions, signal: AbortSignal): Promise<void> {
  const goose = findGoose({ env: context.env, installDir: context.installDir });
  const choice = chooseModel(options.model, context.env);
  await checkPeriod(context.installDir, options.period);
  await freeFolder(options.dir);
  const state = options.again ? await readDemoState(options.dir) : await newDemoState();
  if (!options.again) await makeDemoFolder(options.dir, context.installDir, state);
  await ownFolder(options.dir);
  const setting: DemoSetting = {
    dir: options.dir,
    program: { node: context.node, entry: join(context.installDir, "dist", "gaggle.js"), signal },
    // The supervisor keeps the daemons running; nothing else shall start one.
    env: { ...context.env, [DEMO_MARKER]: options.dir, [AUTOSTART_VARIABLE]: "never" },
    state,
    say: (text) => context.out.line(`${styleText("dim", "·")} ${text}`),
  };
  await runClose(context, options, setting, goose, choice);
}

/** Starts everything, runs the close, gathers the evidence, ends everything. */
async function runClose(
  context: DemoContext,
  options: DemoOptions,
  setting: DemoSetting,
  goose: string,
  choice: ModelChoice,
): Promise<void> {
  const { out } = context;
  const { state } = setting;
  out.line(styleText("bold", `Month-end close of Northwind Optics for ${options.period}`));
  out.line(`Model: ${choice.description}. Goose: ${goose}`);

  const rehearsal = choice.baseUrl === null ? await startRehearsalModel({ scripts: sampleScripts, clock: systemClock }) : undefined;
  const paths = demoPaths(options.dir);
  rmSync(paths.modelRequests, { force: true });
  const tap = await startModelTap({ clock: systemClock }, { upstream: rehearsal?.url ?? choice.baseUrl ?? "", file: paths.modelRequests });
  const supervisor = createDemoSupervisor(options.dir, (name) =>
    out.line(styleText("yellow", `  ${name} had ended and was started again`)),
  );
  const work = async (): Promise<void> => {
    if (options.again) {
      startBootstrapNode(setting, supervisor);
      await waitForBootstrapNode(setting);
      await changeModel(setting, choice, tap.url);
    } else await foundOrganisation(setting, supervisor, choice, tap.url);
    startAgents(setting, supervisor);
    const titles = await waitUntilMet(setting);
    setting.say("Five agents have found each other and proven their membership");
    out.line();

    const story = await tellClose(context, options, setting, goose);
    const durationMs = story.durationMs;
    out.line();
    await stopAgents(setting, supervisor);
    const verdict = await collectAudit(setting, `http://127.0.0.1:${state.apiPort}`);
    const masked = countMasked(story.timeline);
    if (story.result.status === "posted") {
      await writeEvidence(
        setting,
        { period: options.period, timeline: story.timeline, titles, modelName: choice.model, durationMs },
        verdict,
      );
    }
    out.result({ status: story.result.status, dir: options.dir, durationMs, masked, audit: { ok: verdict.ok, events: verdict.events } });
    for (const line of closingLines({
      ...story,
      masked,
      audit: verdictMessage(verdict),
      dir: options.dir,
      again: againCommand(context.env, options.dir),
    }))
      out.line(line);
    if (!verdict.ok) throw new GaggleError("AUDIT_BROKEN", verdictMessage(verdict));
    if (story.result.status !== "posted" && story.result.status !== "rejected") {
      throw new GaggleError(
        "EXECUTOR_FAILED",
        `The close ended as ${story.result.status}. ${story.result.problem ?? ""} Go on with: ${againCommand(context.env, options.dir)}`,
      );
    }
  };
  try {
    await untilAborted(work(), setting.program.signal);
  } finally {
    await stopAgents(setting, supervisor);
    await supervisor.stopAll();
    await tap.close();
    await rehearsal?.close();
  }
}

/** What `work` gives, or the signal's reason as soon as it aborts; what `work` does after that finds nothing to work with. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => undefined);
  }
}

/** Runs finance's recipe while every agent is watched and the executive decides. */
async function tellClose(context: DemoContext, options: DemoOptions, setting: DemoSetting, goose: string) {
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
  for (let attempt = 1; attempt <= FINANCE_TRIES && !signal.aborted; attempt += 1) {
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

/** Environment of a person's own Goose in the demo. */
const personEnvironment = (setting: DemoSetting, agent: DemoAgent): NodeJS.ProcessEnv => ({
  ...agentEnvironment(setting, agent),
  GOOSE_MODE: "auto",
  GOOSE_DISABLE_KEYRING: "1",
  GOOSE_DISABLE_SESSION_NAMING: "true",
  CONTEXT_FILE_NAMES: "[]",
});

/** The executive: lets their Goose explain each request, then decides with `gaggle approve` or `gaggle reject`. */
function createExecutive(context: DemoContext, options: DemoOptions, setting: DemoSetting, goose: string) {
  const agent = agentOf("executive");
  const { dir, state, program } = setting;
  const env = personEnvironment(setting, agent);
  const seen = new Set<string>();
  let work: Promise<void> = Promise.resolve();

  const explain = async (approvalId: string): Promise<string> => {
    const recipe = join(demoPaths(dir).gooseRoot(agent.subject), "config", "recipes", "review-close.yaml");
    const signal = AbortSignal.any([AbortSignal.timeout(120_000), program.signal]);
    const run = { program, goose, recipe, params: { approval_id: approvalId }, env, cwd: dir, maxTurns: 10, signal };
    const said = await runPersonsGoose(run).catch(() => undefined);
    return z.object({ summary: z.string() }).safeParse(said).data?.summary ?? "The executive's Goose could not explain the request.";
  };

  const askPerson = async (approvalId: string): Promise<"approve" | "reject"> => {
    const end = (name: NodeJS.Signals): void => void process.kill(process.pid, name);
    const keyboard = { input: process.stdin, output: process.stderr, end };
    return (await askYesOrNo(`      Approve ${approvalId}?`, keyboard, program.signal)) ? "approve" : "reject";
  };

  const decide = async (approvalId: string): Promise<void> => {
    context.out.line(`      ${styleText("cyan", `${agent.subject}'s Goose explains:`)} ${await explain(approvalId)}`);
    const verb = options.interactive ? await askPerson(approvalId) : "approve";
    if (!options.interactive)
      context.out.line(styleText("dim", "      (the demo plays the executive and approves; --interactive asks you)"));
    const args = [
      verb,
      approvalId,
      "--reason",
      options.interactive ? "decided at the keyboard" : "played by the demo",
      "--passphrase-stdin",
    ];
    await runGaggle(program, args, { env, cwd: dir, input: `${state.passphrase}\n` }).catch((error: unknown) => {
      // Decided before a restart: the decision stands.
      if (errorCode(error) !== "STATE_CONFLICT") throw error;
    });
  };

  const asked = (approvalId: string): void => {
    if (seen.has(approvalId)) return;
    seen.add(approvalId);
    work = work.then(() => retry(() => decide(approvalId), program.signal));
    work.catch(() => undefined);
  };

  return {
    asked,
    /** Requests that waited already, from an earlier run. */
    async takeUp(): Promise<void> {
      const daemon = await connectDaemon({ home: demoPaths(dir).home(agent.subject), program: "demo", timeoutMs: 5_000 });
      try {
        const { items } = await daemon.call("inbox.list", { kind: "approval", waiting: true });
        for (const item of items) if (item.kind === "approval") asked(item.approvalId);
      } finally {
        daemon.close();
      }
    },
    done: (): Promise<void> => work,
  };
}

/** The daemon may be ended and come back while the person decides. */
async function retry(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let left = 4; ; left -= 1) {
    try {
      return await run();
    } catch (error) {
      // A person who can't be asked is not asked again.
      if (left === 0 || signal.aborted || errorCode(error) === "INVALID_INPUT") throw error;
    }
  }
}

const LINE_STYLE: Partial<Record<TimelineEntry["kind"], "cyan" | "green" | "red" | "dim" | "bold">> = {
  "task-sent": "cyan",
  "approval-asked": "cyan",
  "approval-decided": "green",
  "approval-accepted": "green",
  posted: "green",
  denied: "red",
  "model-call": "dim",
  "task-received": "dim",
};

/** One step on screen. */
function timelineLine({ atMs, lane, text, kind }: TimelineEntry): string {
  const line = `${`${(atMs / 1_000).toFixed(1)} s`.padStart(8)}  ${lane.padEnd(17)} ${text}`;
  const style = LINE_STYLE[kind];
  return style === undefined ? line : styleText(style, line);
}

/** What stands at the end. */
function closingLines(end: {
  result: FinanceResult;
  durationMs: number;
  masked: readonly { class: string; count: number }[];
  audit: string;
  dir: string;
  again: string;
}): string[] {
  const masked = end.masked.map(({ class: name, count }) => `${count} ${name}`).join(", ");
  const posted = end.result.status === "posted";
  const head = posted ? styleText("green", "The close is posted.") : `The close ended as ${end.result.status}; nothing was posted.`;
  return [
    `${head} It took ${(end.durationMs / 1_000).toFixed(1)} s.`,
    `Masked before the model saw it (summed over its requests): ${masked || "nothing"}`,
    `Audit: ${end.audit}`,
    ...(posted && existsSync(demoPaths(end.dir).page)
      ? [`Evidence: ${end.dir} (open index.html there, read report.md)`]
      : [`Evidence: ${end.dir}`]),
    ...(posted ? [`Run it again and nothing is posted twice: ${end.again}`] : []),
    ...(end.result.status === "rejected" ? ["The decision stands. Without --again the demo starts anew."] : []),
  ];
}
