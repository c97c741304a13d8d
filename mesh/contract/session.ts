/**
 * Sessions of several agents on one matter: who takes part, what it may be about, and the context that they share in shards. Source: spec M9;
 * docs/sessions.md, docs/decisions/0094-sessions.md.
 */
import { z } from "zod";
import { principal } from "./identity.ts";
import { agentId, orgId, slug, uuid } from "./ids.ts";
import { json } from "./json.ts";
import { taskState } from "./task-state.ts";
import { spent } from "./usage.ts";

/** Most participants of a session, its owner not counted. */
export const MAX_PARTICIPANTS = 64;
/** Most shards of a session. */
export const MAX_SHARDS = 64;
/** Largest body of a shard, in bytes of its canonical JSON. */
export const MAX_SHARD_BYTES = 262_144;
/** Most hand-offs of a session: each participant checks all that it has not seen. */
export const MAX_HAND_OFFS = 32;

/** Class of what a shard holds, as policy names it in `session.share`: `internal`, `payroll` … */
export const shardClass = slug;

/** What a session is for. A list that is left out limits nothing. */
export const sessionScope = z.strictObject({
  /** Skills that tasks of the session may ask for. */
  skills: z.array(slug).max(200).optional(),
  /** Classes of shards that may be shared in it. */
  classes: z.array(shardClass).max(50).optional(),
});
/** What a session is for. */
export type SessionScope = z.infer<typeof sessionScope>;

/** Who may see a shard: whoever any of the lists names; all participants where there is none. Policy has to allow it besides. */
export const visibility = z.strictObject({
  roles: z.array(slug).max(64).optional(),
  departments: z.array(slug).max(64).optional(),
  participants: z.array(agentId).max(MAX_PARTICIPANTS).optional(),
});
/** Who may see a shard. */
export type Visibility = z.infer<typeof visibility>;

/** How a participant stands to the session. `refused`: its policy, or its daemon, did not take the invitation. */
export const participation = z.enum(["invited", "joined", "left", "refused"]);
/** How a participant stands to the session. */
export type Participation = z.infer<typeof participation>;

/** A participant as the owner knows it. */
export const participant = z.strictObject({ ...principal.shape, state: participation });
/** A participant as the owner knows it. */
export type Participant = z.infer<typeof participant>;

/** What a shard is, without its body. `version` is the owners' count. */
export const shardMeta = z.strictObject({
  id: slug,
  version: z.int().min(1),
  title: z.string().max(1_000),
  classes: z.array(shardClass).min(1).max(20),
  visibility,
});
/** What a shard is, without its body. */
export type ShardMeta = z.infer<typeof shardMeta>;

/** A shard that a task refers to. */
export const shardRef = z.strictObject({ id: slug, version: z.int().min(1) });
/** A shard that a task refers to. */
export type ShardRef = z.infer<typeof shardRef>;

/** In which session a task is asked, and which shards it is about. */
export const taskSession = z.strictObject({ id: uuid, shards: z.array(shardRef).max(MAX_SHARDS) });
/** In which session a task is asked. */
export type TaskSession = z.infer<typeof taskSession>;

/**
 * What an owner signs when it offers its session to another (compact JWS, EdDSA, `typ` "gaggle-handoff+jws", by its agent key): from the moment that
 * `to` accepts, it is the owner under `epoch`.
 */
export const handOffStatement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  sessionId: uuid,
  epoch: z.int().min(2),
  from: agentId,
  to: agentId,
});
/** What an owner signs when it offers its session. */
export type HandOffStatement = z.infer<typeof handOffStatement>;

const jws = z.string().max(2_048);
const head = { sessionId: uuid, epoch: z.int().min(1) };

/** From the owner: what the session is and who takes part. The first is the invitation; with `open` false the session has ended. */
const sessionState = z.strictObject({
  type: z.literal("session.state"),
  ...head,
  /** Counts the owner's states of this epoch. */
  rev: z.int().min(1),
  open: z.boolean(),
  purpose: z.string().max(4_000),
  scope: sessionScope,
  expiresAt: z.int(),
  owner: principal,
  participants: z.array(participant).max(MAX_PARTICIPANTS),
  /** The signed hand-offs that made the sender its owner, oldest first. */
  handOffs: z.array(jws).max(MAX_HAND_OFFS),
});

/** From the owner: a shard that the receiver may see. */
const sessionShard = z.strictObject({
  type: z.literal("session.shard"),
  ...head,
  ...shardMeta.shape,
  /** What it is called in other departments; told within the owner's. */
  alias: slug.optional(),
  body: json,
});

/** From the owner: a shard that the receiver may no longer see. */
const sessionWithdraw = z.strictObject({ type: z.literal("session.withdraw"), ...head, id: slug, version: z.int().min(1) });

/** From a participant: it takes part, or no longer does. `seq` counts its words. */
const sessionJoin = z.strictObject({ type: z.literal("session.join"), sessionId: uuid, joined: z.boolean(), seq: z.int().min(1) });

/** From the owner: the session is offered to the receiver, under `epoch`. */
const sessionOffer = z.strictObject({ type: z.literal("session.offer"), ...head, handOff: jws, shards: z.array(shardRef).max(MAX_SHARDS) });

/** The word of whom it was offered to. */
const sessionOfferAnswer = z.strictObject({ type: z.literal("session.offer-answer"), ...head, accepted: z.boolean() });

/** Counts of what one agent has in a session: tasks that it asked for by state, questions and approvals that it waits for, what its runs used. */
export const sessionCounts = z.strictObject({
  tasks: z.partialRecord(taskState, z.int().min(0)),
  openQuestions: z.int().min(0),
  approvalsPending: z.int().min(0),
  spent,
});
/** Counts of what one agent has in a session. */
export type SessionCounts = z.infer<typeof sessionCounts>;

/** From a participant to the owner: its counts. Lossy, as progress is. */
const sessionReport = z.strictObject({ type: z.literal("session.report"), sessionId: uuid, seq: z.int().min(1), counts: sessionCounts });

/** All messages of sessions. */
export const SESSION_MESSAGES = [
  sessionState,
  sessionShard,
  sessionWithdraw,
  sessionJoin,
  sessionOffer,
  sessionOfferAnswer,
  sessionReport,
] as const;

/** A session as this agent sees it. */
export const sessionView = z.strictObject({
  sessionId: uuid,
  state: z.enum(["OPEN", "CLOSED", "EXPIRED"]),
  mine: z.enum(["owner", "participant"]),
  /** This agent's own participation; an owner's is `joined`. */
  participation,
  owner: principal,
  epoch: z.int(),
  purpose: z.string(),
  scope: sessionScope,
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** With whom else; `shards`, which only the owner knows, are those sent to it. */
  participants: z.array(
    z.strictObject({
      ...participant.shape,
      shards: z.array(z.strictObject({ ...shardRef.shape, delivery: z.enum(["queued", "stored", "dead"]) })).optional(),
    }),
  ),
  /** What this agent has of the shared context. */
  shards: z.array(z.strictObject({ ...shardMeta.shape, bytes: z.int(), body: json.optional() })),
  /** The owner has offered it to this agent, which did not answer yet. Nothing changes meanwhile. */
  handingTo: principal.optional(),
  /** It is offered to this agent: accept or decline. */
  offered: z.boolean(),
  /** Over all agents where this one is the owner, else this one's own. */
  totals: z.strictObject({ ...sessionCounts.shape, agents: z.int() }),
});
/** A session as this agent sees it. */
export type SessionView = z.infer<typeof sessionView>;
