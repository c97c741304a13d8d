/**
 * One task asked of several people: the group is a record beside its children, which are plain tasks. Its state is worked out from theirs, so that
 * the two can't disagree; only who won and that the rest was called off is written. Sans-IO. Source: spec M6; docs/decisions/0092-router.md
 */
import type { Fanout, TaskView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import type { TaskState } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import type { RouteNote } from "./route.ts";
import { type AskerTask, isTerminal, readTask } from "./task-record.ts";

/** People that one task is asked of at most. */
export const MAX_FANOUT = 100;
/** Lines of history that a group shows. */
const MAX_HISTORY = 100;

/** A group as its asker keeps it. */
export interface GroupRecord {
  readonly v: 1;
  readonly groupId: string;
  readonly mode: Exclude<Fanout["mode"], "one">;
  /** With quorum: how many have to complete. */
  readonly n?: number;
  readonly skill?: string;
  readonly task: string;
  readonly context: JsonObject;
  readonly sessionId?: string;
  readonly route: RouteNote;
  /** Task ids, in the order of the router. */
  readonly children: readonly string[];
  /** With any: the child that was accepted first. */
  readonly winner?: string;
  readonly cancelRequested: boolean;
  readonly createdAt: number;
}

const groupKey = (groupId: string): string => `task/group/${groupId}`;

/** The record, or undefined. */
export function readGroup(source: Pick<Transaction, "get">, groupId: string): GroupRecord | undefined {
  const text = source.get(groupKey(groupId));
  return text === undefined ? undefined : (JSON.parse(text) as GroupRecord);
}

/** Writes the record. */
export const saveGroup = (tx: Transaction, record: GroupRecord): void => tx.put(groupKey(record.groupId), JSON.stringify(record));

/** The group's tasks as they stand. */
export const childrenOf = (source: Pick<Transaction, "get">, { children }: GroupRecord): AskerTask[] =>
  children.flatMap((taskId) => readTask(source, "asker", taskId) ?? []);

/** How many of a route's people are asked. @throws GaggleError INVALID_INPUT, NO_ROUTE where a quorum can't be reached */
export function assertFanout({ mode, n }: Fanout, people: number): void {
  if (people > MAX_FANOUT)
    throw new GaggleError("INVALID_INPUT", `The target means ${people} people; at most ${MAX_FANOUT} are asked at once. Narrow it.`);
  if (mode === "quorum" && n !== undefined && n > people)
    throw new GaggleError("NO_ROUTE", `A quorum of ${n} was asked for, and ${people} may be asked. Ask for fewer, or widen the target.`);
}

const ACCEPTED: ReadonlySet<TaskState> = new Set<TaskState>(["WORKING", "INPUT_REQUIRED", "AUTH_REQUIRED", "COMPLETED"]);

const isOpen = (child: AskerTask): boolean => !isTerminal(child);
const countOf = (children: readonly AskerTask[], state: TaskState): number => children.filter((child) => child.state === state).length;

/** Why the open children are no longer needed; undefined while they are. */
function surplus(group: GroupRecord, children: readonly AskerTask[]): string | undefined {
  if (group.mode === "any") return group.winner === undefined ? undefined : "Another agent accepted this task first.";
  if (group.mode === "all") return undefined;
  const wanted = group.n ?? children.length;
  const completed = countOf(children, "COMPLETED");
  if (completed >= wanted) return "Enough others have completed this task.";
  return completed + children.filter(isOpen).length < wanted ? "Too few are left to complete this task." : undefined;
}

/**
 * To be called when a child has changed: notes who accepted first and calls off whoever is not needed any more.
 * @param cancel asks a child's worker to stop; the worker says which came first
 */
export function settleGroup(tx: Transaction, child: AskerTask, cancel: (taskId: string, reason: string) => void): void {
  const known = child.groupId === undefined ? undefined : readGroup(tx, child.groupId);
  if (known === undefined) return;
  const wins = known.mode === "any" && known.winner === undefined && ACCEPTED.has(child.state) && !child.cancelRequested;
  const group = wins ? { ...known, winner: child.taskId } : known;
  if (wins) saveGroup(tx, group);
  const children = childrenOf(tx, group);
  const reason = surplus(group, children);
  if (reason === undefined) return;
  for (const other of children) if (isOpen(other) && !other.cancelRequested && other.taskId !== group.winner) cancel(other.taskId, reason);
}

/** The state of all from the states of each. */
function stateOf(group: GroupRecord, children: readonly AskerTask[]): TaskState {
  const winner = children.find(({ taskId }) => taskId === group.winner);
  if (winner !== undefined) return winner.state;
  const completed = countOf(children, "COMPLETED");
  const wanted = group.mode === "quorum" ? (group.n ?? children.length) : children.length;
  if (group.mode !== "any" && completed >= wanted) return "COMPLETED";
  const open = children.filter(isOpen);
  if (group.mode === "quorum" && completed + open.length < wanted) return group.cancelRequested ? "CANCELED" : "FAILED";
  if (open.length > 0) {
    if (open.some(({ state }) => state === "INPUT_REQUIRED")) return "INPUT_REQUIRED";
    return children.every(({ state }) => state === "SUBMITTED") ? "SUBMITTED" : "WORKING";
  }
  if (group.cancelRequested) return "CANCELED";
  return countOf(children, "REJECTED") === children.length ? "REJECTED" : "FAILED";
}

/** The results of those who completed, with who gave each; with any, the winner's alone. */
function resultOf(group: GroupRecord, children: readonly AskerTask[]): Json | undefined {
  const winner = children.find(({ taskId }) => taskId === group.winner);
  if (group.mode === "any") return winner?.result;
  const done = children.filter(({ state }) => state === "COMPLETED");
  return done.map(({ taskId, peer, result }) => ({ taskId, subject: peer.subject, agentId: peer.agentId, result: result ?? null }));
}

const DELIVERY = ["queued", "deposited", "stored", "dead"] as const;

const iso = (ms: number): string => new Date(ms).toISOString();

/** The group as a task, with a line for each child. */
export function viewGroup(group: GroupRecord, children: readonly AskerTask[]): TaskView | undefined {
  const [first] = children;
  if (first === undefined) return undefined;
  const winner = children.find(({ taskId }) => taskId === group.winner) ?? first;
  const state = stateOf(group, children);
  const result = state === "COMPLETED" || group.mode !== "any" ? resultOf(group, children) : undefined;
  const history = children
    .flatMap(({ history: lines, peer }) =>
      lines.map(({ at, state: was, note }) => ({ at, state: was, note: `${peer.subject}${note === undefined ? "" : `: ${note}`}` })),
    )
    .sort((a, b) => a.at - b.at)
    .slice(-MAX_HISTORY)
    .map(({ at, ...line }) => ({ at: iso(at), ...line }));
  const message = group.mode === "any" ? winner.message : `${countOf(children, "COMPLETED")} of ${children.length} have completed it.`;
  return {
    kind: "task",
    taskId: group.groupId,
    side: "asker",
    peer: winner.peer,
    state,
    task: group.task,
    context: group.context,
    // The least that holds for every child.
    delivery: DELIVERY.find((one) => children.some(({ delivery }) => delivery === one)) ?? "queued",
    createdAt: iso(group.createdAt),
    updatedAt: iso(Math.max(...children.map(({ updatedAt }) => updatedAt))),
    history,
    route: { because: group.route.because, notChosen: [...group.route.notChosen] },
    group: {
      mode: group.mode,
      children: children.map(({ taskId, peer, state: now, message }) => ({
        taskId,
        peer,
        state: now,
        ...(message === undefined ? {} : { message }),
      })),
      ...(group.n === undefined ? {} : { n: group.n }),
    },
    ...(group.skill === undefined ? {} : { skill: group.skill }),
    ...(result === undefined ? {} : { result }),
    ...(message === undefined ? {} : { message }),
    ...(group.sessionId === undefined ? {} : { sessionId: group.sessionId }),
  };
}
