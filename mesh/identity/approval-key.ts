/**
 * The approval key: unlocked by a person's passphrase alone, so that no program of the same user can approve.
 * docs/decisions/0014-approval-key.md
 */
import { createCipheriv, createDecipheriv, scrypt } from "node:crypto";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { ed25519Jwk, type Ed25519Jwk } from "../contract/identity.ts";
import { canonicalJson } from "../contract/json.ts";
import type { Random, Signer } from "../contract/ports.ts";
import { createSigner, generateSigningKey, publicJwkOf } from "./keys.ts";
import { readSecretFile, writeSecretFile } from "./secret-file.ts";

/** Shortest passphrase, in characters: the file can be attacked offline. */
export const MIN_PASSPHRASE_LENGTH = 12;
/** Cost of scrypt (RFC 7914): 128 MiB and a few tenths of a second a guess. */
const COST = { N: 131_072, r: 8, p: 1 } as const;
/** Memory that node:crypto may use for it, in bytes. */
const MAX_MEMORY_BYTES = 268_435_456;

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);
const keyFile = z.strictObject({
  v: z.literal(1),
  kind: z.literal("gaggle-approval-key"),
  public: ed25519Jwk,
  /** Bounded from both sides: too cheap would be guessed, too dear would exhaust the machine. */
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    N: z.literal([32_768, 65_536, 131_072]),
    r: z.literal(8),
    p: z.int().min(1).max(4),
    salt: base64url.length(22),
  }),
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
  const salt = Buffer.from(input.random.bytes(16)).toString("base64url");
  const iv = Buffer.from(input.random.bytes(12)).toString("base64url");
  const head = { v: 1, kind: "gaggle-approval-key", public: publicJwkOf(key), kdf: { name: "scrypt", ...COST, salt } } as const;
  const cipher = createCipheriv("aes-256-gcm", await deriveKey(input.passphrase, head.kdf), Buffer.from(iv, "base64url"));
  cipher.setAAD(Buffer.from(canonicalJson(head)));
  const secret = Buffer.concat([cipher.update(Buffer.from(key.d, "base64url")), cipher.final()]).toString("base64url");
  const file: KeyFile = { ...head, cipher: { name: "A256GCM", iv, tag: cipher.getAuthTag().toString("base64url") }, secret };
  await writeSecretFile(input.path, file);
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
  const key = await deriveKey(passphrase, file.kdf);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(cipher.iv, "base64url"));
    decipher.setAAD(Buffer.from(canonicalJson(head)));
    decipher.setAuthTag(Buffer.from(cipher.tag, "base64url"));
    return Buffer.concat([decipher.update(Buffer.from(secret, "base64url")), decipher.final()]).toString("base64url");
  } catch (cause) {
    throw new GaggleError("CREDENTIAL_INVALID", "The passphrase is wrong, or the approval key's file was altered. Try again.", { cause });
  }
}

/** Normalised (NFKC), so that the same passphrase typed on another keyboard is the same. */
function deriveKey(passphrase: string, kdf: KeyFile["kdf"]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: kdf.N, r: kdf.r, p: kdf.p, maxmem: MAX_MEMORY_BYTES };
    scrypt(passphrase.normalize("NFKC"), Buffer.from(kdf.salt, "base64url"), 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
