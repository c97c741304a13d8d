/** Puts the key files of a folder under its key: at joining, and once for folders of earlier versions. Safe to be cut off anywhere. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { GaggleError, ifThere } from "../../contract/errors.ts";
import { readSecretValue, writeSecretFile } from "../secret-file.ts";
import { keepFolderKey, openFolderKey, PROTECTION_FILE, protectionOf, type SealingProtection } from "./folder-key.ts";
import { type KeySources, type Protection, processKeySources } from "./key-sources.ts";

/** Files that are no keys, or that a passphrase of their own protects. */
const LEFT_ALONE: readonly string[] = [PROTECTION_FILE, "approval.json"];

/** What was done. */
export interface Protected {
  readonly by: Protection;
  /** True where it was not so before: then the person is told what it means. */
  readonly isNew: boolean;
}

/**
 * Protects the key files of a folder, as it is already, else as `GAGGLE_KEY_PROTECTION` wants, else in the best way that works here.
 * Each file is replaced by renaming, after its key is kept: whenever this is cut off, every file can be read, and the next call goes on.
 * @throws GaggleError KEYS_LOCKED where what was wanted doesn't work, or the folder's key can't be opened
 */
export async function protectFolder(dir: string, sources: KeySources = processKeySources()): Promise<Protected> {
  const existing = await openFolderKey(dir, sources);
  const by = existing === undefined ? await choose(sources) : undefined;
  if (by === "none") return { by, isNew: false };
  if (by !== undefined) await keepFolderKey(dir, by, sources);
  for (const name of await keyFilesIn(dir)) await sealFile(join(dir, name), sources);
  return { by: by ?? (await protectionOf(dir)), isNew: by !== undefined };
}

/** Goes over to another protection; the files stay as they are. @throws GaggleError KEYS_LOCKED, INVALID_INPUT */
export async function changeProtection(dir: string, by: SealingProtection, sources: KeySources = processKeySources()): Promise<void> {
  await keepFolderKey(dir, by, sources);
  for (const name of await keyFilesIn(dir)) await sealFile(join(dir, name), sources);
}

/** The best that works: a keychain that answers without a person, else a file of this machine. */
async function choose(sources: KeySources): Promise<Protection> {
  if (sources.wanted !== undefined) return sources.wanted;
  if ((await sources.passphrase()) !== undefined) return "passphrase";
  if (await sources.keychain.usable()) return "keychain";
  try {
    await sources.machineKey(true);
    return "machine";
  } catch {
    // A user without a home folder: plain files, as doctor tells.
    return "none";
  }
}

const keyFilesIn = async (dir: string): Promise<string[]> =>
  ((await ifThere(readdir(dir))) ?? []).filter((name) => name.endsWith(".json") && !LEFT_ALONE.includes(name));

async function sealFile(path: string, sources: KeySources): Promise<void> {
  const found = await readSecretValue(path, sources);
  if (found === undefined || found.sealed) return;
  await writeSecretFile(path, found.value, { sources });
  const after = await readSecretValue(path, sources);
  if (after?.sealed !== true) throw new GaggleError("KEYS_LOCKED", `${basename(path)} could not be protected; it is as it was.`);
}
