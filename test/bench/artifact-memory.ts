/**
 * How much memory a large artifact takes: attaches, fetches and saves one in this process, over a link in memory, and prints the time and how much the
 * process grew. Usage: node test/bench/artifact-memory.ts [MiB, default 1024]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createArtifactFetcher } from "../../mesh/artifact/artifact-fetcher.ts";
import { createArtifactServer } from "../../mesh/artifact/artifact-server.ts";
import { openFileBlobStore } from "../../mesh/artifact/file-blob-store.ts";
import { importFile } from "../../mesh/artifact/import-file.ts";
import { saveArtifact } from "../../mesh/artifact/save-artifact.ts";

const MIB = 1_048_576;
const size = Number(process.argv[2] ?? 1_024);
const dir = mkdtempSync(join(tmpdir(), "artifact-bench-"));
const person = { agentId: "a", subject: "a", role: "a", department: "a" };

/** Highest memory since the last call, watched while work goes on. */
let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);

const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const before = process.memoryUsage.rss();
  peak = before;
  const began = performance.now();
  const result = await work();
  const seconds = (performance.now() - began) / 1_000;
  const grew = (peak - before) / MIB;
  process.stdout.write(`${what}: ${seconds.toFixed(1)} s, ${(size / seconds).toFixed(0)} MiB/s, memory grew by ${grew.toFixed(0)} MiB\n`);
  return result;
};

try {
  const path = join(dir, "large.bin");
  const file = await open(path, "w");
  for (let i = 0; i < size; i++) await file.write(Buffer.alloc(MIB, i));
  await file.close();
  const [there, here] = [await openFileBlobStore(join(dir, "there")), await openFileBlobStore(join(dir, "here"))];
  const ref = await timed("attach", () => importFile(there, { path, mediaType: "application/octet-stream" }));
  const serve = createArtifactServer({ blobs: there, mayFetch: async () => true, countRefusal: () => undefined });
  const fetcher = createArtifactFetcher({ blobs: here, link: { request: (_, frame) => serve(frame, person) } });
  await timed("fetch", () => fetcher.fetch(ref, "there"));
  await timed("save", () => saveArtifact(here, ref, join(dir, "out")));
} finally {
  clearInterval(watch);
  rmSync(dir, { recursive: true, force: true });
}
