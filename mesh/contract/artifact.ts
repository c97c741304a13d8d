/** Artifacts: files that hang on a task and travel by their hash, beside the message. Source: spec M8; docs/decisions/0088-artifacts.md */
import { z } from "zod";
import { sha256 } from "./ids.ts";

/** Bytes of every chunk but the last. */
export const CHUNK_BYTES = 262_144;
/** Largest artifact in bytes. */
export const MAX_ARTIFACT_BYTES = 2_147_483_648;
/** Artifacts of one message. */
export const MAX_ARTIFACTS = 32;
/** Bytes of a SHA-256 hash. */
const HASH_BYTES = 32;

/**
 * An artifact as a signed message names it. `sha256` is of the whole content; `chunks` is SHA-256 over the hashes (32 bytes each, in order) of its chunks of
 * {@link CHUNK_BYTES} bytes, so that each chunk can be checked as it comes.
 */
export const artifactRef = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^/\\\p{Cc}]+$/u, "a file's name has no slashes and no control characters")
    .refine((name) => name !== "." && name !== "..", "this is no file's name"),
  mediaType: z.string().min(1).max(200),
  bytes: z.int().min(0).max(MAX_ARTIFACT_BYTES),
  sha256,
  chunks: sha256,
});
/** An artifact as a signed message names it. */
export type ArtifactRef = z.infer<typeof artifactRef>;

/** Artifacts of one message. */
export const artifactRefs = z.array(artifactRef).max(MAX_ARTIFACTS);

/** Largest blob with the sealed values of one masked file, in bytes. */
export const MAX_FILE_VALUES_BYTES = 8_388_608;

/** What the tokens in a masked file stand for: a blob of its own, sealed to the receiver. `file` is the masked file's hash, the rest is as of an artifact. */
export const fileValues = z.strictObject({ file: sha256, bytes: z.int().min(1).max(MAX_FILE_VALUES_BYTES), sha256, chunks: sha256 });
/** What the tokens in a masked file stand for. */
export type FileValues = z.infer<typeof fileValues>;

/** Number of an artifact's chunks. */
export const chunkCount = (bytes: number): number => Math.ceil(bytes / CHUNK_BYTES);
/** Bytes of the list of an artifact's chunk hashes. */
export const chunkListBytes = (bytes: number): number => chunkCount(bytes) * HASH_BYTES;
/** The hash of a chunk in a list. */
export const chunkHashAt = (list: Uint8Array, index: number): Uint8Array => list.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);

/** What an agent asks another for: the list of chunk hashes, or one chunk. The answer is the bytes alone. */
export const artifactRequest = z.union([
  z.strictObject({ sha256, get: z.literal("chunks") }),
  z.strictObject({ sha256, get: z.literal("chunk"), index: z.int().min(0).max(chunkCount(MAX_ARTIFACT_BYTES)) }),
]);
/** What an agent asks another for. */
export type ArtifactRequest = z.infer<typeof artifactRequest>;
