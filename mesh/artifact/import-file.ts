/** Takes a file of this machine in as an artifact: copied and hashed chunk by chunk, so that it never lies in memory as a whole. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { type ArtifactRef, artifactRef, CHUNK_BYTES, MAX_ARTIFACT_BYTES } from "../contract/artifact.ts";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { parseAs } from "../contract/json.ts";
import type { BlobStore } from "../contract/ports.ts";

/** Pieces of a content of any length, each of exactly a chunk but the last. */
export type Chunks = AsyncIterable<Uint8Array>;

/** The chunks of a file. @throws GaggleError NOT_FOUND, INVALID_INPUT for what is no regular file, TOO_LARGE */
async function* chunksOf(path: string): Chunks {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new GaggleError("NOT_FOUND", `The file can't be read (${systemCode(cause) ?? "unknown reason"}); check its path.`, { cause });
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new GaggleError("INVALID_INPUT", "Only regular files can be attached.");
    if (info.size > MAX_ARTIFACT_BYTES)
      throw new GaggleError("TOO_LARGE", "The file is larger than an artifact may be.", {
        details: { bytes: info.size, maxBytes: MAX_ARTIFACT_BYTES },
      });
    yield* file.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false }) as AsyncIterable<Uint8Array>;
  } finally {
    await file.close().catch(() => undefined);
  }
}

/** Cuts whatever pieces come into chunks. */
export async function* inChunks(pieces: AsyncIterable<Uint8Array>): Chunks {
  let chunk = Buffer.alloc(CHUNK_BYTES);
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; ) {
      const used = Math.min(CHUNK_BYTES - filled, piece.byteLength - at);
      chunk.set(piece.subarray(at, at + used), filled);
      filled += used;
      at += used;
      if (filled < CHUNK_BYTES) continue;
      yield chunk;
      chunk = Buffer.alloc(CHUNK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** What a content is, beside its name. */
type Hashed = Pick<ArtifactRef, "bytes" | "sha256" | "chunks"> & { readonly list: Uint8Array };

/** Hashes a content, handing each chunk on. */
async function hash(chunks: Chunks, each: (chunk: Uint8Array) => Promise<void> | void): Promise<Hashed> {
  const whole = createHash("sha256");
  const list: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ARTIFACT_BYTES) throw new GaggleError("TOO_LARGE", "The content is larger than an artifact may be.");
    whole.update(chunk);
    list.push(createHash("sha256").update(chunk).digest());
    await each(chunk);
  }
  const joined = Buffer.concat(list);
  return { bytes, sha256: whole.digest("hex"), chunks: createHash("sha256").update(joined).digest("hex"), list: joined };
}

/**
 * Stores a content that can be read twice: first to learn its hash, then into its place.
 * @throws GaggleError CONFLICT where it changed meanwhile, TOO_LARGE
 */
export async function storeContent(blobs: BlobStore, read: () => AsyncIterable<Uint8Array>): Promise<Omit<Hashed, "list">> {
  const { list, ...known } = await hash(inChunks(read()), () => undefined);
  if ((await blobs.size(known.sha256)) === known.bytes) return known;
  const partial = await blobs.partial(known.sha256);
  try {
    await partial.truncate(0);
    const again = await hash(inChunks(read()), (chunk) => partial.append(chunk));
    if (again.sha256 !== known.sha256) throw new GaggleError("CONFLICT", "The file was changed while it was read; attach it again.");
  } catch (error) {
    await partial.close();
    await blobs.remove(known.sha256);
    throw error;
  }
  await partial.finish(list);
  return known;
}

/**
 * Takes a file in.
 * @returns how a message names it
 * @throws GaggleError NOT_FOUND, INVALID_INPUT, TOO_LARGE, CONFLICT
 */
export async function importFile(blobs: BlobStore, file: { path: string; name?: string; mediaType: string }): Promise<ArtifactRef> {
  const { path, name = basename(path), mediaType } = file;
  const content = await storeContent(blobs, () => chunksOf(path));
  return parseAs(artifactRef, { name, mediaType, ...content }, "The artifact");
}
