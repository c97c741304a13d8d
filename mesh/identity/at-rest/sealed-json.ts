/** A JSON value under a 32-byte key: AES-256-GCM, bound to the name that it goes by. docs/decisions/0110-keys-at-rest.md */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { z } from "zod";
import { GaggleError } from "../../contract/errors.ts";
import { parseJson } from "../../contract/json.ts";

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);
/** Ciphertext with its nonce (96 bits, random) and tag. */
export const sealedBytes = z.strictObject({ iv: base64url.length(16), tag: base64url.length(22), data: base64url });
/** Ciphertext with its nonce and tag. */
export type SealedBytes = z.infer<typeof sealedBytes>;

/** Encrypts. @param bound what has to be the same when it is opened, such as the file's name */
export function sealBytes(key: Uint8Array, bound: string, plain: Uint8Array): SealedBytes {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(bound));
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  const text = (bytes: Buffer): string => bytes.toString("base64url");
  return { iv: text(iv), tag: text(cipher.getAuthTag()), data: text(data) };
}

/** Decrypts. @throws GaggleError CREDENTIAL_INVALID for another key, another name, or altered bytes */
export function openBytes(key: Uint8Array, bound: string, sealed: SealedBytes): Buffer {
  const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes(sealed.iv), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(bound));
    decipher.setAuthTag(bytes(sealed.tag));
    return Buffer.concat([decipher.update(bytes(sealed.data)), decipher.final()]);
  } catch (cause) {
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      `${bound} does not open: it was altered, or it is under another key. Restore it from a backup.`,
      {
        cause,
      },
    );
  }
}

/** A file of keys as it lies on the disk once its folder is protected. */
export const sealedFile = z.strictObject({
  v: z.literal(1),
  kind: z.literal("gaggle-sealed"),
  /** The folder's key that it is under. */
  key: base64url.length(22),
  sealed: sealedBytes,
});
/** A file of keys as it lies on the disk. */
export type SealedFile = z.infer<typeof sealedFile>;

/** A folder's key: what its files are under. */
export interface FolderKey {
  /** Names the key; no secret. 16 random bytes, base64url. */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Seals a value as the file of this name. */
export const sealValue = (key: FolderKey, name: string, value: unknown): SealedFile => ({
  v: 1,
  kind: "gaggle-sealed",
  key: key.id,
  sealed: sealBytes(key.secret, name, Buffer.from(JSON.stringify(value))),
});

/** Opens the file of this name. @throws GaggleError CREDENTIAL_INVALID */
export function openValue(key: FolderKey, name: string, file: SealedFile): unknown {
  if (file.key !== key.id) {
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      `${name} is under another key than its folder's; restore the whole folder from one backup.`,
    );
  }
  return parseJson(openBytes(key.secret, name, file.sealed).toString("utf8"), name);
}
