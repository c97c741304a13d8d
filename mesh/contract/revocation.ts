/** Revocations that an admin key signs: they count at once, until a bundle settles them. Source: design, Trust; decisions 0108, 0127. */
import { z } from "zod";
import { agentId, orgId, subjectId, thumbprint } from "./ids.ts";

/** Longest revocation statement as a compact JWS, in bytes. */
export const MAX_REVOCATION_BYTES = 8_192;
/** Statements of one admin key that may wait for a bundle. */
export const MAX_OPEN_REVOCATIONS = 100;

/** Statements that members hand each other at once; they fit beside the largest bundle. */
export const REVOCATION_PAGE = 2 * MAX_OPEN_REVOCATIONS;

/** Payload of a JWS (EdDSA, `typ` "gaggle-revocation+jws") by an admin key that the signed bundle names. It only ever takes trust away. */
export const revocationStatement = z.strictObject({
  v: z.literal(1),
  org: orgId,
  /** For order alone: higher than any of the same admin key that its machine knew. Two machines may use one number; both statements count. */
  seq: z.int().min(1),
  issuedAt: z.iso.datetime(),
  agents: z.array(agentId),
  subjects: z.array(subjectId),
  keys: z.array(thumbprint),
});
/** Payload of a revocation statement. */
export type RevocationStatement = z.infer<typeof revocationStatement>;

/** A revocation statement as it travels. */
export const revocationJws = z.string().min(1).max(MAX_REVOCATION_BYTES);
