/** The organisation's root key behind one small interface: a file of this machine, or a service that signs and never gives the key away. */
import { verify } from "node:crypto";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import type { Signer } from "../contract/ports.ts";
import { publicKeyObject } from "./keys.ts";

/** A root key, wherever it is. A {@link Signer} is one too. */
export interface RootSigner {
  readonly publicJwk: Ed25519Jwk;
  /** RFC 7638 thumbprint of the key. */
  readonly thumbprint: string;
  /** Signs bytes by Ed25519. @throws GaggleError KEYS_LOCKED, UPSTREAM_FAILED */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** What is signed may hold signatures itself; deeper than this it is a mistake of ours. */
const MAX_ROUNDS = 4;

/**
 * Runs code that signs at once with a root key that takes its time: it is run with empty signatures to learn what is to be signed, and again with the
 * real ones. So nothing that signs has to wait, save here.
 * @param build must do the same each time: no clock, no randomness
 * @throws GaggleError what the root's signer throws; CREDENTIAL_INVALID where it gave a signature that is not its key's
 */
export async function signWithRoot<T>(root: RootSigner, build: (signer: Signer) => T): Promise<T> {
  const { publicJwk, thumbprint } = root;
  const signatures = new Map<string, Uint8Array>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const unsigned: Uint8Array[] = [];
    const sign = (data: Uint8Array): Uint8Array => {
      const known = signatures.get(nameOf(data));
      if (known === undefined) unsigned.push(data);
      return known ?? new Uint8Array(64);
    };
    const built = build({ publicJwk, thumbprint, sign });
    if (unsigned.length === 0) return built;
    for (const data of unsigned) signatures.set(nameOf(data), await signed(root, data));
  }
  throw new GaggleError("INTERNAL", "What is to be signed changes each time that it is built.");
}

const nameOf = (data: Uint8Array): string => Buffer.from(data).toString("base64");

async function signed(root: RootSigner, data: Uint8Array): Promise<Uint8Array> {
  const signature = await root.sign(data);
  if (verify(null, data, publicKeyObject(root.publicJwk), signature)) return signature;
  throw new GaggleError(
    "CREDENTIAL_INVALID",
    "The signature is not by the organisation's root key; check which key the signing service uses.",
  );
}
