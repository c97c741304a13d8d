/** What an agent keeps about a session of several agents. Bodies of shards lie under keys of their own. Pure. Source: spec M9. */
import type { AuditDraft } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { Message } from "../../contract/message.ts";
import type { PolicyDecision, Signer, Transaction } from "../../contract/ports.ts";
import type { Participant, Participation, SessionCounts, SessionScope, SessionView, ShardMeta, ShardRef } from "../../contract/session.ts";
import type { Changes } from "../changes.ts";
import type { SessionDeps, SessionIncoming } from "../ports.ts";

/** A shard without its body; `hash` is SHA-256 over the canonical JSON of the body, `bytes` its length. */
export interface HeldShard extends ShardMeta {
  /** Its id in other departments, where that is another; see shard-alias.ts. */
  readonly alias?: string | undefined;
  readonly bytes: number;
  readonly hash: string;
}

/** A shard that was sent; `as`: its id there, where that is another than here. */
export interface SentShard {
  readonly version: number;
  readonly delivery: "queued" | "stored" | "dead";
  readonly as?: string;
}

/** A participant as an owner keeps it: what it was sent. A participant that is not the owner keeps the others with nothing sent. */
export interface KeptParticipant extends Participant {
  /** Newest word of its own on taking part. */
  readonly joinSeq: number;
  readonly sent: Readonly<Record<string, SentShard>>;
}

/** A session, at its owner and at a participant. */
export interface BrokerSession {
  readonly v: 1;
  readonly sessionId: string;
  readonly mine: SessionView["mine"];
  readonly state: SessionView["state"];
  readonly participation: Participation;
  readonly owner: Principal;
  /** Counts owners: whoever holds the highest is the owner. Hand-offs and hand-offs that were declined raise it. */
  readonly epoch: number;
  /** Counts the owner's states of this epoch. */
  readonly rev: number;
  /** This agent's own words on taking part. */
  readonly joinSeq: number;
  readonly purpose: string;
  readonly scope: SessionScope;
  readonly traceId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly participants: readonly KeptParticipant[];
  readonly shards: readonly HeldShard[];
  /** The owner has offered it under `epoch` + 1 and changes nothing until it has the answer. */
  readonly handingTo?: Principal;
  /** Envelope of the offer that waits for an answer. */
  readonly offerId?: string;
  /** It is offered to this agent. */
  readonly offer?: { readonly epoch: number; readonly handOff: string; readonly shards: readonly ShardRef[] };
  /** This agent's last word on an offer, for an owner that asks again. */
  readonly answered?: { readonly epoch: number; readonly accepted: boolean };
  /** Signed hand-offs, oldest first. */
  readonly handOffs: readonly string[];
  /** What participants told of themselves. */
  readonly reports: Readonly<Record<string, { readonly seq: number; readonly counts: SessionCounts }>>;
}

/** What the broker's parts need. */
export interface BrokerDeps extends SessionDeps {
  readonly changes: Changes;
  readonly org: string;
  /** The agent's key: signs hand-offs. */
  readonly signer: Signer;
  /** Leaves a word for this agent's person, as if the sender had said it. */
  tellPerson(tx: Transaction, incoming: SessionIncoming, text: string): void;
  onError(error: unknown): void;
}

const PREFIX = "broker/session/";
const keyOf = (sessionId: string): string => PREFIX + sessionId;
const bodyKey = (sessionId: string, shardId: string): string => `broker/shard/${sessionId}/${shardId}`;

/** Range of all sessions, oldest first. */
export const SESSION_RANGE = { gte: PREFIX, lt: `${PREFIX}~` } as const;

/** Reads a record's text. */
export const parseSession = (text: string): BrokerSession => JSON.parse(text) as BrokerSession;

/** The session, or undefined. */
export function readSession(source: Pick<Transaction, "get">, sessionId: string): BrokerSession | undefined {
  const text = source.get(keyOf(sessionId));
  return text === undefined ? undefined : parseSession(text);
}

/** Keeps it, and wakes who waits for a change. */
export function saveSession(tx: Transaction, changes: Changes, session: BrokerSession): BrokerSession {
  tx.put(keyOf(session.sessionId), JSON.stringify(session));
  changes.changed(tx, [session.sessionId]);
  return session;
}

/** The body of a shard, or undefined where it is not here. */
export function readBody(source: Pick<Transaction, "get">, sessionId: string, shardId: string): Json | undefined {
  const text = source.get(bodyKey(sessionId, shardId));
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/** Keeps a body. */
export const putBody = (tx: Transaction, sessionId: string, shardId: string, body: Json): void =>
  tx.put(bodyKey(sessionId, shardId), JSON.stringify(body));

/** Deletes a body. */
export const dropBody = (tx: Transaction, sessionId: string, shardId: string): void => tx.del(bodyKey(sessionId, shardId));

/** Without any shard; their bodies are deleted. */
export function withoutShards(tx: Transaction, session: BrokerSession): BrokerSession {
  for (const { id } of session.shards) dropBody(tx, session.sessionId, id);
  return { ...session, shards: [] };
}

/** The session after its end: what was shared is gone, and the audit says so. */
export function endSession(
  tx: Transaction,
  { changes, self }: Pick<BrokerDeps, "changes" | "self">,
  session: BrokerSession,
  state: "CLOSED" | "EXPIRED",
): BrokerSession {
  const { handingTo: _, offerId: ___, offer: __, ...rest } = session;
  const details = { shards: session.shards.length, mine: session.mine };
  auditSession(tx, self, session, state === "CLOSED" ? "close" : "expire", { details });
  return saveSession(tx, changes, {
    ...withoutShards(tx, rest),
    state,
    participants: rest.participants.map((one) => ({ ...one, sent: {} })),
  });
}

/** Ends a session whose time is over. Every reader goes through here, so that nothing is used a moment too long. */
export function ifExpired(tx: Transaction, deps: Pick<BrokerDeps, "changes" | "self">, session: BrokerSession): BrokerSession {
  return session.state === "OPEN" && tx.now >= session.expiresAt ? endSession(tx, deps, session, "EXPIRED") : session;
}

/** Records what happened to a session in this agent's audit chain. */
export function auditSession(
  tx: Transaction,
  self: Principal,
  { sessionId, traceId, owner }: Pick<BrokerSession, "sessionId" | "traceId" | "owner">,
  action: "open" | "invite" | "join" | "leave" | "share" | "withhold" | "handoff" | "close" | "expire",
  more: Pick<AuditDraft, "details"> & { result?: AuditDraft["result"] } = {},
): void {
  tx.audit({
    actor: { type: "agent", id: self.agentId, role: self.role },
    action: `session.${action}`,
    target: `session:${sessionId}`,
    result: more.result ?? "ok",
    details: { ownerSubject: owner.subject, ...more.details },
    traceId,
  });
}

/** Sends a message of a session; those to one recipient arrive in order, with the session's tasks. @returns the envelope's id */
export function tell(
  tx: Transaction,
  { sender }: Pick<BrokerDeps, "sender">,
  { sessionId, traceId }: Pick<BrokerSession, "sessionId" | "traceId">,
  outgoing: { readonly to: Principal; readonly message: Message; readonly decision?: PolicyDecision; readonly movable?: true },
): string {
  return sender.enqueue(tx, { ...outgoing, priority: "P1", lane: sessionId, sessionLane: sessionId, traceId, ref: sessionId });
}

/** Who somebody is, without how it stands to a session. */
export const principalOf = ({ agentId, subject, role, department }: Principal): Principal => ({ agentId, subject, role, department });

/** The error for a session that is not known here. */
export const unknownSession = (): GaggleError => new GaggleError("NOT_FOUND", "No such session is known here; check its id.");
/** The error for what only an owner can do. */
export const notTheOwner = (): GaggleError =>
  new GaggleError("POLICY_DENIED", "Only the session's owner can do this; gaggle status <session> says who that is.");

/** The session, which must be open. @throws GaggleError NOT_FOUND, STATE_CONFLICT */
export function mustBeOpen(tx: Transaction, sessionId: string): BrokerSession {
  const known = readSession(tx, sessionId);
  if (known === undefined) throw unknownSession();
  // Only read: what a throwing transition writes is lost; the sweep ends it for good.
  if (known.state !== "OPEN" || tx.now >= known.expiresAt)
    throw new GaggleError("STATE_CONFLICT", "The session has ended; open a new one.");
  return known;
}

/** The session, which must be open and this agent's to change. @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
export function mustOwn(tx: Transaction, sessionId: string): BrokerSession {
  const session = mustBeOpen(tx, sessionId);
  if (session.mine !== "owner") throw notTheOwner();
  if (session.handingTo !== undefined)
    throw new GaggleError("STATE_CONFLICT", "The session is being handed to another agent; nothing changes until that one has answered.");
  return session;
}
