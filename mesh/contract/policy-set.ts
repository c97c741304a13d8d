/** `policy.json` in a bundle: the organisation's Cedar policies, checked and in order. Source: design, Trust, Policy; docs/decisions/0100-cedar.md. */
import { z } from "zod";
import { slug } from "./ids.ts";

/** Version of the Cedar schema that this program asks by: `profiles/policies/gaggle.cedarschema`. */
export const POLICY_SCHEMA_VERSION = 1;

/** One policy as it was signed. */
export const signedPolicy = z.strictObject({
  /** Its `@id`. */
  id: slug,
  effect: z.enum(["permit", "forbid"]),
  /** Actions that its scope names, so that a question meets only the policies that can apply. */
  actions: z.array(z.string().max(64)).min(1),
  /** The role that its scope asks of the principal, where it does: nobody of another role need be held against it. */
  role: slug.optional(),
  /** Where the admin wrote it, for example `policies/close.cedar`, and the line. */
  file: z.string().max(200),
  line: z.int().min(1),
  /** The comment above it, as one paragraph; empty where there is none. */
  words: z.string().max(2_000),
  annotations: z.record(z.string(), z.string()),
  /** The policy in Cedar. */
  text: z.string().max(20_000),
});
/** One policy as it was signed. */
export type SignedPolicy = z.infer<typeof signedPolicy>;

/**
 * `policy.json`: every policy, by id in ascending order, and the version of the schema that they were validated against. The same in every role's
 * bundle; its SHA-256 is the `policyHash`. Version 1 was the allow-list.
 */
export const policySet = z.strictObject({ v: z.literal(2), schema: z.int().min(1), policies: z.array(signedPolicy).max(2_000) });
/** `policy.json` in a bundle. */
export type PolicySet = z.infer<typeof policySet>;
