/**
 * The approval key: unlocked by a person's passphrase alone, so that no program of the same user can approve.
 * docs/decisions/0014-approval-key.md
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { ed25519Jwk, type Ed25519Jwk } from "../contract/identity.ts";
import { canonicalJson } from "../contract/json.ts";
import type { Random, Signer } from "../contract/ports.ts";
import { createSigner, generateSigningKey, publicJwkOf } from "./keys.ts";
import { keyFromPassphrase, MIN_PASSPHRASE_LENGTH, newScryptParameters, scryptParameters } from "./passphrase-key.ts";
import { readSecretFile, writeSecretFile } from "./secret-file.ts";

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);
const keyFile = z.strictObject({
  v: z.literal(1),
  kind: z.literal("gaggle-approval-key"),
  public: ed25519Jwk,
  kdf: scryptParameters,
  cipher: z.strictObject({ name: z.literal("A256GCM"), iv: base64url.length(16), tag: base64url.length(22) }),
  secret: base64url.length(43),
});
type KeyFile = z.infer<typeof keyFile>;

/**
 * Makes an approval key and stores it encrypted (scrypt, AES-256-GCM).
 * @param input `path` of the new file; `passphrase`: at least 12 characters
 * @returns the public key, to be put on the roster with `gaggle org approver`
 * @throws GaggleError CONFLICT where the file exists, INVALID_INPUT for a short passphrase
 */
export async function createApprovalKey(input: { path: string; passphrase: string; random: Random }): Promise<Ed25519Jwk> {
  if ([...input.passphrase].length < MIN_PASSPHRASE_LENGTH) {
    throw new GaggleError("INVALID_INPUT", `The passphrase is too short; use at least ${MIN_PASSPHRASE_LENGTH} characters.`);
  }
  if ((await readSecretFile(input.path, keyFile)) !== undefined) {
    throw new GaggleError("CONFLICT", `There is an approval key at ${input.path} already; it is never overwritten.`);
  }
  const key = generateSigningKey(input.random);
  const kdf = newScryptParameters(input.random.bytes(16));
  const iv = Buffer.from(input.random.bytes(12)).toString("base64url");
  const head = { v: 1, kind: "gaggle-approval-key", public: publicJwkOf(key), kdf } as const;
  const cipher = createCipheriv("aes-256-gcm", await keyFromPassphrase(input.passphrase, kdf), Buffer.from(iv, "base64url"));
  cipher.setAAD(Buffer.from(canonicalJson(head)));
  const secret = Buffer.concat([cipher.update(Buffer.from(key.d, "base64url")), cipher.final()]).toString("base64url");
  const file: KeyFile = { ...head, cipher: { name: "A256GCM", iv, tag: cipher.getAuthTag().toString("base64url") }, secret };
  await writeSecretFile(input.path, file, { asIs: true });
  return head.public;
}

/**
 * The public part of a stored approval key; needs no passphrase.
 * @returns undefined where there is no key file
 */
export async function readApprovalPublicKey(path: string): Promise<Ed25519Jwk | undefined> {
  return (await readSecretFile(path, keyFile))?.public;
}

/**
 * Unlocks an approval key.
 * @throws GaggleError NOT_FOUND where there is none, CREDENTIAL_INVALID for a wrong passphrase or an altered file
 */
export async function unlockApprovalKey(input: { path: string; passphrase: string }): Promise<Signer> {
  const file = await readSecretFile(input.path, keyFile);
  if (file === undefined)
    throw new GaggleError("NOT_FOUND", `There is no approval key at ${input.path}; make one with: gaggle approval-key`);
  return createSigner({ ...file.public, d: await openSecret(file, input.passphrase) });
}

async function openSecret(file: KeyFile, passphrase: string): Promise<string> {
  const { cipher, secret, ...head } = file;
  const key = await keyFromPassphrase(passphrase, file.kdf);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(cipher.iv, "base64url"));
    decipher.setAAD(Buffer.from(canonicalJson(head)));
    decipher.setAuthTag(Buffer.from(cipher.tag, "base64url"));
    return Buffer.concat([decipher.update(Buffer.from(secret, "base64url")), decipher.final()]).toString("base64url");
  } catch (cause) {
    throw new GaggleError("CREDENTIAL_INVALID", "The passphrase is wrong, or the approval key's file was altered. Try again.", { cause });
  }
}
