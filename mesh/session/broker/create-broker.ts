/**
 * The session broker of one agent: sessions that it owns and those that it takes part in, put together. Sans-IO. Source: spec M9;
 * docs/sessions.md.
 */
import type { DaemonRequest, DaemonResult } from "../../contract/daemon-api.ts";
import type { GaggleError } from "../../contract/errors.ts";
import type { Message, MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { SessionView } from "../../contract/session.ts";
import type { CallContext, SessionIncoming } from "../ports.ts";
import { addCounts, countSession, createReports } from "./counts.ts";
import { createHandOff } from "./hand-off.ts";
import { createOwnerSide } from "./owner-side.ts";
import { createParticipantSide } from "./participant-side.ts";
import {
  type BrokerDeps,
  type BrokerSession,
  ifExpired,
  parseSession,
  principalOf,
  readBody,
  readSession,
  SESSION_RANGE,
  unknownSession,
} from "./session-record.ts";
import { createSessionTasks } from "./session-tasks.ts";

/** Longest wait until sessions are looked at for their end: a clock may be set right meanwhile. */
const MAX_WAIT_MS = 3_600_000;

/** Messages of sessions. */
export type SessionMessage = MessageOf<Extract<Message["type"], `session.${string}`>>;

const iso = (ms: number): string => new Date(ms).toISOString();

/** Whether a message is one of a session. */
export const isSessionMessage = (message: Message): message is SessionMessage => message.type.startsWith("session.");

/** Makes it. */
export function createBroker(deps: BrokerDeps) {
  const owner = createOwnerSide(deps);
  const participant = createParticipantSide(deps);
  const handOff = createHandOff(deps, owner, participant);
  const reports = createReports(deps);
  const tasks = createSessionTasks(deps);
  let planned: { readonly at: number; cancel(): void } | undefined;
  let stopped = false;

  const all = async (): Promise<BrokerSession[]> => (await deps.store.range(SESSION_RANGE)).map(([, text]) => parseSession(text));

  const sweep = async (): Promise<void> => {
    const due = (await all()).filter(({ state, expiresAt }) => state === "OPEN" && deps.clock.now() >= expiresAt);
    if (due.length === 0) return;
    await deps.queue.run(
      (tx) => {
        for (const { sessionId } of due) {
          const session = readSession(tx, sessionId);
          if (session !== undefined) ifExpired(tx, deps, session);
        }
      },
      { finishing: true },
    );
  };

  /** Looks again when the next session's time is over; without a session there is no timer. */
  const plan = (expiresAt: number): void => {
    const at = Math.min(expiresAt, deps.clock.now() + MAX_WAIT_MS);
    if (stopped || (planned !== undefined && planned.at <= at)) return;
    planned?.cancel();
    const cancel = deps.clock.after(Math.max(1, at - deps.clock.now()), () => {
      planned = undefined;
      sweep().then(planNext).catch(deps.onError);
    });
    planned = { at, cancel };
  };

  const planNext = async (): Promise<void> => {
    for (const { state, expiresAt } of await all()) if (state === "OPEN") plan(expiresAt);
  };

  const changed = (ids: readonly (string | undefined)[]): void => {
    for (const id of ids) {
      const session = id === undefined || stopped ? undefined : readSession(deps.store, id);
      if (session?.state === "OPEN") plan(session.expiresAt);
    }
    reports.changed(ids);
  };

  const view = async (session: BrokerSession, shard?: string): Promise<SessionView> => {
    const { sessionId, mine, participation, epoch, purpose, scope, handingTo } = session;
    const others = Object.values(session.reports).map(({ counts }) => counts);
    const totals = addCounts([await countSession(deps.store, sessionId), ...others]);
    // Until the sweep has come, a session whose time is over looks as it will.
    const isOver = session.state === "OPEN" && deps.clock.now() >= session.expiresAt;
    const shown = isOver ? [] : session.shards;
    return {
      sessionId,
      state: isOver ? "EXPIRED" : session.state,
      mine,
      participation,
      owner: principalOf(session.owner),
      epoch,
      purpose,
      scope,
      createdAt: iso(session.createdAt),
      expiresAt: iso(session.expiresAt),
      participants: session.participants.map(({ sent, ...one }) => ({
        ...principalOf(one),
        state: one.state,
        ...(mine === "owner" ? { shards: Object.entries(sent).map(([id, { version, delivery }]) => ({ id, version, delivery })) } : {}),
      })),
      shards: shown.map(({ id, version, title, classes, visibility, bytes }) => {
        const body = id === shard ? readBody(deps.store, sessionId, id) : undefined;
        return { id, version, title, classes, visibility, bytes, ...(body === undefined ? {} : { body }) };
      }),
      ...(handingTo === undefined ? {} : { handingTo: principalOf(handingTo) }),
      offered: session.offer !== undefined,
      totals: { ...totals, agents: 1 + others.length },
    };
  };

  const find = async (sessionId: string): Promise<SessionView | undefined> => {
    const session = readSession(deps.store, sessionId);
    return session && (await view(session));
  };

  return {
    tasks,
    find,
    changed,

    async start(): Promise<void> {
      await sweep();
      await planNext();
    },

    stop(): void {
      stopped = true;
      planned?.cancel();
      reports.stop();
    },

    /** A message of a session; what it returns or throws refuses it. */
    handle(tx: Transaction, incoming: SessionIncoming, message: SessionMessage): GaggleError | undefined {
      switch (message.type) {
        case "session.state":
          return participant.onState(tx, incoming, message);
        case "session.shard":
          return participant.onShard(tx, incoming, message);
        case "session.withdraw":
          return participant.onWithdraw(tx, incoming, message);
        case "session.join":
          return owner.onJoin(tx, incoming, message);
        case "session.offer":
          return handOff.onOffer(tx, incoming, message);
        case "session.offer-answer":
          return handOff.onAnswer(tx, incoming, message);
        case "session.report":
          return reports.onReport(tx, incoming, message);
      }
    },

    /** A message of a session has arrived. */
    onDelivered(tx: Transaction, message: SessionMessage, to: string): void {
      if (message.type === "session.report") reports.onSettled(message.sessionId);
      else owner.onDelivered(tx, message, to);
    },

    /** A message of a session will never arrive. */
    onDead(tx: Transaction, message: SessionMessage, to: string, code: string): void {
      if (message.type === "session.report") reports.onSettled(message.sessionId);
      else if (message.type === "session.offer") handOff.onDead(tx, message, to, code);
      else owner.onDead(tx, message, to);
    },

    methods: {
      "session.open": async (request: DaemonRequest<"session.open">, call: CallContext) => view(await owner.open(request, call)),
      "session.join": async ({ sessionId }: DaemonRequest<"session.join">) => view(await participant.join(sessionId)),
      "session.leave": async ({ sessionId }: DaemonRequest<"session.leave">) => view(await participant.leave(sessionId)),
      "session.share": async (request: DaemonRequest<"session.share">) => view(await owner.share(request)),
      "session.invite": async (request: DaemonRequest<"session.invite">) => view(await owner.invite(request)),
      "session.handoff": async ({ sessionId, to, accept, withdraw }: DaemonRequest<"session.handoff">) => {
        if (withdraw === true) return view(await handOff.withdraw(sessionId));
        return view(await (to === undefined ? handOff.answer(sessionId, accept === true) : handOff.offer(sessionId, to)));
      },
      "session.close": async ({ sessionId }: DaemonRequest<"session.close">) => view(await owner.close(sessionId)),
      "session.status": async ({ sessionId, shard, waitMs }: DaemonRequest<"session.status">) => {
        const change = waitMs > 0 ? deps.changes.wait(sessionId, waitMs) : undefined;
        try {
          const before = readSession(deps.store, sessionId);
          if (before === undefined) throw unknownSession();
          if (before.state === "OPEN") await change?.done;
          return await view(readSession(deps.store, sessionId) ?? before, shard);
        } finally {
          change?.cancel();
        }
      },
      "session.list": async ({ open }: DaemonRequest<"session.list">): Promise<DaemonResult<"session.list">> => {
        const found = (await all()).filter(({ state, expiresAt }) => !open || (state === "OPEN" && deps.clock.now() < expiresAt));
        return {
          sessions: found.toReversed().map(({ sessionId, purpose, state, owner: of, participation }) => ({
            sessionId,
            purpose,
            state,
            owner: principalOf(of),
            participation,
          })),
        };
      },
    },
  };
}
