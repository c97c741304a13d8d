/** The tenant's key for pseudonyms, which came in the invitation's fragment. Source: design, Trust, Pseudonyms. */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { readSecretFile, writeSecretFile } from "../identity/secret-file.ts";

const pseudonymKeyFile = z.strictObject({ v: z.literal(1), epoch: z.int().min(1), key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

/** Stores the key of an epoch, 0600. `key`: 32 bytes, base64url. */
export const writePseudonymKey = (path: string, { epoch, key }: { epoch: number; key: string }): Promise<void> =>
  writeSecretFile(path, { v: 1, epoch, key });

/** The key, 32 bytes. @throws GaggleError NOT_JOINED where there is none, CREDENTIAL_INVALID where others could read it */
export async function readPseudonymKey(path: string): Promise<Uint8Array> {
  const stored = await readSecretFile(path, pseudonymKeyFile);
  if (stored === undefined) throw new GaggleError("NOT_JOINED", "The key for pseudonyms is missing. Join again with a new invitation.");
  return Buffer.from(stored.key, "base64url");
}
