/** What either side keeps about a task, and its states: those of A2A 1.0. Pure. Source: spec M8; design, Durability. */
import type { ArtifactRef } from "../contract/artifact.ts";
import type { AuditDraft } from "../contract/audit.ts";
import type { Target, TaskView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import { type Priority, type TaskState, TERMINAL_STATES } from "../contract/message.ts";
import type { Part } from "../contract/part.ts";
import type { Transaction } from "../contract/ports.ts";
import type { TaskSession } from "../contract/session.ts";
import type { Spent } from "../contract/usage.ts";
import type { Approver } from "../enforcement/approvers.ts";
import type { Progress } from "./progress.ts";
import type { RouteNote } from "./route.ts";

/** Lines of history kept of one task. */
const MAX_HISTORY = 100;

interface HistoryEntry {
  readonly at: number;
  readonly state: string;
  readonly note?: string;
}

/** What both sides keep. */
interface TaskCommon {
  readonly v: 1;
  readonly taskId: string;
  /** The other side. */
  readonly peer: Principal;
  readonly state: TaskState;
  /** Number of the worker's state that this record shows. */
  readonly rev: number;
  readonly skill?: string;
  readonly task: string;
  readonly context: JsonObject;
  readonly policyHints: JsonObject;
  readonly priority: Priority;
  /** Not to be started before then. */
  readonly startAt?: number;
  /** Ended by then where it was not started. */
  readonly expiresAt?: number;
  /** When the receiver's person opened it or a run began with it; at the asker, when it heard of that. */
  readonly readAt?: number;
  readonly sessionId?: string;
  readonly stepId?: string;
  /** The session of several agents that it belongs to, and the shards it is about. */
  readonly session?: TaskSession;
  readonly traceId: string;
  readonly result?: Json;
  /** More inputs, and more of the result. */
  readonly parts?: readonly Part[];
  /** Files of the request, and of the result. */
  readonly artifacts?: readonly ArtifactRef[];
  readonly resultArtifacts?: readonly ArtifactRef[];
  readonly resultParts?: readonly Part[];
  /** Schemas of the result: the asker's, and that of the skill's recipe. */
  readonly resultSchema?: JsonObject;
  readonly skillSchema?: JsonObject;
  /** What the runs used so far, as the worker knows it. */
  readonly spent?: Spent;
  /** Why it failed or was rejected, or the open question. */
  readonly message?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly history: readonly HistoryEntry[];
}

/** One approval that a task waits for; `decision` is the signed one, or the first, once it is there. */
export interface HeldApproval {
  readonly approvalId: string;
  readonly role: string;
  /** So many different people have to approve; one where left out. */
  readonly quorum?: number;
  /** All signed decisions, where there are several. */
  readonly signed?: readonly { readonly subject: string; readonly decision: string }[];
  readonly subject?: string;
  readonly decision?: string;
}

/** Who has signed what, of an approval that a task waited for. */
export const signedOf = ({ subject = "", decision, signed }: HeldApproval): NonNullable<HeldApproval["signed"]> =>
  signed ?? (decision === undefined ? [] : [{ subject, decision }]);

/** A task as its asker keeps it. */
export interface AskerTask extends TaskCommon {
  readonly side: "asker";
  readonly delivery: "queued" | "deposited" | "stored" | "dead";
  /** The asker wants it no more; the worker decides which came first. */
  readonly cancelRequested: boolean;
  /** `rev` of the question that was answered last. */
  readonly answeredRev: number;
  /** Questions and the answers given, oldest first; `rev` is the question's. */
  readonly answers?: readonly { readonly rev: number; readonly question: string; readonly answer: string }[];
  /** Why this agent was chosen. */
  readonly route?: RouteNote;
  /** Whom the asker meant, where it was a role or a skill: another may be asked where this one can't be reached. */
  readonly wanted?: Target;
  /** Who was chosen before, could not be reached and surely has nothing of it. */
  readonly passed?: readonly Principal[];
  /** The group that it is one task of. */
  readonly groupId?: string;
  /** A run without a person asked for it. */
  readonly unattended?: boolean;
  /** Approvals that policy wants before it goes: while one is open the task is AUTH_REQUIRED, and nothing has left. */
  readonly approvals?: readonly HeldApproval[];
  /** The caller's idempotency key, for the request once it may go. */
  readonly heldKey?: string;
}

/** A task as its worker keeps it. */
export interface WorkerTask extends TaskCommon {
  readonly side: "worker";
  /** Hash of the request, so that the same id with other content is noticed. */
  readonly requestHash: string;
  /** `unattended`: policy and skill let it run without a person. */
  readonly mode: "unattended" | "person";
  readonly restart: "safe" | "ask";
  /** Attempts started so far; the number of the newest. */
  readonly attempt: number;
  readonly running: boolean;
  /** A run was cut off and may not be repeated without a person. */
  readonly interrupted: boolean;
  /** The open question has its answer. */
  readonly answered: boolean;
  readonly answers: readonly { readonly question: string; readonly answer: string }[];
  /** Classes that the guard found in the request, where it looked, and who signed that it may be done. */
  readonly dataClasses?: readonly string[];
  readonly approvers?: readonly Approver[];
  /** SHA-256 of the recipe that policy let the newest attempt run. */
  readonly recipeSha256?: string;
}

/** A task of either side. */
export type TaskRecord = AskerTask | WorkerTask;

/** Key of a task's record. */
export const taskKey = (side: TaskRecord["side"], taskId: string): string => `task/${side}/${taskId}`;
/** Key that marks a task as still to be run by this daemon. */
export const runKey = (taskId: string): string => `run/${taskId}`;
/** Range of all tasks still to be run. */
export const RUN_RANGE = { gte: "run/", lt: "run/~" } as const;

/** The record, or undefined. */
export function readTask<S extends TaskRecord["side"]>(
  source: Pick<Transaction, "get">,
  side: S,
  taskId: string,
): Extract<TaskRecord, { side: S }> | undefined {
  const text = source.get(taskKey(side, taskId));
  return text === undefined ? undefined : (JSON.parse(text) as Extract<TaskRecord, { side: S }>);
}

/** True for a state that is never left. */
export const isTerminal = ({ state }: Pick<TaskRecord, "state">): boolean => TERMINAL_STATES.has(state);

const OPEN: readonly TaskState[] = ["COMPLETED", "FAILED", "CANCELED", "REJECTED", "WORKING", "INPUT_REQUIRED", "AUTH_REQUIRED"];
/** From which state a task may go to which. */
const MOVES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  SUBMITTED: OPEN,
  WORKING: OPEN,
  INPUT_REQUIRED: OPEN,
  AUTH_REQUIRED: OPEN,
  COMPLETED: [],
  FAILED: [],
  CANCELED: [],
  REJECTED: [],
};

/** A step of a task. */
export interface TaskMove {
  readonly state: TaskState;
  readonly nowMs: number;
  readonly note?: string;
  readonly result?: Json;
  readonly resultParts?: readonly Part[];
  readonly resultArtifacts?: readonly ArtifactRef[];
  readonly message?: string;
}

/**
 * The record after a step; an earlier message does not outlive it.
 * @throws GaggleError STATE_CONFLICT where the task's state does not allow it
 */
export function moveTask<T extends TaskRecord>(
  record: T,
  { state, nowMs, note, result, resultParts, resultArtifacts, message }: TaskMove,
): T {
  if (!MOVES[record.state].includes(state)) {
    throw new GaggleError("STATE_CONFLICT", `The task is ${record.state}, so it can't become ${state}.`, {
      details: { taskId: record.taskId },
    });
  }
  const { message: _, ...kept } = record;
  const entry = { at: nowMs, state, ...(note === undefined ? {} : { note }) };
  return {
    ...(kept as T),
    state,
    updatedAt: nowMs,
    history: [...record.history, entry].slice(-MAX_HISTORY),
    ...(result === undefined ? {} : { result }),
    ...(resultParts === undefined ? {} : { resultParts }),
    ...(resultArtifacts === undefined ? {} : { resultArtifacts }),
    ...(message === undefined ? {} : { message }),
  };
}

/** The record with a line of history and the same state. */
export const noteTask = <T extends TaskRecord>(record: T, nowMs: number, note: string): T => ({
  ...record,
  updatedAt: nowMs,
  history: [...record.history, { at: nowMs, state: record.state, note }].slice(-MAX_HISTORY),
});

const iso = (ms: number): string => new Date(ms).toISOString();

const viewProgress = ({ at, ...word }: Progress): NonNullable<TaskView["progress"]> => ({ ...word, at: iso(at) });

const viewRoute = ({ because, notChosen }: RouteNote): NonNullable<TaskView["route"]> => ({ because, notChosen: [...notChosen] });

/** The task as the daemon's API shows it. @param progress the newest word on how it goes */
export function viewTask(record: TaskRecord, progress?: Progress): TaskView {
  const { skill, result, message, sessionId, parts, resultParts, resultSchema = record.skillSchema, spent, answers = [] } = record;
  const { readAt, startAt, expiresAt } = record;
  return {
    kind: "task",
    taskId: record.taskId,
    side: record.side,
    peer: record.peer,
    state: record.state,
    task: record.task,
    context: record.context,
    createdAt: iso(record.createdAt),
    updatedAt: iso(record.updatedAt),
    history: record.history.map(({ at, state, note }) => ({ at: iso(at), state, ...(note === undefined ? {} : { note }) })),
    ...(record.side === "asker" ? { delivery: record.delivery } : {}),
    ...(answers.length > 0 ? { answers: answers.map(({ question, answer }) => ({ question, answer })) } : {}),
    ...(skill === undefined ? {} : { skill }),
    ...(result === undefined ? {} : { result }),
    ...(message === undefined ? {} : { message }),
    ...(readAt === undefined ? {} : { readAt: iso(readAt) }),
    ...(startAt === undefined ? {} : { startAt: iso(startAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: iso(expiresAt) }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(record.session === undefined ? {} : { session: record.session }),
    ...(parts === undefined ? {} : { parts: [...parts] }),
    ...(record.artifacts === undefined ? {} : { artifacts: [...record.artifacts] }),
    ...(record.resultArtifacts === undefined ? {} : { resultArtifacts: [...record.resultArtifacts] }),
    ...(resultParts === undefined ? {} : { resultParts: [...resultParts] }),
    ...(resultSchema === undefined ? {} : { resultSchema }),
    ...(spent === undefined ? {} : { spent }),
    ...(record.side === "asker" && record.route !== undefined ? { route: viewRoute(record.route) } : {}),
    ...(progress === undefined || isTerminal(record) ? {} : { progress: viewProgress(progress) }),
  };
}

/** Records a task's state in this side's audit chain. @param by who brought it about */
export const auditTaskState = (tx: Transaction, record: TaskRecord, by: AuditDraft["actor"]): void =>
  tx.audit({
    actor: by,
    action: "task.state",
    target: `task:${record.taskId}`,
    result: record.state === "FAILED" || record.state === "REJECTED" ? "failed" : "ok",
    details: {
      state: record.state,
      side: record.side,
      peerSubject: record.peer.subject,
      ...(record.skill === undefined ? {} : { skill: record.skill }),
    },
    traceId: record.traceId,
  });
