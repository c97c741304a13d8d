/** Methods that tell what the signed policy allows. */
import { z } from "zod";
import { policyAction } from "../bundle.ts";
import { principal } from "../identity.ts";
import { sha256, slug } from "../ids.ts";
import { empty, method } from "./method.ts";

/** The methods that tell what the signed policy allows. */
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
  "policy.check": method(
    z.strictObject({ action: policyAction, targetRole: slug.optional(), resource: z.string().max(200).optional() }),
    z.strictObject({ allowed: z.boolean(), rules: z.array(z.string()), reason: z.string(), policyHash: sha256 }),
  ),
} as const;
