/** Runs tasks without a person, a bounded number at a time. Source: spec M12; design, Durability. */
import { GaggleError } from "../contract/errors.ts";
import type { Priority } from "../contract/message.ts";
import type { Clock, OrderedStore } from "../contract/ports.ts";
import type { Runner, RunnableTask, RunOutcome } from "./ports.ts";
import { RUN_RANGE, type WorkerTask } from "./task-record.ts";
import type { Worker } from "./worker/create-worker.ts";

/** Wait after an attempt could not be recorded, as on a full disk; where its daemon hears that there is room again, it ends then. */
const RETRY_MS = 10_000;

const PRIORITIES: readonly Priority[] = ["P0", "P1", "P2", "P3"];

/** What the run queue needs. */
export interface RunQueueDeps {
  readonly clock: Clock;
  readonly store: OrderedStore;
  readonly runner: Runner;
  readonly worker: Pick<Worker, "beginAttempt" | "finishAttempt" | "recover">;
  /** What a run may see of the session that its task belongs to. */
  sessionOf(record: WorkerTask): RunnableTask["session"];
  onError(error: unknown): void;
}

const toRunnable = (record: WorkerTask, session: RunnableTask["session"]): RunnableTask => ({
  ...(session === undefined ? {} : { session }),
  taskId: record.taskId,
  attempt: record.attempt,
  skill: record.skill ?? "",
  task: record.task,
  context: record.context,
  policyHints: record.policyHints,
  asker: record.peer,
  traceId: record.traceId,
  answers: record.answers,
  ...(record.parts === undefined ? {} : { parts: record.parts }),
  ...(record.artifacts === undefined ? {} : { artifacts: record.artifacts }),
  ...(record.sessionId === undefined ? {} : { sessionId: record.sessionId }),
  ...(record.stepId === undefined ? {} : { stepId: record.stepId }),
  ...(record.recipeSha256 === undefined ? {} : { recipeSha256: record.recipeSha256 }),
});

/** Makes the queue. `concurrency`: most runs at a time. */
export function createRunQueue(deps: RunQueueDeps, config: { concurrency: number }) {
  const waiting = { P0: new Set<string>(), P1: new Set<string>(), P2: new Set<string>(), P3: new Set<string>() } as const;
  const atWork = new Set<string>();
  /** Tasks whose attempt could not be recorded: what offers each again, and no second time. */
  const retries = new Set<() => void>();
  let stopped = false;

  /** A slot is one process: it is free only when the runner has said that the attempt is over. */
  const slotOf = (taskId: string, attempt: number): string => `${taskId}/${attempt}`;

  const launch = async (taskId: string, priority: Priority): Promise<void> => {
    const claim = `${taskId}/claim`;
    atWork.add(claim);
    try {
      const started = await deps.worker.beginAttempt(taskId);
      if (started === undefined || stopped) return;
      atWork.add(slotOf(taskId, started.attempt));
      deps.runner.start(toRunnable(started, deps.sessionOf(started)));
    } catch (error) {
      deps.onError(error);
      retryLater(taskId, priority);
    } finally {
      atWork.delete(claim);
      pump();
    }
  };

  const retryLater = (taskId: string, priority: Priority): void => {
    const again = (): void => {
      cancel();
      retries.delete(again);
      offer(taskId, priority);
    };
    const cancel = deps.clock.after(RETRY_MS, again);
    retries.add(again);
  };

  const pump = (): void => {
    for (const priority of PRIORITIES) {
      for (const taskId of waiting[priority]) {
        if (stopped || atWork.size >= config.concurrency) return;
        waiting[priority].delete(taskId);
        void launch(taskId, priority);
      }
    }
  };

  const offer = (taskId: string, priority: Priority): void => {
    waiting[priority].add(taskId);
    pump();
  };

  return {
    /** There may be a task to run; P0 overtakes what waits, never what runs. */
    offer,

    /** What kept attempts from being recorded may be over: they are tried again now. */
    wake(): void {
      for (const again of retries) again();
    },

    /** Takes up what a crash left. */
    async start(): Promise<void> {
      for (const [key] of await deps.store.range(RUN_RANGE)) await deps.worker.recover(key.slice(RUN_RANGE.gte.length));
    },

    /** Runs at work, and those that wait for a slot. */
    load: (): { running: number; queued: number } => ({
      running: atWork.size,
      queued: PRIORITIES.reduce((sum, priority) => sum + waiting[priority].size, 0),
    }),

    stop(): void {
      stopped = true;
    },

    /**
     * The runner's report that an attempt is over.
     * @returns false where it was fenced: canceled, rejected, or an attempt from before a crash
     * @throws GaggleError NOT_FOUND, STORE_FAILED
     */
    async finish(taskId: string, attempt: number, outcome: RunOutcome): Promise<boolean> {
      try {
        return await deps.worker.finishAttempt(taskId, attempt, outcome);
      } catch (error) {
        if (!(error instanceof GaggleError) || error.code !== "TOO_LARGE") throw error;
        const { details } = outcome;
        const message = "The result is too large to be sent. Let the recipe return less.";
        return await deps.worker.finishAttempt(taskId, attempt, {
          state: "FAILED",
          message,
          ...(details === undefined ? {} : { details }),
        });
      } finally {
        atWork.delete(slotOf(taskId, attempt));
        pump();
      }
    },
  };
}
