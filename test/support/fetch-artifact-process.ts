/**
 * Fetches one artifact into a folder, as a process that a test can kill: `node fetch-artifact-process.ts DIR REF`. Frames go over Node's channel to the
 * process that forked it, as `{id, frame}` in base64, and come back as `{id, answer}`; `done` is said at the end.
 */
import { createArtifactFetcher } from "../../mesh/artifact/artifact-fetcher.ts";
import { openFileBlobStore } from "../../mesh/artifact/file-blob-store.ts";
import { artifactRef } from "../../mesh/contract/artifact.ts";

const [dir = "", ref = "{}"] = process.argv.slice(2);
const waiting = new Map<number, (answer: Uint8Array) => void>();
let next = 0;
process.on("message", ({ id, answer }: { id: number; answer: string }) => waiting.get(id)?.(Buffer.from(answer, "base64")));

const request = (_: string, frame: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const id = next++;
    waiting.set(id, resolve);
    process.send?.({ id, frame: Buffer.from(frame).toString("base64") });
  });

await createArtifactFetcher({ blobs: await openFileBlobStore(dir), link: { request } }).fetch(artifactRef.parse(JSON.parse(ref)), "marco");
process.send?.("done", () => process.disconnect());
