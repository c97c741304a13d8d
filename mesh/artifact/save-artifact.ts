/** Writes an artifact as a file, a chunk at a time; replaces nothing. */
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { type ArtifactRef, CHUNK_BYTES } from "../contract/artifact.ts";
import { GaggleError, systemCode } from "../contract/errors.ts";
import type { BlobStore } from "../contract/ports.ts";

/** Names tried before giving up. */
const MAX_TRIES = 1_000;

/** The name with a number before its ending, from the second on: `report (2).csv`. */
function numbered(name: string, count: number): string {
  if (count === 1) return name;
  const ending = extname(name);
  return `${name.slice(0, name.length - ending.length)} (${count})${ending}`;
}

const cannotWrite = (cause: unknown): GaggleError =>
  new GaggleError("INVALID_INPUT", `The file can't be written (${systemCode(cause) ?? "unknown reason"}); choose another folder.`, {
    cause,
  });

/** Makes a file that was not there, and its folder where that was not there either. */
async function makeFile(dir: string, name: string): Promise<{ path: string; file: FileHandle }> {
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => Promise.reject(cannotWrite(cause)));
  for (let count = 1; count <= MAX_TRIES; count++) {
    const path = join(dir, numbered(name, count));
    try {
      return { path, file: await open(path, "wx", 0o600) };
    } catch (cause) {
      if (systemCode(cause) === "EEXIST") continue;
      throw cannotWrite(cause);
    }
  }
  throw new GaggleError("CONFLICT", "There are too many files of this name in the folder; choose another.");
}

/**
 * Writes it into a folder, which is made where it is not there.
 * @returns the path, numbered where the name was taken
 * @throws GaggleError INVALID_INPUT, NOT_FOUND, STORE_FAILED where the disk holds other bytes than were verified
 */
export async function saveArtifact(blobs: Pick<BlobStore, "read">, ref: ArtifactRef, dir: string): Promise<string> {
  const { path, file } = await makeFile(dir, ref.name);
  await copyInto(blobs, ref, { path, file });
  return path;
}

/** Writes a content into a folder, as {@link saveArtifact} does. @throws GaggleError INVALID_INPUT, CONFLICT */
export async function saveContent({ name, bytes }: { name: string; bytes: Uint8Array }, dir: string): Promise<string> {
  const { path, file } = await makeFile(dir, name);
  try {
    await file.writeFile(bytes);
  } catch (cause) {
    await rm(path, { force: true });
    throw cannotWrite(cause);
  } finally {
    await file.close();
  }
  return path;
}

/** Writes it to a path at which there is nothing yet. @throws GaggleError like {@link saveArtifact} */
export const copyArtifact = async (blobs: Pick<BlobStore, "read">, ref: ArtifactRef, path: string): Promise<void> =>
  copyInto(blobs, ref, { path, file: await open(path, "wx", 0o600) });

async function copyInto(
  blobs: Pick<BlobStore, "read">,
  ref: ArtifactRef,
  { path, file }: { path: string; file: FileHandle },
): Promise<void> {
  const hash = createHash("sha256");
  try {
    for (let at = 0; at < ref.bytes; at += CHUNK_BYTES) {
      const chunk = await blobs.read(ref.sha256, at, CHUNK_BYTES);
      hash.update(chunk);
      await file.appendFile(chunk).catch((cause: unknown) => Promise.reject(cannotWrite(cause)));
    }
    if (hash.digest("hex") !== ref.sha256) throw new GaggleError("STORE_FAILED", "The artifact on this disk was damaged; fetch it again.");
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
}
