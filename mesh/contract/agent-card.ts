/**
 * Agent cards as they travel: the AgentCard of A2A 1.0 (`a2a.proto`, in its JSON form), with what Gaggle adds in one A2A extension. Fields that a
 * newer version adds pass through, since the signature is over the whole card. Source: spec M8; docs/decisions/0090-agent-cards.md.
 */
import { z } from "zod";
import { workingHours } from "./bundle.ts";
import { agentId, orgId, slug, subjectId } from "./ids.ts";

/** URI of Gaggle's extension of the card (A2A, AgentExtension). */
export const CARD_EXTENSION = "urn:gaggle:agent-card:1";
/** Largest card in bytes of its JSON. */
export const MAX_CARD_BYTES = 24_576;

/** Tag of skills that a recipe carries out: only these can be asked for by name. */
export const RECIPE_TAG = "recipe";
/** Tag of skills that stand for an extension and its tools. */
export const EXTENSION_TAG = "extension";

/** What an agent can do (A2A, AgentSkill). */
export const cardSkill = z.looseObject({
  id: slug,
  name: z.string().min(1).max(100),
  description: z.string().max(300),
  tags: z.array(z.string().max(80)).max(40),
  examples: z.array(z.string().max(500)).max(10).optional(),
});

/** What Gaggle says about an agent. Times are milliseconds since the epoch. */
export const cardFacts = z.looseObject({
  agentId,
  org: orgId,
  subject: subjectId,
  role: slug,
  department: slug,
  locale: z.string().max(20),
  /** `left`: a tombstone; the agent takes no more work. */
  state: z.enum(["active", "left"]),
  /** Counts the agent's cards; of two the one with the higher number counts. */
  seq: z.int().min(1),
  issuedAt: z.int().min(0),
  expiresAt: z.int().min(0),
  bundleVersion: z.int().min(0),
  /** Autonomy level 0 to 3 of the role. */
  level: z.int().min(0).max(3),
  /** Runs without a person at a time. */
  concurrency: z.int().min(1).max(16),
  workingHours: workingHours.optional(),
  limits: z.looseObject({ maxMessageBytes: z.int().min(1) }),
  /** Membership credential (JWT), so that a card learned from anyone proves itself. */
  credential: z.string().max(4_096),
});
/** The fields that this version knows. */
type Known<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
/** What Gaggle says about an agent. */
export type CardFacts = Known<z.infer<typeof cardFacts>>;

const cardExtension = z.looseObject({
  uri: z.literal(CARD_EXTENSION),
  description: z.string().max(200),
  required: z.boolean(),
  params: cardFacts,
});

/** A signature over the card without `signatures`, in RFC 8785 form: a detached JWS in JSON form (A2A, AgentCardSignature). */
const cardSignature = z.strictObject({ protected: z.string().max(500), signature: z.string().max(200) });

/** An AgentCard of A2A 1.0 by one agent of Gaggle, signed by its agent key. */
export const agentCard = z.looseObject({
  name: z.string().min(1).max(100),
  description: z.string().max(300),
  version: z.string().min(1).max(40),
  supportedInterfaces: z
    .array(z.looseObject({ url: z.string().max(200), protocolBinding: z.string().max(60), protocolVersion: z.string().max(20) }))
    .min(1)
    .max(4),
  capabilities: z.looseObject({ streaming: z.boolean(), pushNotifications: z.boolean(), extensions: z.tuple([cardExtension]) }),
  defaultInputModes: z.array(z.string().max(60)).min(1).max(10),
  defaultOutputModes: z.array(z.string().max(60)).min(1).max(10),
  skills: z.array(cardSkill).max(140),
  signatures: z.tuple([cardSignature]),
});
/** An AgentCard of A2A 1.0 by one agent of Gaggle. */
export type AgentCard = z.infer<typeof agentCard>;
