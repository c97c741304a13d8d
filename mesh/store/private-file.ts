/** Files and folders that only the user can read, written so that a crash never leaves half of one. */
import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { GaggleError, ifThere, systemCode } from "../contract/errors.ts";

/** Writes a file that only the user can read, so that a crash leaves the old one or the new one, never half of it. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** Makes a folder that only the user can enter. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/** Makes a rename in the folder durable. Windows can't open folders and needs no such step. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes a file that only the user can read where there is none yet; of two programs that do so at once, one wins and the file is whole. */
export async function ensurePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.new`;
  await writePrivateFile(temporary, text);
  try {
    await link(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    await unlink(temporary);
  }
}

/** The text of a file, or undefined where there is none. */
export const readPrivateText = (path: string): Promise<string | undefined> => ifThere(readFile(path, "utf8"));

/**
 * Refuses a file or folder that says whom to believe where another user could have written it. What is missing is nobody's. Windows has no such modes.
 * @throws GaggleError CREDENTIAL_INVALID
 */
export async function refuseForeignHand(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const found = await ifThere(stat(path));
  if (found === undefined) return;
  // The administrator of the machine can write everything anyway.
  if (found.uid !== process.getuid?.() && found.uid !== 0)
    throw new GaggleError("CREDENTIAL_INVALID", `${path} belongs to another user. Run: chown "$USER" '${path}'`);
  if ((found.mode & 0o022) !== 0)
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      `Others can write ${path}, which says whom to believe. See that it is as it was, then run: chmod go-w '${path}'`,
    );
}
