/** The agent key as libp2p takes it. */
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { GaggleError } from "../contract/errors.ts";
import { createSigner, type Ed25519PrivateJwk } from "../identity/keys.ts";

/**
 * libp2p's form of an Ed25519 private key: the 32 secret bytes followed by the 32 public ones.
 * @throws GaggleError CREDENTIAL_INVALID where the two parts don't belong together
 */
export function libp2pKeyOf(key: Ed25519PrivateJwk): PrivateKey {
  createSigner(key);
  const raw = privateKeyFromRaw(Buffer.concat([Buffer.from(key.d, "base64url"), Buffer.from(key.x, "base64url")]));
  if (raw.type !== "Ed25519") throw new GaggleError("CREDENTIAL_INVALID", "The agent key is not an Ed25519 key; restore the key file.");
  return raw;
}
