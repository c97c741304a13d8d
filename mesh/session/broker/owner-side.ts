/**
 * The owner's side of a session: open it, share shards, end it, and keep each participant at exactly what it may see. Sans-IO. Invariant: a participant
 * is sent a shard only where visibility and policy allow it at that moment, and is told to delete one that it may no longer see.
 */
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { GaggleError } from "../../contract/errors.ts";
import { newUuid } from "../../contract/ids.ts";
import { canonicalJson, sha256Hex } from "../../contract/json.ts";
import type { Message, MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import { MAX_PARTICIPANTS, MAX_SHARD_BYTES, MAX_SHARDS } from "../../contract/session.ts";
import { earlierId, rememberId } from "../once.ts";
import { policyDenied } from "../policy-denied.ts";
import type { CallContext, SessionIncoming } from "../ports.ts";
import { isVisibleTo, joining, mayShare, outsideScope } from "./may-see.ts";
import {
  auditSession,
  type BrokerDeps,
  type BrokerSession,
  endSession,
  type HeldShard,
  type KeptParticipant,
  mustOwn,
  principalOf,
  putBody,
  readBody,
  readSession,
  saveSession,
  tell,
} from "./session-record.ts";
import { idFor, newAlias } from "./shard-alias.ts";

/** What a session's owner tells of it. */
export function stateMessage(session: BrokerSession): MessageOf<"session.state"> {
  const { sessionId, epoch, rev, state, purpose, scope, expiresAt, owner, participants, handOffs } = session;
  return {
    type: "session.state",
    sessionId,
    epoch,
    rev,
    open: state === "OPEN",
    purpose,
    scope,
    expiresAt,
    owner: principalOf(owner),
    participants: participants.map((one) => ({ ...principalOf(one), state: one.state })),
    handOffs: [...handOffs],
  };
}

/** Makes it. */
export function createOwnerSide(deps: BrokerDeps) {
  const { self, policy } = deps;
  const save = (tx: Transaction, session: BrokerSession): BrokerSession => saveSession(tx, deps.changes, session);

  /** Tells all who are invited or take part how the session is. */
  const announce = (tx: Transaction, session: BrokerSession): BrokerSession => {
    const next = save(tx, { ...session, rev: session.rev + 1 });
    for (const one of next.participants) {
      if (one.state !== "invited" && one.state !== "joined") continue;
      const decision = policy.decide(joining(self, one), { counts: false });
      if (decision.allowed || next.state !== "OPEN") tell(tx, deps, next, { to: principalOf(one), message: stateMessage(next), decision });
    }
    return next;
  };

  const send = (tx: Transaction, session: BrokerSession, to: KeptParticipant, shard: HeldShard): KeptParticipant => {
    const { bytes: _, hash: __, alias, ...meta } = shard;
    const has = to.sent[shard.id];
    // What it was called first, it stays: else a copy under the other name would be left there.
    const id = has === undefined ? idFor(shard, self, to) : (has.as ?? shard.id);
    const asking = { counts: has?.version !== shard.version, masks: deps.masks === true };
    const decision = mayShare(policy, { owner: self, receiver: principalOf(to), shard }, asking);
    const isMeant = isVisibleTo(shard.visibility, to);
    const head = { sessionId: session.sessionId, epoch: session.epoch };
    if (isMeant && decision.allowed) {
      const body = readBody(tx, session.sessionId, shard.id);
      if (has?.version === shard.version || body === undefined) return to;
      const names = { id, ...(alias === undefined || to.department !== self.department ? {} : { alias }) };
      tell(tx, deps, session, { to: principalOf(to), message: { type: "session.shard", ...head, ...meta, ...names, body }, decision });
      const as = id === shard.id ? {} : { as: id };
      return { ...to, sent: { ...to.sent, [shard.id]: { version: shard.version, delivery: "queued", ...as } } };
    }
    if (isMeant) {
      const details = { shard: shard.id, version: shard.version, toSubject: to.subject, rules: decision.rules.join(",").slice(0, 500) };
      auditSession(tx, self, session, "withhold", { result: "denied", details });
    }
    if (has === undefined) return to;
    const { [shard.id]: _gone, ...sent } = to.sent;
    tell(tx, deps, session, { to: principalOf(to), message: { type: "session.withdraw", ...head, id, version: shard.version } });
    return { ...to, sent };
  };

  /** Brings those who take part to what they may see of these shards. */
  const spread = (
    tx: Transaction,
    session: BrokerSession,
    shards: readonly HeldShard[],
    who = (_one: KeptParticipant): boolean => true,
  ) => ({
    ...session,
    participants: session.participants.map((one) =>
      one.state === "joined" && who(one) ? shards.reduce((to, shard) => send(tx, session, to, shard), one) : one,
    ),
  });

  const invited = (request: Pick<DaemonRequest<"session.open">, "participants">): KeptParticipant[] => {
    const found = new Map<string, KeptParticipant>();
    for (const target of request.participants) {
      const who = principalOf(deps.resolve(target));
      if (who.agentId !== self.agentId) found.set(who.agentId, { ...who, state: "invited", joinSeq: 0, sent: {} });
    }
    for (const one of found.values()) {
      const decision = policy.decide(joining(self, one));
      if (!decision.allowed) throw policyDenied(decision);
    }
    return [...found.values()].slice(0, MAX_PARTICIPANTS);
  };

  const create = (tx: Transaction, request: DaemonRequest<"session.open">, call: CallContext): BrokerSession => {
    const { idempotencyKey: key, ...content } = request;
    const once = { verb: "session.open", key, content };
    const earlier = earlierId(tx, once);
    const known = earlier === undefined ? undefined : readSession(tx, earlier);
    if (known !== undefined) return known;
    const { purpose, scope, lifetimeMs } = request;
    const session: BrokerSession = {
      v: 1,
      sessionId: newUuid(tx.now, deps.random),
      mine: "owner",
      state: "OPEN",
      participation: "joined",
      owner: principalOf(self),
      epoch: 1,
      rev: 0,
      joinSeq: 0,
      purpose,
      scope,
      traceId: call.traceId,
      createdAt: tx.now,
      expiresAt: tx.now + lifetimeMs,
      participants: invited(request),
      shards: [],
      handOffs: [],
      reports: {},
    };
    rememberId(tx, once, session.sessionId);
    auditSession(tx, self, session, "open", { details: { participants: session.participants.length } });
    return announce(tx, session);
  };

  const isIn = ({ state }: KeptParticipant): boolean => state === "invited" || state === "joined";

  /** More agents, and those again who have left; who is in it stays as it is. */
  const invite = (tx: Transaction, request: DaemonRequest<"session.invite">): BrokerSession => {
    const session = mustOwn(tx, request.sessionId);
    const there = new Set(session.participants.filter(isIn).map(({ agentId }) => agentId));
    const asked = invited(request).filter(({ agentId }) => !there.has(agentId));
    if (asked.length === 0) return session;
    const before = new Map(session.participants.map((one) => [one.agentId, one]));
    // Older words of one that is invited again count as little as before.
    const fresh = asked.map((one) => ({ ...one, joinSeq: before.get(one.agentId)?.joinSeq ?? 0 }));
    const named = new Set(fresh.map(({ agentId }) => agentId));
    const participants = [...session.participants.filter(({ agentId }) => !named.has(agentId)), ...fresh];
    if (participants.length > MAX_PARTICIPANTS)
      throw new GaggleError("TOO_LARGE", `A session has at most ${MAX_PARTICIPANTS} participants; open another one.`);
    auditSession(tx, self, session, "invite", { details: { participants: fresh.length } });
    return announce(tx, { ...session, participants });
  };

  const newShard = (tx: Transaction, session: BrokerSession, request: DaemonRequest<"session.share">): HeldShard => {
    const { id, title, classes, visibility, body } = request;
    const text = canonicalJson(body);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_SHARD_BYTES)
      throw new GaggleError("TOO_LARGE", "The shard is too large; share less, or several smaller ones.", {
        details: { bytes, maxBytes: MAX_SHARD_BYTES },
      });
    const outside = outsideScope(session.scope, { classes });
    if (outside !== undefined) throw new GaggleError("POLICY_DENIED", `The session's scope has no class ${outside}; open one that has.`);
    const before = session.shards.find((one) => one.id === id);
    if (before === undefined && session.shards.length >= MAX_SHARDS)
      throw new GaggleError("TOO_LARGE", `A session has at most ${MAX_SHARDS} shards; share a new version of one instead.`);
    const alias = before === undefined && deps.masks === true ? newAlias(tx.now, deps.random) : before?.alias;
    const named = { id, ...(alias === undefined ? {} : { alias }) };
    return { ...named, title, classes, visibility, version: (before?.version ?? 0) + 1, bytes, hash: sha256Hex(text) };
  };

  const share = (tx: Transaction, request: DaemonRequest<"session.share">): BrokerSession => {
    const session = mustOwn(tx, request.sessionId);
    const shard = newShard(tx, session, request);
    const before = session.shards.find((one) => one.id === shard.id);
    // The same again, as after a call whose answer was lost, is no new version.
    if (before !== undefined && canonicalJson({ ...before, version: 0 }) === canonicalJson({ ...shard, version: 0 })) return session;
    putBody(tx, session.sessionId, shard.id, request.body);
    const details = { shard: shard.id, version: shard.version, bytes: shard.bytes, classes: shard.classes.join(",").slice(0, 500) };
    auditSession(tx, self, session, "share", { details });
    const shards = [...session.shards.filter((one) => one.id !== shard.id), shard];
    return save(tx, spread(tx, { ...session, shards }, [shard]));
  };

  const change = (
    tx: Transaction,
    message: Pick<MessageOf<"session.state">, "sessionId">,
    agentId: string,
    to: (one: KeptParticipant) => KeptParticipant,
  ): void => {
    const session = readSession(tx, message.sessionId);
    if (session === undefined || session.mine !== "owner" || session.state !== "OPEN") return;
    save(tx, { ...session, participants: session.participants.map((one) => (one.agentId === agentId ? to(one) : one)) });
  };

  const settled = (tx: Transaction, message: Message, agentId: string, delivery: "stored" | "dead"): void => {
    if (message.type !== "session.shard") return;
    const { id, version } = message;
    change(tx, message, agentId, (one) => {
      const [own, had] = Object.entries(one.sent).find(([name, { as = name }]) => as === id) ?? [];
      if (own === undefined || had?.version !== version) return one;
      return { ...one, sent: { ...one.sent, [own]: { ...had, delivery } } };
    });
  };

  return {
    announce,
    spread,

    /** @throws GaggleError NO_ROUTE, POLICY_DENIED, CONFLICT */
    open: (request: DaemonRequest<"session.open">, call: CallContext): Promise<BrokerSession> =>
      deps.queue.run((tx) => create(tx, request, call)),

    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED, NO_ROUTE, TOO_LARGE */
    invite: (request: DaemonRequest<"session.invite">): Promise<BrokerSession> => deps.queue.run((tx) => invite(tx, request)),

    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED, TOO_LARGE */
    share: (request: DaemonRequest<"session.share">): Promise<BrokerSession> => deps.queue.run((tx) => share(tx, request)),

    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
    close: (sessionId: string): Promise<BrokerSession> =>
      deps.queue.run((tx) => announce(tx, endSession(tx, deps, mustOwn(tx, sessionId), "CLOSED")), { finishing: true }),

    /** A participant takes part, or no longer does; its older words change nothing. */
    onJoin(tx: Transaction, { from }: SessionIncoming, { sessionId, joined, seq }: MessageOf<"session.join">): undefined {
      const session = readSession(tx, sessionId);
      const who = session?.participants.find(({ agentId }) => agentId === from.agentId);
      if (session === undefined || who === undefined)
        throw new GaggleError("NOT_FOUND", "This agent has no such session with you; ask its owner for an invitation.");
      if (session.mine !== "owner" || session.state !== "OPEN" || seq <= who.joinSeq) return;
      const state = joined ? ("joined" as const) : ("left" as const);
      // What it had was deleted when it left, and policy may have changed since.
      const next = { ...who, ...principalOf(from), state, joinSeq: seq, sent: {} };
      const participants = session.participants.map((one) => (one.agentId === from.agentId ? next : one));
      auditSession(tx, self, session, joined ? "join" : "leave", { details: { subject: from.subject } });
      const told = announce(tx, { ...session, participants });
      save(
        tx,
        spread(tx, told, told.shards, ({ agentId }) => agentId === from.agentId),
      );
    },

    onDelivered: (tx: Transaction, message: Message, to: string): void => settled(tx, message, to, "stored"),

    /** An invitation that was refused ends the participant's part, where it had not begun. */
    onDead(tx: Transaction, message: Message, to: string): void {
      settled(tx, message, to, "dead");
      if (message.type === "session.state")
        change(tx, message, to, (one) => (one.state === "invited" ? { ...one, state: "refused" } : one));
    },
  };
}
/** The owner's side. */
export type OwnerSide = ReturnType<typeof createOwnerSide>;
