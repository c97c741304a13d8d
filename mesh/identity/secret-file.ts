/** Files that hold private keys: 0600 in a 0700 folder, written atomically, refused where others could read them. */
import { lstat, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { z } from "zod";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { writePrivateFile } from "../store/private-file.ts";

/** Largest secret file, in bytes. */
const MAX_BYTES = 65_536;

/**
 * Writes a secret as JSON, 0600 in a folder of mode 0700 (made where missing).
 * @throws GaggleError CREDENTIAL_INVALID where the folder is open to others
 */
export async function writeSecretFile(path: string, value: unknown): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseWiderMode(folder, "700");
  await writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Reads a secret of the given shape.
 * @returns undefined where there is no such file
 * @throws GaggleError CREDENTIAL_INVALID where file or folder is open to others or is a link, INVALID_INPUT where the content is damaged
 */
export async function readSecretFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const size = await statSecret(path);
  if (size === undefined) return undefined;
  if (size > MAX_BYTES) throw new GaggleError("INVALID_INPUT", `The key file ${path} is too large to be one; restore it from a backup.`);
  return parseAs(schema, parseJson(await readFile(path, "utf8"), `The key file ${path}`), `The key file ${path}`);
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
