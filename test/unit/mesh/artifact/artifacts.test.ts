/** Artifacts between two folders of files, over a link that tests can cut, slow down and let lie. */
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createArtifactFetcher } from "../../../../mesh/artifact/artifact-fetcher.ts";
import { createArtifactServer } from "../../../../mesh/artifact/artifact-server.ts";
import { createBulkhead } from "../../../../mesh/artifact/bulkhead.ts";
import { openFileBlobStore } from "../../../../mesh/artifact/file-blob-store.ts";
import { importFile, inChunks } from "../../../../mesh/artifact/import-file.ts";
import { type ArtifactRef, artifactRef, CHUNK_BYTES } from "../../../../mesh/contract/artifact.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import type { BlobStore } from "../../../../mesh/contract/ports.ts";

const FIONA = { agentId: "fiona", subject: "fiona.berg", role: "finance", department: "finance" };
const FETCH_PROGRAM = fileURLToPath(new URL("../../../support/fetch-artifact-process.ts", import.meta.url));
const code = (name: string) => expect.objectContaining({ code: name });

let dir: string;
let here: BlobStore;
let there: BlobStore;
let asked: string[];
let allowed: boolean;
/** What becomes of an answer on its way. */
let onAnswer: (bytes: Uint8Array, count: number) => Uint8Array | Promise<Uint8Array>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "artifacts-"));
  here = await openFileBlobStore(join(dir, "here"));
  there = await openFileBlobStore(join(dir, "there"));
  asked = [];
  allowed = true;
  onAnswer = (bytes) => bytes;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const fetcher = () => {
  const serve = createArtifactServer({ blobs: there, mayFetch: async () => allowed, countRefusal: () => undefined });
  const link = {
    async request(_: string, frame: Uint8Array) {
      const count = asked.push(Buffer.from(frame).toString());
      return onAnswer(await serve(frame, FIONA), count);
    },
  };
  return createArtifactFetcher({ blobs: here, link });
};
const attach = async (content: Uint8Array, name = "report.bin"): Promise<ArtifactRef> => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return importFile(there, { path, mediaType: "application/octet-stream" });
};
const contentOf = async (blobs: BlobStore, { sha256, bytes }: ArtifactRef) => Buffer.from(await blobs.read(sha256, 0, bytes));
const cut = (): never => {
  throw new GaggleError("PEER_UNREACHABLE", "cut");
};
const chunksAsked = () => asked.filter((text) => text.includes('"index"')).length;

describe("an artifact", () => {
  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 77])("of %i bytes comes as it was", async (bytes) => {
    const content = randomBytes(bytes);
    const ref = await attach(content);
    expect(ref).toMatchObject({ name: "report.bin", bytes, sha256: createHash("sha256").update(content).digest("hex") });
    await fetcher().fetch(ref, "marco");
    expect((await contentOf(here, ref)).equals(content)).toBe(true);
    expect(await here.list()).toMatchObject([{ sha256: ref.sha256, bytes, whole: true }]);
    await fetcher().fetch(ref, "marco");
    expect(chunksAsked()).toBe(Math.ceil(bytes / CHUNK_BYTES));
  });

  it("goes on after a cut from what was verified, also in another process", async () => {
    const content = randomBytes(10 * CHUNK_BYTES + 5);
    const ref = await attach(content);
    onAnswer = (bytes, count) => (count > 7 ? cut() : bytes);
    await expect(fetcher().fetch(ref, "marco")).rejects.toThrow(code("PEER_UNREACHABLE"));
    asked = [];
    onAnswer = (bytes) => bytes;
    here = await openFileBlobStore(join(dir, "here"));
    await fetcher().fetch(ref, "marco");
    expect(chunksAsked()).toBeLessThan(9);
    expect((await contentOf(here, ref)).equals(content)).toBe(true);
  });

  it("goes on after a kill -9 of the process that fetched it, and fetches nothing again that was verified and kept", async () => {
    const chunks = 12;
    const content = randomBytes((chunks - 1) * CHUNK_BYTES + 3);
    const ref = await attach(content);
    const serve = createArtifactServer({ blobs: there, mayFetch: async () => true, countRefusal: () => undefined });
    /** Serves the process; kills it where it asks for one chunk more than it may have. */
    const run = (most: number): Promise<{ answered: number; isDone: boolean }> =>
      new Promise((resolve, reject) => {
        const child = fork(FETCH_PROGRAM, [join(dir, "here"), JSON.stringify(ref)], { stdio: "ignore" });
        let answered = 0;
        let isDone = false;
        child.on("message", (said: "done" | { id: number; frame: string }) => {
          if (said === "done") isDone = true;
          else if (answered > most) child.kill("SIGKILL");
          else {
            const frame = Buffer.from(said.frame, "base64");
            if (frame.includes('"index"')) answered++;
            serve(frame, FIONA).then(
              (answer) => child.connected && child.send({ id: said.id, answer: Buffer.from(answer).toString("base64") }),
              reject,
            );
          }
        });
        child.on("error", reject);
        child.on("exit", () => resolve({ answered, isDone }));
      });
    expect(await run(5)).toMatchObject({ isDone: false });
    const kept = Math.floor(statSync(join(dir, "here", "partial", ref.sha256)).size / CHUNK_BYTES);
    expect(kept).toBeGreaterThan(0);
    expect(await run(chunks)).toEqual({ answered: chunks - kept, isDone: true });
    expect((await contentOf(await openFileBlobStore(join(dir, "here")), ref)).equals(content)).toBe(true);
  });

  it("fetches again what a crash left torn or altered on the disk", async () => {
    const content = randomBytes(6 * CHUNK_BYTES);
    const ref = await attach(content);
    const path = join(dir, "here", "partial", ref.sha256);
    writeFileSync(path, Buffer.concat([content.subarray(0, 2 * CHUNK_BYTES), randomBytes(CHUNK_BYTES), content.subarray(0, 100)]));
    await fetcher().fetch(ref, "marco");
    expect(chunksAsked()).toBe(4);
    expect((await contentOf(here, ref)).equals(content)).toBe(true);
  });

  it("keeps nothing that is not what the message names: another list, a flipped bit, a shorter or longer chunk", async () => {
    const ref = await attach(randomBytes(3 * CHUNK_BYTES));
    const lies: ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => Buffer.from(bytes).fill((bytes[0] ?? 0) ^ 1, 0, 1),
      (bytes) => bytes.subarray(1),
      (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
      () => Buffer.alloc(0),
    ];
    for (const first of [1, 2, 4]) {
      for (const lie of lies) {
        asked = [];
        await here.remove(ref.sha256);
        onAnswer = (bytes, count) => (count === first ? lie(bytes) : bytes);
        await expect(fetcher().fetch(ref, "marco")).rejects.toThrow(code("ENVELOPE_INVALID"));
        expect(await here.size(ref.sha256)).toBeUndefined();
      }
    }
    onAnswer = (bytes) => bytes;
    await fetcher().fetch(ref, "marco");
    expect(await here.size(ref.sha256)).toBe(ref.bytes);
  });

  it("is cut at the first wrong chunk: what came before it is kept, and fetched no more", async () => {
    const ref = await attach(randomBytes(3 * CHUNK_BYTES));
    onAnswer = (bytes, count) => (count === 4 ? Buffer.from(bytes).fill((bytes[0] ?? 0) ^ 1, 0, 1) : bytes);
    await expect(fetcher().fetch(ref, "marco")).rejects.toThrow(code("ENVELOPE_INVALID"));
    asked = [];
    onAnswer = (bytes) => bytes;
    await fetcher().fetch(ref, "marco");
    expect(chunksAsked()).toBe(1);
  });

  it("whose whole is another than its chunks say is not kept, although the message names both", async () => {
    const ref = await attach(randomBytes(2 * CHUNK_BYTES));
    const other = { ...ref, sha256: "0".repeat(64) };
    const { read, chunks } = there;
    Object.assign(there, {
      read: (_: string, offset: number, length: number) => read(ref.sha256, offset, length),
      chunks: () => chunks(ref.sha256),
    });
    await expect(fetcher().fetch(other, "marco")).rejects.toThrow(code("ENVELOPE_INVALID"));
    expect(await here.size(other.sha256)).toBeUndefined();
  });

  it("is there for the agents of its task alone, and what is not there looks the same", async () => {
    const ref = await attach(randomBytes(10));
    allowed = false;
    await expect(fetcher().fetch(ref, "marco")).rejects.toThrow(code("NOT_FOUND"));
    allowed = true;
    await expect(fetcher().fetch({ ...ref, sha256: "f".repeat(64) }, "marco")).rejects.toThrow(code("NOT_FOUND"));
  });

  it("is fetched once where two ask for it at the same time", async () => {
    const ref = await attach(randomBytes(4 * CHUNK_BYTES));
    const one = fetcher();
    await Promise.all([one.fetch(ref, "marco"), one.fetch(ref, "marco")]);
    expect(chunksAsked()).toBe(4);
  });

  it("lies in files that nobody else can read", async () => {
    const ref = await attach(randomBytes(10));
    const folder = join(dir, "there", ref.sha256.slice(0, 2));
    expect(statSync(join(dir, "there")).mode & 0o777).toBe(0o700);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it("is taken in twice at once, as by two commands", async () => {
    const content = Buffer.alloc(600_000, 7);
    const [first, second, third] = await Promise.all(["a", "b", "c"].map((name) => attach(content, name)));
    expect([first?.sha256, second?.sha256]).toEqual([third?.sha256, third?.sha256]);
    expect((await contentOf(there, first ?? expect.unreachable())).equals(content)).toBe(true);
    expect(await there.list()).toMatchObject([{ bytes: content.length, whole: true }]);
  });

  it("that changes while it is read is refused", async () => {
    const path = join(dir, "growing");
    writeFileSync(path, "one");
    const { partial } = there;
    Object.assign(there, {
      partial: (sha256: string) => {
        writeFileSync(path, "another");
        return partial(sha256);
      },
    });
    await expect(importFile(there, { path, mediaType: "text/plain" })).rejects.toThrow(code("CONFLICT"));
    expect(await there.list()).toEqual([]);
  });

  it.each(["../x", "a/b", "a\\b", "..", ".", "a\nb", ""])("has no name like %j", (name) => {
    const ref = { name, mediaType: "text/plain", bytes: 0, sha256: "0".repeat(64), chunks: "0".repeat(64) };
    expect(artifactRef.safeParse(ref).success).toBe(false);
  });
});

describe("the bulkhead", () => {
  it("lets one slow peer delay nobody else, and never more run than it may", async () => {
    const enter = createBulkhead({ perKey: 1, inAll: 2 });
    const slow = Promise.withResolvers<void>();
    const log: string[] = [];
    const first = enter("slow", () => slow.promise);
    const second = enter("slow", async () => void log.push("slow again"));
    await enter("quick", async () => void log.push("quick"));
    await enter("quick", async () => void log.push("quick again"));
    expect(log).toEqual(["quick", "quick again"]);
    slow.resolve();
    await Promise.all([first, second]);
    expect(log).toEqual(["quick", "quick again", "slow again"]);
  });
});

it("cuts whatever pieces come into whole chunks", async () => {
  async function* pieces() {
    yield randomBytes(CHUNK_BYTES + 1);
    yield new Uint8Array(0);
    yield randomBytes(3 * CHUNK_BYTES - 2);
  }
  const sizes: number[] = [];
  for await (const chunk of inChunks(pieces())) sizes.push(chunk.byteLength);
  expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES - 1]);
});
