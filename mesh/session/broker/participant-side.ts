/**
 * A participant's side of a session: take what its owner says and shares, leave and join again. Sans-IO. Invariants: only the owner of the newest epoch
 * is heard, and a new one only with the hand-offs that made it so; nothing is kept that this agent's own policy does not allow.
 */
import { GaggleError } from "../../contract/errors.ts";
import { canonicalJson, sha256Hex } from "../../contract/json.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { Transaction } from "../../contract/ports.ts";
import { MAX_SHARD_BYTES, MAX_SHARDS } from "../../contract/session.ts";
import { policyDenied } from "../policy-denied.ts";
import type { SessionIncoming } from "../ports.ts";
import { isHeir } from "./hand-off-proof.ts";
import { isVisibleTo, joining, mayShare, outsideScope } from "./may-see.ts";
import {
  auditSession,
  type BrokerDeps,
  type BrokerSession,
  dropBody,
  endSession,
  ifExpired,
  mustBeOpen,
  putBody,
  readSession,
  saveSession,
  tell,
  unknownSession,
  withoutShards,
} from "./session-record.ts";

const liar = (): GaggleError => new GaggleError("ENVELOPE_INVALID", "The message is not from the session's owner, so it is not taken.");

/** Makes it. */
export function createParticipantSide(deps: BrokerDeps) {
  const { self } = deps;
  const save = (tx: Transaction, session: BrokerSession): BrokerSession => saveSession(tx, deps.changes, session);

  const told = ({ epoch, rev, purpose, scope, expiresAt, owner, participants, handOffs }: MessageOf<"session.state">) => ({
    epoch,
    rev,
    purpose,
    scope,
    expiresAt,
    owner,
    participants: participants.map((one) => ({ ...one, joinSeq: 0, sent: {} })),
    handOffs,
  });

  /** Says whether this agent takes part. */
  const say = (tx: Transaction, session: BrokerSession, joined: boolean): BrokerSession => {
    const joinSeq = session.joinSeq + 1;
    const next: BrokerSession = { ...session, joinSeq, participation: joined ? "joined" : "left" };
    auditSession(tx, self, next, joined ? "join" : "leave");
    tell(tx, deps, next, { to: next.owner, message: { type: "session.join", sessionId: next.sessionId, joined, seq: joinSeq } });
    return save(tx, joined ? next : withoutShards(tx, next));
  };

  const begin = (tx: Transaction, { traceId }: SessionIncoming, message: MessageOf<"session.state">): void => {
    if (!message.open || tx.now >= message.expiresAt) return;
    if (!message.participants.some(({ agentId }) => agentId === self.agentId)) throw liar();
    const session: BrokerSession = {
      v: 1,
      sessionId: message.sessionId,
      mine: "participant",
      state: "OPEN",
      participation: "invited",
      joinSeq: 0,
      traceId,
      createdAt: tx.now,
      shards: [],
      reports: {},
      ...told(message),
    };
    // Policy has allowed the invitation before it came here.
    say(tx, session, true);
  };

  /** The record under the owner that now speaks. What a former owner shared is dropped: the new one shares what this agent may see by its own right. */
  const under = (tx: Transaction, known: BrokerSession, message: MessageOf<"session.state">): BrokerSession => {
    const isNew = message.owner.agentId !== known.owner.agentId;
    const { handingTo: _, offerId: ___, offer: __, ...kept } = known;
    const base = isNew ? { ...withoutShards(tx, kept), mine: "participant" as const, reports: {} } : known;
    return { ...base, ...told(message) };
  };

  const onShard = (tx: Transaction, { from }: SessionIncoming, message: MessageOf<"session.shard">): GaggleError | undefined => {
    const { type: _, sessionId, epoch, body, ...meta } = message;
    const session = ofOwner(tx, from.agentId, message);
    if (session === undefined || session.participation !== "joined") return undefined;
    const before = session.shards.find(({ id }) => id === meta.id);
    if (before !== undefined && before.version >= meta.version) return undefined;
    const decision = mayShare(deps.policy, { owner: from, receiver: self, shard: meta }, { counts: true, masks: true });
    const isWanted = decision.allowed && isVisibleTo(meta.visibility, self) && outsideScope(session.scope, meta) === undefined;
    if (!isWanted) {
      auditSession(tx, self, session, "withhold", { result: "denied", details: { shard: meta.id, version: meta.version, epoch } });
      return policyDenied(decision.allowed ? { ...decision, reason: "The shard is not meant for this agent or session." } : decision);
    }
    const text = canonicalJson(body);
    const bytes = Buffer.byteLength(text);
    // Masked text may be longer than what was shared.
    if (bytes > 2 * MAX_SHARD_BYTES || (before === undefined && session.shards.length >= MAX_SHARDS))
      throw new GaggleError("TOO_LARGE", "The session has more, or larger, shards than one may have.");
    putBody(tx, sessionId, meta.id, body);
    save(tx, { ...session, shards: [...session.shards.filter(({ id }) => id !== meta.id), { ...meta, bytes, hash: sha256Hex(text) }] });
    return undefined;
  };

  /** The open session of a message, where its owner sent it under the epoch of now; undefined for what is late. */
  const ofOwner = (
    tx: Transaction,
    from: string,
    { sessionId, epoch }: { sessionId: string; epoch: number },
  ): BrokerSession | undefined => {
    const known = readSession(tx, sessionId);
    if (known === undefined) throw unknownSession();
    const session = ifExpired(tx, deps, known);
    if (session.state !== "OPEN" || epoch < session.epoch) return undefined;
    if (epoch !== session.epoch || session.owner.agentId !== from || session.mine === "owner") throw liar();
    return session;
  };

  return {
    ofOwner,
    onShard,

    /** What the owner says of the session. A late state changes nothing; one of somebody else is refused. */
    onState(tx: Transaction, incoming: SessionIncoming, message: MessageOf<"session.state">): undefined {
      if (message.owner.agentId !== incoming.from.agentId) throw liar();
      const stored = readSession(tx, message.sessionId);
      if (stored === undefined) {
        begin(tx, incoming, message);
        return;
      }
      const known = ifExpired(tx, deps, stored);
      if (known.state !== "OPEN" || message.epoch < known.epoch) return;
      const isSame = message.epoch === known.epoch && known.owner.agentId === incoming.from.agentId && known.mine === "participant";
      if (isSame && message.rev <= known.rev) return;
      if (!isSame && !isHeir(deps.org, known, message)) throw liar();
      const next = under(tx, known, message);
      if (message.open) save(tx, next);
      else endSession(tx, deps, next, "CLOSED");
    },

    onWithdraw(tx: Transaction, { from }: SessionIncoming, message: MessageOf<"session.withdraw">): undefined {
      const session = ofOwner(tx, from.agentId, message);
      const held = session?.shards.find(({ id }) => id === message.id);
      if (session === undefined || held === undefined || held.version > message.version) return;
      dropBody(tx, session.sessionId, message.id);
      save(tx, { ...session, shards: session.shards.filter(({ id }) => id !== message.id) });
    },

    /** Takes part again. @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
    join: (sessionId: string): Promise<BrokerSession> =>
      deps.queue.run((tx) => {
        const session = mustBeOpen(tx, sessionId);
        if (session.participation === "joined") return session;
        const decision = deps.policy.decide(joining(session.owner, self));
        if (!decision.allowed) throw policyDenied(decision);
        return say(tx, session, true);
      }),

    /** Takes part no longer. @throws GaggleError NOT_FOUND, STATE_CONFLICT for its owner, who hands it over or closes it */
    leave: (sessionId: string): Promise<BrokerSession> =>
      deps.queue.run(
        (tx) => {
          const session = mustBeOpen(tx, sessionId);
          if (session.mine === "owner")
            throw new GaggleError("STATE_CONFLICT", "The owner can't leave; hand the session over first, or close it.");
          if (session.offer !== undefined)
            throw new GaggleError("STATE_CONFLICT", "The session is offered to you; accept or decline that first.");
          return session.participation === "left" ? session : say(tx, session, false);
        },
        { finishing: true },
      ),
  };
}
/** A participant's side. */
export type ParticipantSide = ReturnType<typeof createParticipantSide>;
