/** Bugs of the kinds that durable messaging is known for, planted at the ports of the real code: a simulator that can't find them is worth nothing. */
import { randomBytes } from "node:crypto";
import type { CommitQueue, StoreOp, Transaction } from "../../mesh/contract/ports.ts";
import { unverifiedPayloadOf } from "../../mesh/identity/jws.ts";
import { readTask } from "../../mesh/session/task-record.ts";
import type { Sabotage } from "./machine.ts";

/** A bug and the rules of which it must break at least one; `two histories` where it makes one seed two. */
export interface PlantedBug {
  readonly name: string;
  readonly breaks: readonly string[];
  readonly sabotage: Sabotage;
}

/** Changes what transitions see. */
const withTransactions = (change: (tx: Transaction) => Transaction): Sabotage => ({
  deps: (deps) => ({ ...deps, queue: { run: (transition, options) => deps.queue.run((tx) => transition(change(tx)), options) } }),
});

/** Tells callers as soon as a transition was applied, and not when it is on the disk. */
const hasty = (queue: CommitQueue): CommitQueue => ({
  run(transition, options) {
    const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof transition>>();
    queue
      .run((tx) => {
        const value = transition(tx);
        resolve(value);
        return value;
      }, options)
      .catch(reject);
    return promise;
  },
});

const isUrgent = (frame: Uint8Array): boolean =>
  (unverifiedPayloadOf(Buffer.from(frame).toString("latin1")) as { priority?: string }).priority === "P0";

const isReplayRecord = (key: StoreOp["key"]): boolean => key.startsWith("replay/");

/** The bugs. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "a disk that says synced before it is",
    breaks: [
      "no accepted task is lost",
      "an id is given only for what is on the disk",
      "nothing is sent before it is on the sender's disk",
    ],
    sabotage: { disk: "lies" },
  },
  {
    name: "no replay record is kept",
    breaks: ["no receipt before the message is on the receiver's disk"],
    sabotage: withTransactions((tx) => ({ ...tx, put: (key, value) => (isReplayRecord(key) ? undefined : tx.put(key, value)) })),
  },
  {
    name: "the answer goes out before the commit",
    breaks: ["an id is given only for what is on the disk", "no receipt before the message is on the receiver's disk"],
    sabotage: { deps: (deps) => ({ ...deps, queue: hasty(deps.queue) }) },
  },
  {
    name: "a message is sent in the transaction and not after it",
    breaks: ["nothing is sent before it is on the sender's disk"],
    sabotage: withTransactions((tx) => ({ ...tx, afterCommit: (effect) => queueMicrotask(effect) })),
  },
  {
    name: "an attempt's fence is ignored",
    breaks: ["only the newest attempt counts"],
    sabotage: {
      node: (node) => ({
        ...node,
        messaging: {
          ...node.messaging,
          finishRun: (taskId, attempt, outcome) =>
            node.messaging.finishRun(taskId, readTask(node.store, "worker", taskId)?.attempt ?? attempt, outcome),
        },
      }),
    },
  },
  {
    name: "runs of a dead daemon are left alive",
    breaks: ["one run at a time"],
    sabotage: { keepsOrphans: true },
  },
  {
    name: "an interrupted run is repeated although its recipe forbids it",
    breaks: ["effects happen once"],
    sabotage: { skills: { accruals: "safe", payroll: "safe" } },
  },
  {
    name: "a task's end leaves no audit event",
    breaks: ["a task ends once"],
    sabotage: withTransactions((tx) => ({
      ...tx,
      audit: (draft) => (draft.details?.["state"] === "COMPLETED" ? undefined : tx.audit(draft)),
    })),
  },
  {
    name: "a request that gets no answer is waited for without end",
    breaks: ["everything settles"],
    sabotage: {
      deps: (deps) => ({
        ...deps,
        link: { request: (...call) => deps.link.request(...call).catch(() => Promise.withResolvers<Uint8Array>().promise) },
      }),
    },
  },
  {
    name: "the link says too late that a request leaves, so that somebody else may be asked too",
    breaks: ["a task has one worker"],
    sabotage: {
      deps: (deps) => ({
        ...deps,
        link: {
          request: async (to, frame, handOver) => {
            const answer = await deps.link.request(to, frame);
            await handOver?.();
            return answer;
          },
        },
      }),
    },
  },
  {
    name: "the link keeps back what is urgent",
    breaks: ["P0 goes first"],
    sabotage: {
      deps: (deps) => ({
        ...deps,
        link: {
          request: async (to, frame, handOver) => {
            if (isUrgent(frame)) await new Promise<void>((resolve) => void deps.clock.after(5_000, resolve));
            return deps.link.request(to, frame, handOver);
          },
        },
      }),
    },
  },
  {
    name: "a daemon lives on after a failed write",
    breaks: ["everything settles"],
    sabotage: { disk: "hides failures" },
  },
  {
    name: "an inbox takes whatever comes",
    breaks: ["an inbox keeps its quota"],
    sabotage: { quota: {} },
  },
  {
    name: "ids come from the machine's randomness",
    breaks: ["two histories"],
    sabotage: { random: () => ({ bytes: (length) => Uint8Array.from(randomBytes(length)) }) },
  },
];
