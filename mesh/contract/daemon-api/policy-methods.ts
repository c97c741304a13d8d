/** Methods that tell what the signed policy allows, and why. */
import { z } from "zod";
import { policyAction } from "../bundle.ts";
import { dataClass } from "../data-class.ts";
import { principal } from "../identity.ts";
import { sha256, slug, subjectId, uuid } from "../ids.ts";
import { empty, method } from "./method.ts";

/** A policy, as people are told of it: its id, the admin's comment above it, and where that was written. */
const policyView = z.strictObject({
  id: z.string(),
  effect: z.enum(["permit", "forbid"]),
  words: z.string(),
  file: z.string(),
  line: z.int(),
});
/** A policy, as people are told of it. */
export type PolicyView = z.infer<typeof policyView>;

/** A permit that would have allowed it, and which of its conditions failed: in plain words and in Cedar. */
const nearMiss = z.strictObject({
  policy: policyView,
  failed: z.array(z.strictObject({ words: z.string(), text: z.string() })),
});
/** A permit that would have allowed it, had a condition held. */
export type NearMissView = z.infer<typeof nearMiss>;

/** What led to a decision: the policies that decided, or for a default deny the permits that came closest. */
const why = { determining: z.array(policyView), closest: z.array(nearMiss) };

/** Circumstances of a question; what is left out is unknown. */
const circumstances = z.strictObject({
  dataClasses: z.array(dataClass).optional(),
  unattended: z.boolean().optional(),
  participants: z.array(subjectId).max(20).optional(),
  local: z.boolean().optional(),
  recipeHash: sha256.optional(),
});

/** Who acts or is acted upon, as far as it is known. */
const party = z.strictObject({ agentId: z.string(), subject: z.string(), role: z.string(), department: z.string() }).partial();

/** A question that was asked, without any text. */
export const askedQuestion = z.strictObject({
  action: policyAction,
  principal: party.required({ role: true, subject: true, department: true }),
  target: party.optional(),
  resource: z.string().optional(),
  context: z
    .strictObject({
      dataClasses: z.array(z.string()),
      unattended: z.boolean(),
      participants: z.array(z.string()),
      local: z.boolean(),
      recipeHash: z.string(),
    })
    .partial()
    .optional(),
});
/** A question that was asked. */
export type AskedQuestion = z.infer<typeof askedQuestion>;

const decision = {
  allowed: z.boolean(),
  rules: z.array(z.string()),
  reason: z.string(),
  policyHash: sha256,
  /** Each in one word, such as `mask:IBAN+EMAIL`. */
  obligations: z.array(z.string()),
  risk: z.number().optional(),
};

/** A decision that the audit has, and what leads to it. */
const pastDecision = z.strictObject({
  event: z.strictObject({ id: uuid, seq: z.int(), ts: z.iso.datetime(), action: z.string(), target: z.string(), result: z.string() }),
  allowed: z.boolean(),
  rules: z.array(z.string()),
  policyHash: sha256,
  obligations: z.array(z.string()),
  risk: z.number().optional(),
  asked: askedQuestion.optional(),
  /** Whether the set in force is the one that decided; the explanation is by the set in force. */
  sameSet: z.boolean(),
  ...why,
});
/** A decision that the audit has, and what leads to it. */
export type PastDecision = z.infer<typeof pastDecision>;

/** The methods that tell what the signed policy allows, and why. */
export const POLICY_METHODS = {
  "policy.whoami": method(
    empty,
    z.strictObject({
      ...principal.shape,
      org: z.string(),
      orgName: z.string(),
      title: z.string(),
      level: z.int(),
      bundleVersion: z.int(),
      policyHash: sha256,
      skills: z.array(slug),
      extensions: z.array(z.strictObject({ name: slug, tools: z.array(z.string()) })),
    }),
  ),
  /** Answers as the policy would now. It counts in no rate. */
  "policy.check": method(
    z.strictObject({
      action: policyAction,
      /** Left out: this agent. */
      who: z.union([z.strictObject({ person: subjectId }), z.strictObject({ role: slug })]).optional(),
      targetRole: slug.optional(),
      /** A person of the org chart; another name is taken for a role. */
      target: subjectId.optional(),
      resource: z.string().max(200).optional(),
      context: circumstances.optional(),
    }),
    z.strictObject({ ...decision, ...why }),
  ),
  /** Past decisions by the id of an audit event, envelope, task, approval or session; the newest first. */
  "policy.explain": method(
    z.strictObject({ id: z.string().min(1).max(200) }),
    z.strictObject({ decisions: z.array(pastDecision), policyHash: sha256 }),
  ),
  /** What was denied lately, by the audit: each question once. */
  "policy.denials": method(
    z.strictObject({ events: z.int().min(1).max(50_000).default(10_000) }),
    z.strictObject({
      denials: z.array(z.strictObject({ question: askedQuestion, count: z.int(), lastAt: z.iso.datetime(), rules: z.array(z.string()) })),
      policyHash: sha256,
    }),
  ),
  /** What was really asked since the daemon's start, each question once, with the answer of the set in force. */
  "policy.asked": method(
    empty,
    z.strictObject({
      since: z.iso.datetime(),
      policyHash: sha256,
      questions: z.array(
        z.strictObject({
          question: askedQuestion,
          count: z.int(),
          lastAt: z.iso.datetime(),
          allowed: z.boolean(),
          rules: z.array(z.string()),
          obligations: z.array(z.unknown()),
        }),
      ),
    }),
  ),
} as const;
