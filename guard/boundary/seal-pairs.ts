/**
 * Seals token→value pairs to one agent's X25519 key: compact JWE (RFC 7516), ECDH-ES+A256KW (RFC 7518, RFC 8037) and A256GCM. The envelope that
 * carries it is signed; id and sender stand inside too, so that a seal counts in no other envelope. docs/decisions/0064-mesh-boundary.md
 */
import { CompactEncrypt, compactDecrypt } from "jose";
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { agentId, uuid } from "../../mesh/contract/ids.ts";
import type { Pair } from "./mask-tree.ts";

const TYP = "gaggle-pairs+jwe";
const ALG = "ECDH-ES+A256KW";
const ENC = "A256GCM";

/** Public X25519 key as JWK. */
export interface SealKey {
  readonly kty: "OKP";
  readonly crv: "X25519";
  readonly x: string;
}
/** Private X25519 key as JWK. */
export interface OpenKey extends SealKey {
  readonly d: string;
}

/** The envelope that a seal belongs to. */
export interface SealedIn {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

const content = z.strictObject({
  v: z.literal(1),
  id: uuid,
  from: agentId,
  to: agentId,
  pairs: z.array(z.tuple([z.string().max(100), z.string(), z.boolean()])),
});

/** Seals pairs to the receiver's key. */
export const sealPairs = (pairs: readonly Pair[], { id, from, to }: SealedIn, key: SealKey): Promise<string> =>
  new CompactEncrypt(Buffer.from(JSON.stringify({ v: 1, id, from, to, pairs })))
    .setProtectedHeader({ alg: ALG, enc: ENC, typ: TYP })
    .encrypt({ kty: key.kty, crv: key.crv, x: key.x });

const invalid = (): GaggleError =>
  new GaggleError(
    "ENVELOPE_INVALID",
    "The sealed values of the message can't be opened with this agent's key, or belong to another message; send it again.",
  );

/**
 * Opens a seal.
 * @param envelope the envelope that it came in, its signature checked
 * @throws GaggleError ENVELOPE_INVALID for anything but a seal to this key for exactly this envelope
 */
export async function openPairs(sealed: string, envelope: SealedIn, key: OpenKey): Promise<Pair[]> {
  try {
    const options = { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] };
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, { ...key }, options);
    const { id, from, to, pairs } = content.parse(JSON.parse(Buffer.from(plaintext).toString("utf8")));
    if (protectedHeader.typ !== TYP || id !== envelope.id || from !== envelope.from || to !== envelope.to) throw invalid();
    return pairs;
  } catch {
    // Without the cause: a parser's message may quote values.
    throw invalid();
  }
}
