/** Files that are either there as a whole or not at all, also after kill -9 or a power cut at any instant. */
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GaggleError, systemCode } from "../../mesh/contract/errors.ts";

/** Makes what happened in a folder durable. Windows does it by itself and can't sync a folder. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function ensureFolder(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let at = dir; at !== dirname(first); at = dirname(at)) await syncFolder(dirname(at));
}

/** Writes a synced file under a name of its own beside `path`. What a crash leaves of it is never read. */
async function writeBeside(path: string, text: string): Promise<string> {
  await ensureFolder(dirname(path));
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

const failed = (path: string, cause: unknown): GaggleError =>
  new GaggleError(
    "STORE_FAILED",
    `A file of the close could not be written (${systemCode(cause) ?? "unknown"}). Mend the disk or the folder's rights, then call again.`,
    {
      cause,
      details: { path },
    },
  );

/** Replaces a file; resolves when it is on the disk. Throws GaggleError STORE_FAILED. */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await rename(await writeBeside(path, text), path);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw failed(path, cause);
  }
}

/**
 * Creates a file that must not be there yet; of several at once, one wins. Resolves when it is on the disk.
 * A hard link is the one step that both publishes a whole file and refuses to replace one.
 * @returns false where the file was there already
 * @throws GaggleError STORE_FAILED
 */
export async function createFileOnce(path: string, text: string): Promise<boolean> {
  try {
    const temporary = await writeBeside(path, text);
    try {
      await link(temporary, path);
    } catch (cause) {
      if (systemCode(cause) !== "EEXIST") throw cause;
      return false;
    } finally {
      await unlink(temporary);
      await syncFolder(dirname(path));
    }
    return true;
  } catch (cause) {
    throw failed(path, cause);
  }
}

/** The text of a file, or undefined where there is none. Throws GaggleError STORE_FAILED where it can't be read. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw new GaggleError("STORE_FAILED", `A file of the close can't be read (${systemCode(cause) ?? "unknown"}). Check its rights.`, {
      cause,
      details: { path },
    });
  }
}
