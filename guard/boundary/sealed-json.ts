/** JSON sealed to one agent's X25519 key: compact JWE (RFC 7516), ECDH-ES+A256KW (RFC 7518, RFC 8037) and A256GCM. */
import { CompactEncrypt, compactDecrypt } from "jose";
import type { z } from "zod";
import { parseJson } from "../../mesh/contract/json.ts";

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

/** Seals a value. @param typ says what it is, so that a seal for one purpose is never taken for another */
export const sealJson = (typ: string, value: unknown, { kty, crv, x }: SealKey): Promise<string> =>
  new CompactEncrypt(Buffer.from(JSON.stringify(value))).setProtectedHeader({ alg: ALG, enc: ENC, typ }).encrypt({ kty, crv, x });

/** Opens a seal. @returns undefined for anything but a seal of this type and shape to this key */
export async function openJson<T>(typ: string, sealed: string, key: OpenKey, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    const options = { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] };
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, { ...key }, options);
    return protectedHeader.typ === typ ? schema.parse(parseJson(Buffer.from(plaintext).toString("utf8"), "What was sealed")) : undefined;
  } catch {
    // Without the cause: a parser's message may quote what was sealed.
    return undefined;
  }
}
