/**
 * Gives an undelivered request to the next candidate where a role or a skill was asked for and not a person: after a while, once, to one who is online,
 * and never where the first may have it. Sans-IO. Invariant: of a task at most one person's agents ever get the request. docs/decisions/0098-next-candidate.md
 */
import { GaggleError } from "../contract/errors.ts";
import type { AuditDraft } from "../contract/audit.ts";
import type { Target } from "../contract/daemon-api.ts";
import type { Principal } from "../contract/identity.ts";
import { REROUTE_AFTER_MS } from "../contract/limits.ts";
import type { Message } from "../contract/message.ts";
import type { OutgoingMessage, Transaction } from "../contract/ports.ts";
import type { AskedPolicy } from "./approval-gate.ts";
import type { SessionDeps } from "./ports.ts";
import { assertReadable, assertTexts } from "./results.ts";
import { auditRoute, noteOf, routeOf } from "./route.ts";
import { type AskerTask, isTerminal, noteTask, readTask } from "./task-record.ts";

/** Wait until it is looked again whether somebody else is online. */
const AGAIN_MS = 5_000;

/** A request that waits, whose recipient can't be reached. */
export interface Unreached {
  readonly seq: number;
  readonly id: string;
  /** The task, where it asks for one. */
  readonly ref: string;
}

/** What giving it to another needs of the asking side. */
export interface RerouteDeps extends Pick<SessionDeps, "clock" | "queue" | "resolve" | "route" | "self" | "store"> {
  /** Takes a message out that was surely never handed over; undefined where it may have been. */
  takeBack(tx: Transaction, message: Pick<Unreached, "seq" | "id">): Message | undefined;
  enqueue(tx: Transaction, outgoing: OutgoingMessage): void;
  save(tx: Transaction, record: AskerTask): AskerTask;
  outgoingFor(record: AskerTask, key: string, asked: AskedPolicy): OutgoingMessage;
  maySend(record: AskerTask, counts: boolean): AskedPolicy;
  onError(error: unknown): void;
}

/** Whether somebody else may be asked in place of whom a target names. */
export const isOpenTarget = ({ agentId, fanout }: Target): boolean =>
  agentId === undefined && (fanout === undefined || fanout.mode === "one");

const mayMove = (record: AskerTask | undefined): record is AskerTask & { wanted: Target } =>
  record?.wanted !== undefined && !isTerminal(record) && !record.cancelRequested && record.rev === 0 && record.delivery === "queued";

/** Makes it. */
export function createReroute(deps: RerouteDeps) {
  const actor: AuditDraft["actor"] = { type: "agent", id: deps.self.agentId, role: deps.self.role };
  const waiting = new Map<string, { message: Unreached; lookAt: number }>();
  let cancel: (() => void) | undefined;
  let stopped = false;

  /** What the first may read, another may not. */
  const suits = (record: AskerTask, peer: Principal): boolean => {
    try {
      assertReadable(record.parts, deps.self, peer);
      assertTexts(record.artifacts, deps.self, peer);
    } catch (error) {
      if (error instanceof GaggleError) return false;
      throw error;
    }
    const { decision } = deps.maySend({ ...record, peer }, false);
    return decision.allowed && !(decision.obligations ?? []).some(({ kind }) => kind === "approval");
  };

  /** The best of those who are online and were not asked before; undefined where there is none now. */
  const nextFor = (record: AskerTask & { wanted: Target }) => {
    const asked = new Set([record.peer.subject, ...(record.passed ?? []).map(({ subject }) => subject)]);
    try {
      const route = routeOf(deps, record.wanted);
      const next = route.ranked.find(
        ({ principal, online }) => online === true && !asked.has(principal.subject) && suits(record, principal),
      );
      return next === undefined ? undefined : { peer: next.principal, because: next.because ?? "", route };
    } catch (error) {
      if (error instanceof GaggleError && error.code === "NO_ROUTE") return undefined;
      throw error;
    }
  };

  const moveIn = (tx: Transaction, message: Unreached): boolean => {
    const record = readTask(tx, "asker", message.ref);
    if (!mayMove(record)) return false;
    const next = nextFor(record);
    if (next === undefined) return false;
    const taken = deps.takeBack(tx, message);
    if (taken?.type !== "task.request") return false;
    const { peer: before, traceId } = record;
    const why = `${before.subject} could not be reached; ${next.because}`;
    const passed = [...(record.passed ?? []), before];
    const others = noteOf(next.route).notChosen.filter(({ agentId }) => agentId !== before.agentId && agentId !== next.peer.agentId);
    const note = {
      because: why,
      notChosen: [...passed.map(({ agentId, subject }) => ({ agentId, subject, because: "could not be reached" })), ...others],
    };
    const moved = {
      ...noteTask(record, tx.now, `given to ${next.peer.subject}: ${before.subject} could not be reached`),
      peer: next.peer,
      passed,
      route: note,
    };
    auditRoute(tx, { id: record.taskId, target: record.wanted, chosen: [next.peer], note }, { actor, traceId });
    deps.enqueue(tx, deps.outgoingFor(moved, taken.idempotencyKey, deps.maySend(moved, false)));
    deps.save(tx, moved);
    return true;
  };

  const round = async (): Promise<void> => {
    const now = deps.clock.now();
    for (const [id, { message, lookAt }] of waiting) {
      if (stopped || lookAt > now) continue;
      const record = readTask(deps.store, "asker", message.ref);
      if (!mayMove(record)) waiting.delete(id);
      else if (nextFor(record) === undefined) waiting.set(id, { message, lookAt: now + AGAIN_MS });
      else {
        // Where it went to its recipient meanwhile, that is well too; where it failed again, it is told again.
        waiting.delete(id);
        await deps.queue.run((tx) => moveIn(tx, message), { finishing: true });
      }
    }
  };

  const plan = (): void => {
    if (stopped || cancel !== undefined || waiting.size === 0) return;
    const soonest = Math.min(...[...waiting.values()].map(({ lookAt }) => lookAt));
    // A clock that was set back must not put it off for long.
    cancel = deps.clock.after(Math.min(AGAIN_MS, Math.max(1, soonest - deps.clock.now())), () => {
      round()
        .catch(deps.onError)
        .finally(() => {
          cancel = undefined;
          plan();
        });
    });
  };

  return {
    /** The recipients of these can't be reached, and surely have nothing of them. */
    onUnreached(messages: readonly Unreached[]): void {
      for (const message of messages) {
        if (waiting.has(message.id)) continue;
        const record = readTask(deps.store, "asker", message.ref);
        if (mayMove(record)) waiting.set(message.id, { message, lookAt: record.updatedAt + REROUTE_AFTER_MS });
      }
      plan();
    },
    stop(): void {
      stopped = true;
      cancel?.();
    },
  };
}
