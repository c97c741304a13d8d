/** `gaggle demo`: the month-end close of the sample company on this machine, from nothing to evidence. Source: design, The main job. */
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { systemClock } from "../agent/system.ts";
import { AUTOSTART_VARIABLE } from "../client/start-daemon.ts";
import { GaggleError } from "../contract/errors.ts";
import { findGoose } from "../executor/find-goose.ts";
import { chooseModel, type ModelChoice } from "./choose-model.ts";
import { checkPeriod, demoPaths, makeDemoFolder, readDemoState } from "./demo-folder.ts";
import type { DemoContext, DemoOptions } from "./demo-options.ts";
import {
  changeModel,
  collectEvents,
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
import { startModelTap } from "./model-tap.ts";
import { startRehearsalModel } from "./rehearsal/rehearsal-model.ts";
import { sampleScripts } from "./rehearsal/scripts/sample-scripts.ts";
import { closingLines } from "./screen.ts";
import { tellClose } from "./tell-close.ts";
import { countMasked } from "./timeline.ts";
import { collectAudit, verdictMessage, writeEvidence } from "./write-evidence.ts";

/** The command that goes on with the organisation of a demo, as the person started it: by npm in a clone, or as an installed program. */
export function againCommand(env: NodeJS.ProcessEnv, dir: string): string {
  const program = env["npm_lifecycle_event"] === "start" ? "npm start --" : "gaggle demo";
  return `${program} --again${dir === resolve(".gaggle-demo") ? "" : ` --dir ${JSON.stringify(dir)}`}`;
}

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
    env: { ...context.env, [DEMO_MARKER]: options.dir, [AUTOSTART_VARIABLE]: "never", GAGGLE_KEY_PROTECTION: "none" },
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
  const supervisor = createDemoSupervisor(options.dir, (name, ended) =>
    out.line(styleText("yellow", `  ${name} had ended (${ended}) and was started again`)),
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
    await collectEvents(setting);
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
      status: story.result.status,
      durationMs,
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

/** Longest wait for what a signal ends: keepers end Goose and all that it started. */
const ENDING_MS = 5_000;

/** What `work` gives, or the signal's reason once it aborts and what runs has ended; what `work` does after that finds nothing to work with. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    if (signal.aborted) await Promise.race([settled, sleep(ENDING_MS, undefined, { ref: false })]);
  }
}
