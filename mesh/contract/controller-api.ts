/**
 * What the bootstrap node's controller routes take and answer: handing over, candidates, status, evaluation, events. Source: spec P6;
 * docs/decisions/0115-controller-routes-stay-blind.md
 */
import { z } from "zod";
import { policyAction } from "./bundle.ts";
import { agentId, sha256, slug, subjectId, uuid } from "./ids.ts";
import { principal } from "./identity.ts";
import { MAX_MAIL_DEVICES } from "./limits.ts";
import { sealedMail } from "./mailbox.ts";
import { MAX_PARTICIPANTS } from "./session.ts";

/** A message for the devices of one person: envelopes that the sender signed, sealed to them. The node sees who, to whom, how large and when. */
export const sealedDeposit = z.strictObject({ id: uuid, to: z.array(agentId).min(1).max(MAX_MAIL_DEVICES), sealed: sealedMail });

const stamp = z.string().min(1).max(4_096);

/** Envelopes that are handed over together: all or none is kept. `id`: task, session or approval that they are about, under which status is asked. */
export const handOver = z.strictObject({ id: uuid, deposits: z.array(sealedDeposit).min(1).max(MAX_PARTICIPANTS) });
/** Envelopes that are handed over together. */
export type HandOver = z.infer<typeof handOver>;

/** What was kept, each with the node's signed word about when. */
export const handedOver = z.object({ id: uuid, deposits: z.array(z.object({ id: uuid, stamp })) });

/** Whom to look for; all that is given must fit, but `locale`, which is preferred. */
export const candidateQuery = z.strictObject({
  agentId: agentId.optional(),
  role: slug.optional(),
  department: slug.optional(),
  skill: slug.optional(),
  locale: z.string().max(20).optional(),
});
/** Whom to look for. */
export type CandidateQuery = z.infer<typeof candidateQuery>;

const judged = z.object({ principal, because: z.string() });

/** Who could be asked by the caller, best first; who not by policy; who fits in a part. `because` is for a person. */
export const candidates = z.object({
  candidates: z.array(z.object({ principal, devices: z.array(principal), because: z.string() })),
  denied: z.array(judged),
  misfits: z.array(judged),
});
/** Who could be asked. */
export type Candidates = z.infer<typeof candidates>;

/** Either whom to look for, or what to hand over. */
export const taskRouteRequest = z.union([z.strictObject({ target: candidateQuery }), handOver]);

/** What became of a deposit. `settled`: no copy is left, since the recipient fetched and deleted it or the sender withdrew it. */
export const depositState = z.enum(["waiting", "settled", "expired"]);

/** What the node can truthfully say about an id. */
export const statusReport = z.object({
  id: uuid,
  /** Sealed mail that was handed over under this id. */
  deposits: z.array(
    z.object({
      id: uuid,
      kind: z.enum(["task", "session", "approval"]),
      from: agentId,
      to: z.array(agentId),
      /** Whose copies are still there. */
      waitingFor: z.array(agentId),
      depositedAt: z.iso.datetime(),
      expiresAt: z.iso.datetime(),
      state: depositState,
    }),
  ),
  /** What the participants' collected audit chains say, oldest first; `more` where there is more than is shown. */
  events: z.array(
    z.object({
      agentId,
      seq: z.int(),
      ts: z.iso.datetime(),
      action: z.string(),
      result: z.enum(["ok", "denied", "failed"]),
      hash: sha256,
    }),
  ),
  more: z.boolean(),
});
/** What the node can truthfully say about an id. */
export type StatusReport = z.infer<typeof statusReport>;

const shortText = z.string().max(200);

/** A question to policy about the caller itself. */
export const evaluateRequest = z.strictObject({
  action: policyAction,
  targetRole: slug.optional(),
  targetSubject: subjectId.optional(),
  resource: shortText.optional(),
  context: z
    .strictObject({
      dataClasses: z.array(z.string().max(64)).max(50).optional(),
      unattended: z.boolean().optional(),
      participants: z.array(subjectId).max(MAX_PARTICIPANTS).optional(),
      local: z.boolean().optional(),
      recipeHash: sha256.optional(),
    })
    .optional(),
});
/** A question to policy about the caller itself. */
export type EvaluateRequest = z.infer<typeof evaluateRequest>;

const obligation = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("mask"), classes: z.array(z.string()) }),
  z.object({ kind: z.literal("approval"), role: z.string() }),
  z.object({ kind: z.literal("second-person") }),
  z.object({ kind: z.literal("rate"), perMinute: z.number() }),
  z.object({ kind: z.literal("log"), level: z.enum(["metadata", "full"]) }),
]);

/** The node's own answer by its newest bundle. Sender and receiver decide by theirs: this one permits nothing. */
export const evaluation = z.object({
  allowed: z.boolean(),
  rules: z.array(z.string()),
  reason: z.string(),
  policyHash: sha256,
  obligations: z.array(obligation).optional(),
  risk: z.number().optional(),
});

/** Longest wait of a poll for events, in seconds. */
export const MAX_EVENT_WAIT_SECONDS = 25;

/** Since when, as an earlier answer's `next`, and how long to wait for the first. */
export const eventQuery = z.strictObject({
  after: z
    .string()
    .regex(/^[0-9a-z]{1,12}\.[0-9]{1,15}$/)
    .optional(),
  wait: z
    .string()
    .regex(/^(?:[0-9]|1[0-9]|2[0-5])$/, `seconds, from 0 to ${MAX_EVENT_WAIT_SECONDS}`)
    .optional(),
});
/** Since when, and how long to wait. */
export type EventQuery = z.infer<typeof eventQuery>;

/** What happened on the node, as far as the caller may know. */
export const nodeEvent = z.discriminatedUnion("kind", [
  /** Mail for the caller was deposited. */
  z.object({ kind: z.literal("mail"), at: z.iso.datetime() }),
  /** A deposit of the caller's has no copy left. */
  z.object({ kind: z.literal("settled"), at: z.iso.datetime(), id: uuid }),
  /** A newer bundle is there, or a newer word about revocations. */
  z.object({ kind: z.literal("bundle"), at: z.iso.datetime(), version: z.int(), revocationSeq: z.int() }),
  /** An agent joined. */
  z.object({ kind: z.literal("member"), at: z.iso.datetime(), agentId, subject: subjectId, role: slug }),
]);
/** What happened on the node. */
export type NodeEvent = z.infer<typeof nodeEvent>;

/** `next` is the `after` of the next poll. `missed`: some may have been missed, as after a restart of the node; look at everything once. */
export const eventPage = z.object({ events: z.array(nodeEvent), next: z.string(), missed: z.boolean() });
/** A page of events. */
export type EventPage = z.infer<typeof eventPage>;

/** What has to be there for the node to serve. */
export const readiness = z.object({
  status: z.literal("ready"),
  checks: z.object({ store: z.literal(true), bundle: z.literal(true), peer: z.literal(true), disk: z.literal(true) }),
});
