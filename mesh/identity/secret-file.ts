/**
 * Files that hold private keys: 0600 in a 0700 folder, written atomically, refused where others could read them, and sealed where their folder is
 * protected ({@link protectFolder}).
 */
import { lstat, mkdir, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { z } from "zod";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { writePrivateFile } from "../store/private-file.ts";
import { openFolderKey } from "./at-rest/folder-key.ts";
import { type KeySources, processKeySources } from "./at-rest/key-sources.ts";
import { openValue, sealedFile, sealValue } from "./at-rest/sealed-json.ts";

/** Largest secret file, in bytes. */
const MAX_BYTES = 65_536;

/** How a secret is written. */
export interface SecretFileOptions {
  /** Not sealed: it is encrypted in a way of its own. */
  readonly asIs?: boolean;
  /** What the folder's key is opened with; this system's where left out. */
  readonly sources?: KeySources;
}

/**
 * Writes a secret as JSON, 0600 in a folder of mode 0700 (made where missing), sealed where the folder is protected.
 * @throws GaggleError CREDENTIAL_INVALID where the folder is open to others, KEYS_LOCKED where the folder's key can't be opened
 */
export async function writeSecretFile(path: string, value: unknown, { asIs = false, sources }: SecretFileOptions = {}): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseWiderMode(folder, "700");
  const key = asIs ? undefined : await openFolderKey(folder, sources ?? processKeySources());
  const written = key === undefined ? value : sealValue(key, basename(path), value);
  await writePrivateFile(path, `${JSON.stringify(written, null, 2)}\n`);
}

/**
 * Reads a secret of the given shape.
 * @returns undefined where there is no such file
 * @throws GaggleError CREDENTIAL_INVALID where file or folder is open to others or is a link, INVALID_INPUT where the content is damaged,
 *   KEYS_LOCKED where the folder's key can't be opened
 */
export async function readSecretFile<T>(path: string, schema: z.ZodType<T>, sources?: KeySources): Promise<T | undefined> {
  const found = await readSecretValue(path, sources ?? processKeySources());
  return found === undefined ? undefined : parseAs(schema, found.value, `The key file ${path}`);
}

/** What a secret file says, and whether it was sealed; plain files of earlier versions are read too. @throws as {@link readSecretFile} */
export async function readSecretValue(path: string, sources: KeySources): Promise<{ value: unknown; sealed: boolean } | undefined> {
  const size = await statSecret(path);
  if (size === undefined) return undefined;
  if (size > MAX_BYTES) throw new GaggleError("INVALID_INPUT", `The key file ${path} is too large to be one; restore it from a backup.`);
  const value = parseJson(await readFile(path, "utf8"), `The key file ${path}`);
  const sealed = sealedFile.safeParse(value);
  if (!sealed.success) return { value, sealed: false };
  const key = await openFolderKey(dirname(path), sources);
  if (key === undefined)
    throw new GaggleError("KEYS_LOCKED", `${dirname(path)} lacks protection.json; restore the whole folder from a backup.`);
  return { value: openValue(key, basename(path), sealed.data), sealed: true };
}

/** Size of the secret after its rights were checked; undefined where it is missing. */
async function statSecret(path: string): Promise<number | undefined> {
  try {
    const size = await refuseWiderMode(path, "600");
    await refuseWiderMode(dirname(path), "700");
    return size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Windows has no mode bits; the user's profile folder is private there. */
async function refuseWiderMode(path: string, mode: "600" | "700"): Promise<number> {
  const stat = await lstat(path);
  if (stat.isSymbolicLink() || (mode === "600" && !stat.isFile())) {
    throw new GaggleError("CREDENTIAL_INVALID", `${path} is a link or no plain file; put the key file itself there.`);
  }
  if (process.platform === "win32") return stat.size;
  if (stat.uid !== process.getuid?.()) {
    throw new GaggleError("CREDENTIAL_INVALID", `${path} belongs to another user. Run: chown "$USER" '${path}'`);
  }
  if ((stat.mode & 0o077) !== 0) {
    throw new GaggleError("CREDENTIAL_INVALID", `Others can get at ${path}, which holds private keys. Run: chmod ${mode} '${path}'`);
  }
  return stat.size;
}
