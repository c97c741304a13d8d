/** A client of one home's daemon that lives through its deaths: it asks again, under the same idempotency key, until it has an answer. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectDaemon, type DaemonClient } from "../../mesh/client/connect-daemon.ts";
import type { DaemonMethod, DaemonParams, DaemonResult } from "../../mesh/contract/daemon-api.ts";
import { ERROR_TABLE, GaggleError } from "../../mesh/contract/errors.ts";
import { TERMINAL_STATES } from "../../mesh/contract/message.ts";

/** Calls in flight when many tasks are looked at. */
const LOOKS = 32;
const CALL_MS = 3_000;

/** A task that was sent. */
interface Named {
  readonly taskId?: string;
}

/** The client. */
export type DaemonCaller = ReturnType<typeof createDaemonCaller>;

/** Makes it; it connects when it is first used. */
export function createDaemonCaller(home: string) {
  let client: DaemonClient | undefined;
  let opening: Promise<DaemonClient> | undefined;
  let id = "";
  const done = new Set<string>();

  const open = async (): Promise<DaemonClient> => {
    opening ??= connectDaemon({ home, program: "chaos", timeoutMs: 1_000, reconnectMs: 1_000 });
    try {
      client = await opening;
      return client;
    } finally {
      opening = undefined;
    }
  };

  const call = async <M extends DaemonMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>> =>
    (client ?? (await open())).call(method, params, { timeoutMs: CALL_MS });

  /** A lost connection says nothing, and the idempotency key makes asking again safe. */
  const isRetryable = (error: unknown): boolean => !(error instanceof GaggleError) || ERROR_TABLE[error.code].retryable;

  /** True where the task has ended, or is still on its way to nobody's knowledge. */
  const hasEnded = async (taskId: string): Promise<boolean> => {
    const status = await call("status.fetch", { id: taskId });
    const ended = status.kind === "task" && TERMINAL_STATES.has(status.state);
    if (ended) done.add(taskId);
    return ended;
  };

  return {
    /** Learns the agent's id, which stays when it is down. */
    async learn(): Promise<void> {
      id = (await call("policy.whoami", {})).agentId;
    },
    agentId: (): string => id,

    /** Sends a task until it is accepted, refused, or nobody wants it any more. @returns its id where it was accepted */
    async sendTask(request: DaemonParams<"task.send">, isOver: () => boolean): Promise<string | undefined> {
      while (!isOver()) {
        try {
          return (await call("task.send", request)).taskId;
        } catch (error) {
          if (!isRetryable(error)) throw error;
          await sleep(100);
        }
      }
      return undefined;
    },

    /** Asks to cancel once; where the daemon is away, nobody insists. */
    cancel: (taskId: string): Promise<unknown> => call("task.cancel", { taskId }).catch(() => undefined),

    /** How much this agent has not finished: its tasks that are not over, and messages that wait. Everything where it does not answer. */
    async openWork(sent: readonly Named[]): Promise<number> {
      const left = sent.flatMap(({ taskId }) => (taskId === undefined || done.has(taskId) ? [] : [taskId]));
      let open = 0;
      try {
        for (let i = 0; i < left.length; i += LOOKS) {
          const ended = await Promise.all(left.slice(i, i + LOOKS).map(hasEnded));
          open += ended.filter((one) => !one).length;
        }
        return open + (await call("daemon.status", {})).outbox.queued;
      } catch {
        return Math.max(1, left.length);
      }
    },

    close: (): void => client?.close(),
  };
}
