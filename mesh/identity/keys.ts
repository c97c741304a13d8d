/**
 * Ed25519 and X25519 keys as JWK (RFC 8037), their thumbprints (RFC 7638) and the agent id that belongs to a key. Synchronous, by
 * node:crypto.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { type Ed25519Jwk, ed25519Jwk, x25519Jwk } from "../contract/identity.ts";
import type { Random, Signer } from "../contract/ports.ts";

const secretPart = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** Private Ed25519 key as JWK (RFC 8037). Never leaves the machine. */
export const ed25519PrivateJwk = z.strictObject({ ...ed25519Jwk.shape, d: secretPart });
/** Private Ed25519 key as JWK (RFC 8037). */
export type Ed25519PrivateJwk = z.infer<typeof ed25519PrivateJwk>;
/** Private X25519 key as JWK (RFC 8037). Never leaves the machine. */
export const x25519PrivateJwk = z.strictObject({ ...x25519Jwk.shape, d: secretPart });
/** Private X25519 key as JWK (RFC 8037). */
export type X25519PrivateJwk = z.infer<typeof x25519PrivateJwk>;
/** Public X25519 key as JWK (RFC 8037). */
export type X25519Jwk = z.infer<typeof x25519Jwk>;

/** The two private keys of an agent: one signs (and is the libp2p key), one opens sealed mail. */
export interface AgentKeys {
  readonly sign: Ed25519PrivateJwk;
  readonly seal: X25519PrivateJwk;
}

/** PKCS #8 (RFC 8410) of a 32-byte private key, up to the key itself. */
const PKCS8_PREFIX = { Ed25519: "302e020100300506032b657004220420", X25519: "302e020100300506032b656e04220420" } as const;

/** A private JWK from its 32 secret bytes. */
function privateJwk(crv: keyof typeof PKCS8_PREFIX, secret: Uint8Array): { x: string; d: string } {
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX[crv], "hex"), secret]);
  const { x, d } = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" });
  if (x === undefined || d === undefined) throw new GaggleError("INTERNAL", "The system's crypto gave no key; update Node.");
  return { x, d };
}

/** A new Ed25519 private key from the given randomness. */
export const generateSigningKey = (random: Random): Ed25519PrivateJwk => ({
  kty: "OKP",
  crv: "Ed25519",
  ...privateJwk("Ed25519", random.bytes(32)),
});

/** New keys for an agent from the given randomness. */
export const generateAgentKeys = (random: Random): AgentKeys => ({
  sign: generateSigningKey(random),
  seal: { kty: "OKP", crv: "X25519", ...privateJwk("X25519", random.bytes(32)) },
});

/** The public part of a private key; nothing secret remains. */
export function publicJwkOf(key: Ed25519PrivateJwk): Ed25519Jwk;
export function publicJwkOf(key: X25519PrivateJwk): X25519Jwk;
export function publicJwkOf(key: Ed25519PrivateJwk | X25519PrivateJwk): Ed25519Jwk | X25519Jwk {
  return key.crv === "Ed25519" ? { kty: "OKP", crv: "Ed25519", x: key.x } : { kty: "OKP", crv: "X25519", x: key.x };
}

/**
 * RFC 7638 thumbprint (SHA-256, base64url) of a public Ed25519 key; for a private one pass its public part or itself, `d` is not hashed.
 */
export const thumbprintOf = (jwk: Pick<Ed25519Jwk, "x">): string =>
  createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`).digest("base64url");

/**
 * A signer over a private key.
 * @throws GaggleError CREDENTIAL_INVALID where the private and the public part don't belong together (signing with such a key leaks it)
 */
export function createSigner(key: Ed25519PrivateJwk): Signer {
  const secret = Buffer.from(key.d, "base64url");
  const derived = secret.length === 32 ? privateJwk("Ed25519", secret) : undefined;
  if (derived?.x !== key.x) {
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      "The key's private and public parts don't belong together; restore the key file from a backup.",
    );
  }
  const privateKey = createPrivateKey({ key: { ...key }, format: "jwk" });
  const publicJwk = publicJwkOf(key);
  return { publicJwk, thumbprint: thumbprintOf(publicJwk), sign: (data) => sign(null, data, privateKey) };
}

/**
 * The public key as node:crypto takes it.
 * @throws GaggleError CREDENTIAL_INVALID for 32 bytes that are no key
 */
export function publicKeyObject(jwk: Ed25519Jwk): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: "jwk" });
  } catch (cause) {
    throw new GaggleError("CREDENTIAL_INVALID", "The public key is not an Ed25519 key.", { cause });
  }
}

/** A public key made ready for checking many signatures. */
export interface VerifyingKey {
  readonly thumbprint: string;
  readonly object: KeyObject;
}

/**
 * Makes a public key ready.
 * @throws GaggleError CREDENTIAL_INVALID for 32 bytes that are no key
 */
export const verifyingKeyOf = (jwk: Ed25519Jwk): VerifyingKey => ({ thumbprint: thumbprintOf(jwk), object: publicKeyObject(jwk) });

/** The agent id (libp2p peer id, base58btc) of an Ed25519 key. */
export const agentIdOf = (jwk: Pick<Ed25519Jwk, "x">): string =>
  peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(jwk.x, "base64url"))).toString();

/**
 * The Ed25519 key inside an agent id.
 * @throws GaggleError CREDENTIAL_INVALID where the id holds none
 */
export function jwkOfAgentId(id: string): Ed25519Jwk {
  let raw: Uint8Array | undefined;
  try {
    const peer = peerIdFromString(id);
    raw = peer.type === "Ed25519" ? peer.publicKey.raw : undefined;
  } catch (cause) {
    throw new GaggleError("CREDENTIAL_INVALID", "The agent id is malformed; it should start with 12D3KooW.", { cause });
  }
  if (raw === undefined) throw new GaggleError("CREDENTIAL_INVALID", "The agent id is not of an Ed25519 key.");
  return { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") };
}
