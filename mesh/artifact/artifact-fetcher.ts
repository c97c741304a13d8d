/**
 * Fetches artifacts: every chunk is checked against the signed message before it is kept, what is there already is checked again and not fetched again,
 * and at no time do more than a few chunks lie in memory. Source: docs/decisions/0088-artifacts.md
 */
import { createHash } from "node:crypto";
import { type ArtifactRef, type ArtifactRequest, CHUNK_BYTES, chunkCount, chunkHashAt, chunkListBytes } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import { sha256Hex } from "../contract/json.ts";
import type { BlobStore, PartialBlob, PeerLink } from "../contract/ports.ts";
import { encodeArtifactRequest } from "./artifact-server.ts";
import { createBulkhead } from "./bulkhead.ts";

/** Chunks under way at once for one artifact. */
const WINDOW = 4;
/** Artifacts fetched at once from one agent, and in all. */
const PER_PEER = 2;
const IN_ALL = 6;

/** What the fetcher needs. */
export interface ArtifactFetcherDeps {
  readonly blobs: BlobStore;
  /** The protocol of artifacts to proven members. */
  readonly link: PeerLink;
}

const forged = (what: string): GaggleError =>
  new GaggleError("ENVELOPE_INVALID", `${what} is not what the signed message names; nothing of it was kept.`);

/** How many of a partial blob's first chunks are right; the rest is cut off. */
async function verifiedChunks(partial: PartialBlob, list: Uint8Array): Promise<number> {
  const whole = Math.min(Math.floor(partial.bytes / CHUNK_BYTES), list.byteLength / 32);
  let good = 0;
  while (good < whole && isChunk(await partial.read(good * CHUNK_BYTES, CHUNK_BYTES), list, good)) good++;
  if (partial.bytes !== good * CHUNK_BYTES) await partial.truncate(good * CHUNK_BYTES);
  return good;
}

const isChunk = (chunk: Uint8Array, list: Uint8Array, index: number): boolean =>
  createHash("sha256").update(chunk).digest().equals(chunkHashAt(list, index));

/** SHA-256 of a partial blob, read a chunk at a time. */
async function hashOf(partial: PartialBlob): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < partial.bytes; at += CHUNK_BYTES) hash.update(await partial.read(at, CHUNK_BYTES));
  return hash.digest("hex");
}

/** Makes the fetcher. */
export function createArtifactFetcher({ blobs, link }: ArtifactFetcherDeps) {
  const running = new Map<string, Promise<void>>();
  const enter = createBulkhead({ perKey: PER_PEER, inAll: IN_ALL });

  const ask = (from: string, request: ArtifactRequest): Promise<Uint8Array> => link.request(from, encodeArtifactRequest(request));

  const fetchList = async ({ sha256, bytes, chunks }: ArtifactRef, from: string): Promise<Uint8Array> => {
    const list = await ask(from, { sha256, get: "chunks" });
    if (list.byteLength !== chunkListBytes(bytes) || sha256Hex(list) !== chunks) throw forged("The list of the artifact's chunks");
    return list;
  };

  const fetchChunk = async ({ sha256, bytes }: ArtifactRef, from: string, list: Uint8Array, index: number): Promise<Uint8Array> => {
    const chunk = await ask(from, { sha256, get: "chunk", index });
    const expected = Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES);
    if (chunk.byteLength !== expected || !isChunk(chunk, list, index)) throw forged("A chunk of the artifact");
    return chunk;
  };

  const fill = async (ref: ArtifactRef, from: string, list: Uint8Array, partial: PartialBlob): Promise<void> => {
    const count = chunkCount(ref.bytes);
    const first = await verifiedChunks(partial, list);
    const ahead: Promise<Uint8Array>[] = [];
    const askFor = (index: number): void => {
      if (index >= count) return;
      const chunk = fetchChunk(ref, from, list, index);
      // Its turn to be awaited comes later, or, after a failure of an earlier one, never.
      chunk.catch(() => undefined);
      ahead.push(chunk);
    };
    for (let i = 0; i < WINDOW; i++) askFor(first + i);
    for (let index = first; index < count; index++) {
      const chunk = await ahead.shift();
      askFor(index + WINDOW);
      if (chunk !== undefined) await partial.append(chunk);
    }
  };

  const fetchWhole = async (ref: ArtifactRef, from: string): Promise<void> => {
    if ((await blobs.size(ref.sha256)) === ref.bytes) return;
    const list = await fetchList(ref, from);
    const partial = await blobs.partial(ref.sha256);
    try {
      await fill(ref, from, list, partial);
      if ((await hashOf(partial)) !== ref.sha256) {
        await partial.truncate(0);
        throw forged("The artifact");
      }
    } catch (error) {
      await partial.close();
      throw error;
    }
    await partial.finish(list);
  };

  return {
    /**
     * Fetches an artifact, or the rest of it; the same one at once is fetched once. Waits where enough others are under way.
     * @throws GaggleError ENVELOPE_INVALID for bytes that are not those of the message, NOT_FOUND, or of the link; a later call continues
     */
    fetch(ref: ArtifactRef, from: string): Promise<void> {
      const known = running.get(ref.sha256);
      if (known !== undefined) return known;
      const work = enter(from, () => fetchWhole(ref, from)).finally(() => running.delete(ref.sha256));
      running.set(ref.sha256, work);
      return work;
    },
  };
}
