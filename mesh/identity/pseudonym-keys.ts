/** The tenant's keys for pseudonyms, by epoch: one file in the admin's folder and one in each agent's home. Source: design, Trust, Pseudonyms. */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import type { Random } from "../contract/ports.ts";
import { readSecretFile, writeSecretFile } from "./secret-file.ts";

const keyText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** One epoch's key: 32 bytes, base64url. `validFrom`: when this file got it; `retiredAt`: when a newer one came. Milliseconds since the epoch. */
export const pseudonymKey = z.strictObject({
  epoch: z.int().min(1),
  key: keyText,
  validFrom: z.int().min(0),
  retiredAt: z.int().min(0).optional(),
});
/** One epoch's key. */
export type PseudonymKey = z.infer<typeof pseudonymKey>;

const keysFile = z.union([
  z.strictObject({ v: z.literal(2), epochs: z.array(pseudonymKey).max(100) }),
  // Written before there were several epochs.
  z.strictObject({ v: z.literal(1), epoch: z.int().min(1), key: keyText }),
]);

/**
 * The keys of a file, the newest first; undefined where there is no file, none where a steward's daemon has yet to hand out the first.
 * @throws GaggleError CREDENTIAL_INVALID where others could read it, INVALID_INPUT where it is damaged
 */
export async function readPseudonymKeys(path: string): Promise<readonly PseudonymKey[] | undefined> {
  const stored = await readSecretFile(path, keysFile);
  if (stored === undefined) return undefined;
  const epochs = stored.v === 1 ? [{ epoch: stored.epoch, key: stored.key, validFrom: 0 }] : stored.epochs;
  return epochs.toSorted((a, b) => b.epoch - a.epoch);
}

/**
 * Adds a key; one that is there already changes nothing. All but the newest count as retired from now on: maps made with them stay readable, nothing
 * new is made with them.
 * @returns true where it is new
 * @throws GaggleError CONFLICT where this epoch has another key
 */
export async function addPseudonymKey(path: string, { epoch, key }: { epoch: number; key: string }, nowMs: number): Promise<boolean> {
  const before = (await readPseudonymKeys(path)) ?? [];
  const same = before.find((one) => one.epoch === epoch);
  if (same !== undefined && same.key !== key) {
    throw new GaggleError(
      "CONFLICT",
      `There is another pseudonym key of epoch ${epoch} already, and keys are never replaced; rotate to a new epoch.`,
    );
  }
  if (same !== undefined) return false;
  const newest = Math.max(epoch, ...before.map((one) => one.epoch));
  const retired = (one: PseudonymKey): PseudonymKey =>
    one.epoch === newest || one.retiredAt !== undefined ? one : { ...one, retiredAt: nowMs };
  const epochs = [...before, { epoch, key, validFrom: nowMs }].map(retired).toSorted((a, b) => b.epoch - a.epoch);
  await writeSecretFile(path, { v: 2, epochs });
  return true;
}

/** A new key, 32 bytes, base64url. */
export const newPseudonymKey = (random: Random): string => Buffer.from(random.bytes(32)).toString("base64url");
