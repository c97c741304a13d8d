/** Identifiers. All are plain strings on the wire; the patterns here are checked at every boundary. */
import { z } from "zod";

/** An agent's id is the libp2p peer id of its Ed25519 key (base58btc, starts with 12D3KooW). */
export const agentId = z.string().regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/, "an agent id starts with 12D3KooW and has 52 characters");
/** UUID version 7 (RFC 9562): tasks, approvals, messages, audit events. */
export const uuid = z.uuid({ version: "v7" });
/** Organisation id: `org_` and 26 characters, derived from the first root key, so that nobody can claim another's. */
export const orgId = z.string().regex(/^org_[a-z2-7]{26}$/, "an organisation id looks like org_ and 26 letters or digits");
/** A person's or team's login in the organisation, for example `dana.okafor`. */
export const subjectId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "use lower-case letters, digits, dot, dash, underscore");
/** Role, department and skill names. */
export const slug = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, "use lower-case letters, digits and dashes");
/** RFC 7638 JWK thumbprint, SHA-256, base64url. */
export const thumbprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "a key thumbprint has 43 base64url characters");
/** SHA-256 as 64 lower-case hex digits. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 hash has 64 hex digits");
/** Caller's key under which a mutating call happens once. */
export const idempotencyKey = z.string().min(1).max(200);

/** A new UUID version 7 from the given clock (ms since epoch) and randomness, so that simulations repeat. */
export function newUuid(nowMs: number, random: { bytes(length: number): Uint8Array }): string {
  const bytes = random.bytes(16);
  let time = nowMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
