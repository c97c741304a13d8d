/**
 * Runs a role's recipe for a task, without a person, in a fresh Goose of its own. Source: spec M12; design, Durability.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Skill } from "../contract/bundle.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import type { Clock, Random } from "../contract/ports.ts";
import { declaredResult } from "../recipe/prepare-run.ts";
import { questionIn, resultCheck } from "./final-output.ts";
import { startGoose } from "./goose-process.ts";
import { killTree, type RunRecord } from "./kill-tree.ts";
import { createPermissionGate, type PermissionGate, type ToolDecision } from "./permissions.ts";
import { runSession, type SessionOutcome } from "./recipe-session.ts";
import { runEnvironment } from "./run-environment.ts";
import { runFailure } from "./run-failure.ts";
import { placeFiles, releaseFiles, type RunFile } from "./run-files.ts";
import { createRunLimits } from "./run-limits.ts";
import { type TaskPayload, taskPrompt } from "./task-prompt.ts";

/** A task to run. */
export interface RunRequest extends Omit<TaskPayload, "files"> {
  readonly taskId: string;
  readonly skill: Skill;
  /** Exact text of the skill's recipe in the signed bundle. */
  readonly recipeText: string;
  /** Files of the task; see run-files.ts. */
  readonly files?: readonly RunFile[];
  /** Aborting it cancels the run. */
  readonly signal?: AbortSignal;
}

/** What a run gives back. */
export interface RunOutcome extends SessionOutcome {
  /** Typed result, valid by the recipe's `response.json_schema`; null where the run has a question instead. */
  readonly result: Json;
  /** What the run asks the sender of its task before it can go on. */
  readonly question?: string;
  readonly durationMs: number;
  readonly recipeSha256: string;
}

/** What happens in a run, for the audit. Holds ids, counts and names only. */
export type RunProgress =
  | { readonly kind: "start"; readonly taskId: string; readonly skill: string; readonly recipe: string; readonly recipeSha256: string }
  | {
      readonly kind: "tool";
      readonly taskId: string;
      readonly sessionId: string;
      readonly tool: string;
      readonly allowed: boolean;
      readonly reason: string;
    }
  | {
      readonly kind: "finish";
      readonly taskId: string;
      readonly skill: string;
      readonly recipe: string;
      readonly recipeSha256: string;
      readonly durationMs: number;
      readonly turns: number;
      readonly tokens: number;
      /** Undefined where the run gave its result. */
      readonly error: GaggleError | undefined;
    };

/** Keeps the Gooses that run on disk, so that a new daemon can end those of a crashed one. */
export interface RunRegister {
  add(record: RunRecord): Promise<void>;
  remove(runId: string): Promise<void>;
  list(): Promise<readonly RunRecord[]>;
}

/** What the executor needs. */
export interface ExecutorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly register: RunRegister;
  /** Renders the signed text with the task's context; `prepareRun` of mesh/recipe. */
  prepare(recipeText: string, context: JsonObject): { readonly recipe: JsonObject; readonly deeplink: string; readonly sha256: string };
  /** Policy on one tool call (action `tool.call`). What throws is a deny. */
  authorise(call: { readonly tool: string; readonly sessionId: string; readonly taskId: string }): Promise<ToolDecision> | ToolDecision;
  /** Makes the session known to extensions and guard, before its first prompt. */
  registerSession(session: { readonly sessionId: string; readonly taskId: string }): Promise<void> | void;
  onProgress(progress: RunProgress): void;
}

/** Settings of the executor. */
export interface ExecutorConfig {
  /** Absolute path of Goose; see find-goose.ts. */
  readonly goose: string;
  /** Goose root of this agent (`GOOSE_PATH_ROOT`), with the provider `privacy_guard`. */
  readonly gooseRoot: string;
  /** Folder under which each run gets an empty working folder. */
  readonly workDir: string;
  /** Model name for `GOOSE_MODEL`; left out: Goose's own configuration. */
  readonly model?: string;
  /** The daemon's environment; only an allow-list of it is passed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables for extensions, for example where the books lie. */
  readonly extraEnv: Readonly<Record<string, string>>;
  /** Limit of what one Goose may write to its stdout, in bytes. */
  readonly maxOutputBytes: number;
}

/** Runs recipes. */
export interface Executor {
  /**
   * Runs the task's recipe to its typed result. The time limit is the skill's `timeoutSeconds`, the turn limit its `maxTurns`.
   * @throws GaggleError INVALID_INPUT (the context doesn't fit the recipe), TIMEOUT, EXECUTOR_FAILED (`details.reason`)
   */
  run(request: RunRequest): Promise<RunOutcome>;
  /** Ends what a crashed daemon left running; returns how many processes were killed. */
  killOrphans(): Promise<number>;
  /** Cancels all runs and waits for their ends. */
  close(): Promise<void>;
}

const UNSAFE_KEYS = ["sub_recipes", "retry"] as const;

/** Makes the executor of one agent. */
export function createExecutor(deps: ExecutorDeps, config: ExecutorConfig): Executor {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  const run = async (request: RunRequest): Promise<RunOutcome> => {
    const startedAt = deps.clock.now();
    const { recipe, deeplink, sha256 } = deps.prepare(request.recipeText, request.context);
    refuseUnsafe(recipe);
    const check = resultCheck(declaredResult(recipe));
    const named = { taskId: request.taskId, skill: request.skill.id, recipe: request.skill.recipe, recipeSha256: sha256 };
    deps.onProgress({ kind: "start", ...named });
    const gate = createPermissionGate((call) => authorised(deps, request.taskId, call));
    let used = { turns: 0, tokens: 0 };
    const finish = (error: GaggleError | undefined): number => {
      const durationMs = deps.clock.now() - startedAt;
      deps.onProgress({ kind: "finish", ...named, durationMs, ...used, error });
      return durationMs;
    };
    try {
      const outcome = await runInGoose(deps, config, {
        request,
        recipe,
        deeplink,
        gate,
        closing: closing.signal,
        onTurn: (turns) => {
          used = { turns, tokens: 0 };
        },
      });
      used = { turns: outcome.turns, tokens: outcome.tokens };
      const output = gate.finalOutput();
      const question = questionIn(output);
      const given = question === undefined ? { result: check(output) } : { result: null, question };
      return { ...outcome, ...given, durationMs: finish(undefined), recipeSha256: sha256 };
    } catch (cause) {
      const error = asGaggleError(cause);
      finish(error);
      throw error;
    }
  };

  return {
    run: (request) => {
      const outcome = run(request);
      const settled: Promise<unknown> = Promise.allSettled([outcome]).then(() => running.delete(settled));
      running.add(settled);
      return outcome;
    },
    killOrphans: async () => {
      let killed = 0;
      for (const record of await deps.register.list()) {
        killed += await killTree(record);
        await deps.register.remove(record.runId);
      }
      return killed;
    },
    close: async () => {
      closing.abort();
      await Promise.all(running);
    },
  };
}

interface GooseRun {
  readonly request: RunRequest;
  readonly recipe: JsonObject;
  readonly deeplink: string;
  readonly gate: PermissionGate;
  readonly closing: AbortSignal;
  onTurn(turns: number): void;
}

/** From an empty folder to the end of the model's turn; whatever happens, nothing of Goose is left running. */
async function runInGoose(deps: ExecutorDeps, config: ExecutorConfig, run: GooseRun): Promise<SessionOutcome> {
  const runId = Buffer.from(deps.random.bytes(16)).toString("hex");
  const { taskId, skill } = run.request;
  await mkdir(config.workDir, { recursive: true, mode: 0o700 });
  const cwd = await mkdtemp(join(config.workDir, "run-"));
  const signals = [run.closing, ...(run.request.signal === undefined ? [] : [run.request.signal])];
  const limits = createRunLimits(deps.clock, skill.timeoutSeconds * 1_000, signals);
  try {
    const placed = await placeFiles(cwd, run.request.files ?? []);
    const env = runEnvironment({ ...config, runId, maxTurns: skill.maxTurns, extra: config.extraEnv });
    const goose = await startGoose({ goose: config.goose, cwd, env, runId, maxOutputBytes: config.maxOutputBytes });
    try {
      await deps.register.add(goose.record);
      const prompt = taskPrompt(promptOf(run.recipe), { ...run.request, files: placed }, runId.slice(0, 12));
      const onSession = (sessionId: string): Promise<void> | void => deps.registerSession({ sessionId, taskId });
      return await Promise.race([runSession(goose, { ...run, cwd, prompt, onSession }), limits.exceeded]);
    } finally {
      run.gate.cancel();
      await killTree(goose.record);
      await deps.register.remove(runId);
    }
  } finally {
    limits.release();
    await releaseFiles(cwd);
    await rm(cwd, { recursive: true, force: true });
  }
}

async function authorised(deps: ExecutorDeps, taskId: string, call: { tool: string; sessionId: string }): Promise<ToolDecision> {
  let decision: ToolDecision;
  try {
    decision = await deps.authorise({ ...call, taskId });
  } catch (error) {
    decision = { allowed: false, reason: `The policy could not decide (${errorCode(error)}).` };
  }
  deps.onProgress({ kind: "tool", taskId, ...call, ...decision });
  return decision;
}

/** Sub-recipes bring `delegate` back, `retry` runs shell commands, and another provider goes around the guard. */
function refuseUnsafe(recipe: JsonObject): void {
  const settings = recipe["settings"];
  const provider = settings !== null && typeof settings === "object" && !Array.isArray(settings) ? settings["goose_provider"] : undefined;
  if (UNSAFE_KEYS.some((key) => recipe[key] !== undefined) || (provider !== undefined && provider !== "privacy_guard")) {
    throw runFailure("unsafe-recipe");
  }
}

const promptOf = ({ prompt }: JsonObject): string => (typeof prompt === "string" ? prompt : "");

function asGaggleError(cause: unknown): GaggleError {
  return cause instanceof GaggleError ? cause : runFailure("goose-refused", {}, cause);
}
