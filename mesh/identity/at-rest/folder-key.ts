/**
 * The key that the files of a folder are under, and `protection.json`, which says how it is kept. One key for a folder, so that a passphrase is
 * worked out or a keychain asked once, and keychains hold 32 bytes whatever the files are. docs/decisions/0110-keys-at-rest.md
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { ensurePrivateFile, readPrivateText, writePrivateFile } from "../../store/private-file.ts";
import { keyFromPassphrase, MIN_PASSPHRASE_LENGTH, newScryptParameters, scryptParameters } from "../passphrase-key.ts";
import type { KeySources, Protection } from "./key-sources.ts";
import { type FolderKey, openBytes, sealBytes, sealedBytes } from "./sealed-json.ts";

/** A protection under which files are sealed. */
export type SealingProtection = Exclude<Protection, "none">;

const keyId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
const protectionFile = z.strictObject({
  v: z.literal(1),
  /** Names the folder's key. */
  id: keyId,
  kept: z.discriminatedUnion("by", [
    z.strictObject({ by: z.literal("keychain") }),
    z.strictObject({ by: z.literal("machine"), wrapped: sealedBytes }),
    z.strictObject({ by: z.literal("passphrase"), kdf: scryptParameters, wrapped: sealedBytes }),
  ]),
});
type ProtectionFile = z.infer<typeof protectionFile>;

/** Name of the file in a protected folder; nothing in it is secret by itself. */
export const PROTECTION_FILE = "protection.json";
const pathIn = (dir: string): string => join(dir, PROTECTION_FILE);
const bound = (id: string): string => `gaggle folder key ${id}`;

/** How a folder's key is kept; `none` where its files lie plain. @throws GaggleError INVALID_INPUT where the file is damaged */
export const protectionOf = async (dir: string): Promise<Protection> => (await readProtection(dir))?.kept.by ?? "none";

async function readProtection(dir: string): Promise<ProtectionFile | undefined> {
  const path = pathIn(dir);
  const text = await readPrivateText(path);
  return text === undefined ? undefined : parseAs(protectionFile, parseJson(text, path), path);
}

/**
 * The folder's key; undefined where its files lie plain.
 * @throws GaggleError KEYS_LOCKED where the keychain is locked, the passphrase is missing or wrong, or the machine's key is gone
 */
export async function openFolderKey(dir: string, sources: KeySources): Promise<FolderKey | undefined> {
  const file = await readProtection(dir);
  if (file === undefined) return undefined;
  const { opened } = sources;
  const secret = opened.get(file.id) ?? unwrap(file, sources);
  opened.set(file.id, secret);
  try {
    return { id: file.id, secret: await secret };
  } catch (error) {
    // A keychain may be unlocked later.
    opened.delete(file.id);
    throw error;
  }
}

async function unwrap({ id, kept }: ProtectionFile, sources: KeySources): Promise<Uint8Array> {
  if (kept.by === "keychain") return keyOf(await sources.keychain.get(id));
  const under = kept.by === "machine" ? await sources.machineKey(false) : await keyFromPassphrase(await passphraseOf(sources), kept.kdf);
  try {
    return openBytes(under, bound(id), kept.wrapped);
  } catch (cause) {
    const problem = kept.by === "machine" ? "These keys belong to another machine" : "The passphrase is wrong";
    throw new GaggleError("KEYS_LOCKED", `${problem}, or protection.json was altered. Bring them back with: gaggle recover`, { cause });
  }
}

function keyOf(text: string | undefined): Uint8Array {
  const key = Buffer.from(text ?? "", "base64url");
  if (key.length === 32) return key;
  throw new GaggleError("KEYS_LOCKED", "The keychain no longer has the key of these files. Bring them back with: gaggle recover");
}

async function passphraseOf(sources: KeySources): Promise<string> {
  const passphrase = await sources.passphrase();
  if (passphrase !== undefined) return passphrase;
  throw new GaggleError(
    "KEYS_LOCKED",
    "These keys are under a passphrase. Put it into a file of yours and name it in GAGGLE_PASSPHRASE_FILE.",
  );
}

/**
 * Gives a folder a key and keeps it so; a folder that has one goes over to the other protection with the same key, so no file changes.
 * @throws GaggleError KEYS_LOCKED, INVALID_INPUT for a short passphrase
 */
export async function keepFolderKey(dir: string, by: SealingProtection, sources: KeySources): Promise<FolderKey> {
  const before = await readProtection(dir);
  if (before?.kept.by === by) return openExisting(dir, sources);
  const key = (await openFolderKey(dir, sources)) ?? { id: randomBytes(16).toString("base64url"), secret: randomBytes(32) };
  // The key is safe before the file names it, and the old keeper forgets it only after.
  const file: ProtectionFile = { v: 1, id: key.id, kept: await wrap(key, by, sources) };
  const text = `${JSON.stringify(file, null, 2)}\n`;
  await (before === undefined ? ensurePrivateFile(pathIn(dir), text) : writePrivateFile(pathIn(dir), text));
  if (before?.kept.by === "keychain") await sources.keychain.remove(key.id);
  // Of two programs that did this at once, one has won.
  return openExisting(dir, sources);
}

async function openExisting(dir: string, sources: KeySources): Promise<FolderKey> {
  const key = await openFolderKey(dir, sources);
  if (key === undefined) throw new GaggleError("KEYS_LOCKED", `${pathIn(dir)} is gone; restore the folder from a backup.`);
  return key;
}

async function wrap(key: FolderKey, by: SealingProtection, sources: KeySources): Promise<ProtectionFile["kept"]> {
  if (by === "keychain") {
    await sources.keychain.set(key.id, Buffer.from(key.secret).toString("base64url"));
    return { by };
  }
  if (by === "machine") return { by, wrapped: sealBytes(await sources.machineKey(true), bound(key.id), key.secret) };
  const passphrase = await passphraseOf(sources);
  if ([...passphrase].length < MIN_PASSPHRASE_LENGTH) {
    throw new GaggleError("INVALID_INPUT", `The passphrase is too short; use at least ${MIN_PASSPHRASE_LENGTH} characters.`);
  }
  const kdf = newScryptParameters(randomBytes(16), sources.scryptCost);
  return { by, kdf, wrapped: sealBytes(await keyFromPassphrase(passphrase, kdf), bound(key.id), key.secret) };
}

/** Forgets a folder's key in the keychain, where it lies there: what the folder holds can't be opened again. */
export async function forgetFolderKey(dir: string, sources: KeySources): Promise<void> {
  const file = await readProtection(dir);
  if (file === undefined) return;
  sources.opened.delete(file.id);
  if (file.kept.by === "keychain") await sources.keychain.remove(file.id);
}
