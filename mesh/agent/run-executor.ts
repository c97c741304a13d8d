/** The daemon's executor: Goose is looked for at the first run, so that a machine without Goose is still a member. */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { sessionKey } from "../contract/goose-session.ts";
import type { Principal } from "../contract/identity.ts";
import type { Clock, CommitQueue, OrderedStore, PolicyEngine, Random } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import { createExecutor, type Executor, type RunProgress, type RunRegister } from "../executor/create-executor.ts";
import { findGoose } from "../executor/find-goose.ts";
import { killTree, type RunRecord } from "../executor/kill-tree.ts";
import { prepareRun } from "../recipe/prepare-run.ts";
import { homePaths } from "./agent-config.ts";
import { decideToolCall, toolQuestion } from "./bundle-policy.ts";
import type { GooseSessions } from "./goose-sessions.ts";
import type { TaskRunner, TaskRunnerDeps } from "./task-runner.ts";

/** What Goose may write to its stdout in one run: a run that writes more is out of hand. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const RECORD_PREFIX = "run/process/";
/** Longest word on progress. */
const MAX_NOTE_CHARS = 500;

/** What the executor of a daemon needs. */
export interface RunExecutorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly policy: PolicyEngine;
  readonly sessions: GooseSessions;
  readonly self: Principal;
  readonly actor: AuditDraft["actor"];
  bundle(): VerifiedBundle;
  traceOf(sessionId: string): string;
  /** Tells a session the values of its task that came sealed, so that they are masked for its model. */
  tell(taskId: string, sessionId: string): void;
  /** What a run does now, for its asker: names of tools, and nothing of what they get or give. */
  report(taskId: string, note: string): void;
}

/** Where unattended runs find what they need. */
export interface RunOptions {
  readonly home: string;
  /** Absolute paths of Gaggle's install folder and of the Node that starts extensions. */
  readonly installDir: string;
  readonly node: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Makes the Goose root of unattended runs ready by the newest bundle. Called before the first run under each bundle, never twice at once. */
  prepareRuns(): Promise<void>;
  /** Runs tasks in another way than by Goose. */
  readonly runner?: (finish: TaskRunnerDeps["finish"]) => TaskRunner;
}

/** The executor, made when it is first needed. */
export interface RunExecutor {
  /** The executor, once its Goose root is ready. @throws GaggleError GOOSE_MISSING, BUNDLE_MISSING and its like */
  get(): Promise<Executor>;
  /** A task's run begins: what follows from it belongs to this trace. */
  began(taskId: string, traceId: string): void;
  /** Ends what a crashed daemon left running. */
  killOrphans(): Promise<void>;
  close(): Promise<void>;
}

/** Makes it. */
export function createRunExecutor(deps: RunExecutorDeps, options: RunOptions & { model: string | undefined }): RunExecutor {
  const { installDir, node, env } = options;
  const paths = homePaths(options.home);
  const register = createRunRegister(deps);
  const traces = new Map<string, string>();
  let executor: Executor | undefined;
  let prepared: { readonly version: number; readonly done: Promise<void> } | undefined;

  const onProgress = (progress: RunProgress): void => {
    if (progress.kind === "finish") traces.delete(progress.taskId);
    if (progress.kind !== "tool") return;
    const { tool, sessionId, allowed } = progress;
    if (allowed) deps.report(progress.taskId, `Uses ${tool}.`.slice(0, MAX_NOTE_CHARS));
    // Looked at once more for its rules: the executor knows only the answer.
    const decision = decideToolCall(deps, { tool, unattended: true, counts: false });
    const draft: AuditDraft = {
      actor: deps.actor,
      action: "tool.call",
      target: `tool:${tool}`,
      result: allowed ? "ok" : "denied",
      details: {
        sessionId,
        taskId: progress.taskId,
        ...decisionDetails({ ...decision, allowed }, toolQuestion(deps.self, { tool, unattended: true })),
      },
      traceId: deps.traceOf(sessionKey(sessionId, true)),
    };
    void deps.queue.run((tx) => tx.audit(draft), { finishing: true }).catch(() => undefined);
  };

  const make = (): Executor =>
    createExecutor(
      {
        clock: deps.clock,
        random: deps.random,
        register,
        prepare: (text, context) => prepareRun({ text, installDir, node, context }),
        authorise: ({ tool }) => decideToolCall(deps, { tool, unattended: true }),
        registerSession: ({ sessionId, taskId }) => {
          const traceId = traces.get(taskId) ?? deps.traceOf(sessionKey(sessionId, true));
          deps.sessions.register(sessionKey(sessionId, true), { kind: "run", traceId, taskId });
          deps.tell(taskId, sessionKey(sessionId, true));
        },
        onProgress,
      },
      {
        goose: findGoose({ env, installDir }),
        gooseRoot: paths.runGoose,
        workDir: paths.runFolders,
        env,
        extraEnv: { GAGGLE_HOME: options.home, ...(env["GAGGLE_BOOKS"] === undefined ? {} : { GAGGLE_BOOKS: env["GAGGLE_BOOKS"] }) },
        maxOutputBytes: MAX_OUTPUT_BYTES,
        ...(options.model === undefined ? {} : { model: options.model }),
      },
    );

  const prepare = async (): Promise<void> => {
    const { version } = deps.bundle().manifest;
    if (prepared?.version !== version) prepared = { version, done: options.prepareRuns() };
    const { done } = prepared;
    try {
      await done;
    } catch (error) {
      // The next run tries again.
      if (prepared?.done === done) prepared = undefined;
      throw error;
    }
  };

  return {
    async get() {
      await prepare();
      executor ??= make();
      return executor;
    },
    began: (taskId, traceId) => void traces.set(taskId, traceId),
    async killOrphans() {
      for (const record of await register.list()) {
        await killTree(record);
        await register.remove(record.runId);
      }
    },
    close: async () => executor?.close(),
  };
}

/** The Gooses that run, in the daemon's store. */
function createRunRegister({ store, queue }: Pick<RunExecutorDeps, "store" | "queue">): RunRegister {
  return {
    add: (record) => queue.run((tx) => tx.put(RECORD_PREFIX + record.runId, JSON.stringify(record)), { finishing: true }),
    remove: (runId) => queue.run((tx) => tx.del(RECORD_PREFIX + runId), { finishing: true }),
    list: async () => {
      const rows = await store.range({ gte: RECORD_PREFIX, lt: "run/process0" });
      return rows.map(([, text]) => JSON.parse(text) as RunRecord);
    },
  };
}
