/** Answers members that fetch artifacts: only what hangs on a task of theirs, a chunk at a time. Source: docs/decisions/0088-artifacts.md */
import { type ArtifactRequest, artifactRequest, CHUNK_BYTES } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import type { BlobStore } from "../contract/ports.ts";

/** Longest request in bytes. */
const MAX_REQUEST_BYTES = 256;

/** What the server needs. */
export interface ArtifactServerDeps {
  readonly blobs: Pick<BlobStore, "read" | "chunks">;
  /** Whether an artifact hangs on a task of this agent's with that one. */
  mayFetch(from: Principal, sha256: string): Promise<boolean>;
  /** Counts requests for what is not the asker's. */
  countRefusal(source: string, code: string): void;
}

/** The request's frame. */
export const encodeArtifactRequest = (request: ArtifactRequest): Uint8Array => Buffer.from(JSON.stringify(request));

/** Makes the function that answers one frame of a proven member. It throws GaggleError NOT_FOUND, also for what is there and not for this member. */
export function createArtifactServer({ blobs, mayFetch, countRefusal }: ArtifactServerDeps) {
  return async (frame: Uint8Array, from: Principal): Promise<Uint8Array> => {
    if (frame.byteLength > MAX_REQUEST_BYTES) throw new GaggleError("TOO_LARGE", "The request for an artifact is too long.");
    const request = parseAs(artifactRequest, parseJson(Buffer.from(frame).toString("utf8"), "The request"), "The request");
    if (!(await mayFetch(from, request.sha256))) {
      countRefusal(from.agentId, "NOT_FOUND");
      throw new GaggleError("NOT_FOUND", "There is no such artifact for this agent.");
    }
    if (request.get === "chunks") return blobs.chunks(request.sha256);
    return blobs.read(request.sha256, request.index * CHUNK_BYTES, CHUNK_BYTES);
  };
}
