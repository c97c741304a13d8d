/** Files of tasks in one daemon: what leaves a department, what is fetched, and what is forgotten. */
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { AgentCore } from "../../../../mesh/agent/agent-core.ts";
import type { FileBoundary, FileText } from "../../../../mesh/agent/boundary/file-boundary.ts";
import { type AgentArtifacts, openArtifacts } from "../../../../mesh/agent/open-artifacts.ts";
import type { ArtifactRef } from "../../../../mesh/contract/artifact.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import type { Message } from "../../../../mesh/contract/message.ts";
import type { FrameHandler } from "../../../../mesh/peer/peer-node.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { type MemoryStore, openMemoryStore } from "../../../support/memory-store.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const SOON = { timeout: 8_000 };
const DAY_MS = 86_400_000;
const TASK = "01930000-0000-7000-8000-000000000001";
const person = (subject: string, department: string) => ({ agentId: subject, subject, role: department, department });
const FIONA = person("fiona", "finance");
const ANNA = person("anna", "finance");
const MARCO = person("marco", "marketing");
const code = (name: string) => expect.objectContaining({ code: name });

let dir: string;
let clock: VirtualClock;
let store: MemoryStore;
let serve: FrameHandler;
let asked: number;
/** Free bytes of the disk. */
let free: number;

/** An agent over the folder of the test; what it fetches, it fetches from `other`. */
async function open(name: string, other?: FrameHandler): Promise<AgentArtifacts> {
  const audit = { link: () => [], committed: () => undefined };
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const core = {
    clock,
    store,
    queue,
    self: FIONA,
    refusals: { count: () => undefined },
    onError: () => () => undefined,
    bundle: () => ({ manifest: { version: 1 } }),
    freeBytes: () => free,
  };
  const artifacts = {
    handle: (handler: FrameHandler): void => {
      serve = handler;
    },
    request: async (_: string, frame: Uint8Array) => {
      asked++;
      if (other === undefined) throw new GaggleError("PEER_UNREACHABLE", "off");
      return other(frame, FIONA);
    },
  };
  const boundary = {
    maskFile: async (_: unknown, { name: from, text }: FileText) => {
      return { name: from.replaceAll("Anna", "PERSON_1"), text: text.replaceAll("Anna", "PERSON_1"), given: [] };
    },
  } as unknown as FileBoundary;
  return openArtifacts(core as unknown as AgentCore, { peer: { artifacts }, boundary, dir: join(dir, name) });
}

const attach = async (artifacts: AgentArtifacts, name: string, content: string | Uint8Array): Promise<ArtifactRef> => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return artifacts.add({ path });
};
const request = (refs: ArtifactRef[]): Message => ({
  type: "task.request",
  taskId: TASK,
  task: "",
  context: {},
  policyHints: {},
  idempotencyKey: "k",
  artifacts: refs,
});
const filesOf = ({ message }: { message: Message }): ArtifactRef[] => (message.type === "task.request" ? (message.artifacts ?? []) : []);
const ask = (ref: ArtifactRef, from: typeof MARCO) =>
  serve(Buffer.from(JSON.stringify({ sha256: ref.sha256, get: "chunk", index: 0 })), from);
const putTask = (side: "asker" | "worker", change: object) =>
  store.batch(
    [
      {
        type: "put",
        key: `task/${side}/${TASK}`,
        value: JSON.stringify({ taskId: TASK, side, peer: FIONA, state: "WORKING", updatedAt: clock.now(), ...change }),
      },
    ],
    { sync: true },
  );

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "open-artifacts-"));
  clock = createVirtualClock(Date.now());
  store = openMemoryStore();
  asked = 0;
  free = Number.MAX_SAFE_INTEGER;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("lets nobody fetch a file before it has left, and then the person alone that it was sent to", async () => {
  const artifacts = await open("here");
  const ref = await attach(artifacts, "a.bin", "secret");
  await expect(ask(ref, ANNA)).rejects.toThrow(code("NOT_FOUND"));
  const [left] = filesOf(await artifacts.depart({ id: TASK, to: ANNA }, request([ref])));
  expect(left).toEqual(ref);
  expect(Buffer.from(await ask(ref, { ...ANNA, agentId: "anna's phone" })).toString()).toBe("secret");
  await expect(ask(ref, MARCO)).rejects.toThrow(code("NOT_FOUND"));
  await expect(ask(ref, { ...ANNA, role: "sales" })).rejects.toThrow(code("NOT_FOUND"));
});

it("masks a text and its name as they leave the department, and never gives out the file as it was", async () => {
  const artifacts = await open("here");
  const ref = await attach(artifacts, "Anna.csv", "name\nAnna\n");
  const [left = expect.unreachable()] = filesOf(await artifacts.depart({ id: TASK, to: MARCO }, request([ref])));
  expect(left.name).toBe("PERSON_1.csv");
  expect(Buffer.from(await ask(left, MARCO)).toString()).toBe("name\nPERSON_1\n");
  await expect(ask(ref, MARCO)).rejects.toThrow(code("NOT_FOUND"));
});

it.each([
  ["bytes", "scan.png", "x"],
  ["no UTF-8, whatever its ending says", "scan.csv", new Uint8Array([0xff, 0xfe, 0x00])],
  ["more than can be looked through", "long.txt", "x".repeat(1_048_577)],
])("lets no file of %s leave the department", async (_, name, content) => {
  const artifacts = await open("here");
  const ref = await attach(artifacts, name, content);
  await expect(artifacts.depart({ id: TASK, to: MARCO }, request([ref]))).rejects.toThrow(code("GUARD_REFUSED"));
  await expect(ask(ref, MARCO)).rejects.toThrow(code("NOT_FOUND"));
});

it("gives a run its files once they are here, and fails it where they don't come or it is ended meanwhile", async () => {
  const there = await open("there");
  const ref = await attach(there, "a.csv", "content");
  await there.depart({ id: TASK, to: FIONA }, request([ref]));
  const other = serve;
  let isOff = true;
  const here = await open("here", (frame, from) =>
    isOff ? Promise.reject(new GaggleError("PEER_UNREACHABLE", "off")) : other(frame, from),
  );
  const task = { taskId: TASK, asker: FIONA, artifacts: [ref] };
  const never = new AbortController().signal;
  const failure = (run: Promise<unknown>): Promise<unknown> => run.catch((error: unknown) => error);
  const late = failure(here.forRun(task, never));
  for (let waited = 0; waited <= 620_000; waited += 5_000) await clock.advance(5_000);
  expect(await late).toEqual(code("PEER_UNREACHABLE"));
  const ended = new AbortController();
  const cut = failure(here.forRun(task, ended.signal));
  await clock.advance(1);
  ended.abort();
  expect(await cut).toEqual(code("EXECUTOR_FAILED"));
  const files = here.forRun(task, never);
  await clock.advance(1);
  isOff = false;
  await vi.waitFor(async () => {
    await clock.advance(10_000);
    expect(await Promise.race([files, Promise.resolve("waits")])).toMatchObject([{ name: "a.csv", mediaType: "text/csv", bytes: 7 }]);
  }, SOON);
  const [file] = await files;
  await file?.copyTo(join(dir, "copy"));
  expect(readFileSync(join(dir, "copy"), "utf8")).toBe("content");
  expect(await here.forRun({ taskId: TASK, asker: FIONA }, never)).toEqual([]);
});

it("fetches what came with a message by itself, again where that failed, and saves it beside what is there", async () => {
  const there = await open("there");
  const ref = await attach(there, "a.csv", "content");
  await there.depart({ id: TASK, to: FIONA }, request([ref]));
  const other = serve;
  let isOff = true;
  const here = await open("here", (frame, from) =>
    isOff ? Promise.reject(new GaggleError("PEER_UNREACHABLE", "off")) : other(frame, from),
  );
  await putTask("worker", { artifacts: [ref] });
  await store.batch([{ type: "put", key: `artifact/want/${TASK}`, value: JSON.stringify({ taskId: TASK, from: FIONA, refs: [ref] }) }], {
    sync: true,
  });
  here.start();
  await vi.waitFor(() => expect(asked).toBe(1), SOON);
  expect(await here.list({ taskId: TASK })).toMatchObject({ items: [{ name: "a.csv", here: false }] });
  isOff = false;
  await vi.waitFor(async () => {
    await clock.advance(10_000);
    expect(await here.list({ taskId: TASK })).toMatchObject({ items: [{ here: true }] });
  }, SOON);
  await here.stop();
  writeFileSync(join(dir, "a.csv"), "mine");
  expect(await here.save({ taskId: TASK, dir })).toEqual({ saved: [{ path: join(dir, "a (2).csv"), bytes: 7 }], missing: [] });
  expect(readFileSync(join(dir, "a (2).csv"), "utf8")).toBe("content");
  expect(readFileSync(join(dir, "a.csv"), "utf8")).toBe("mine");
});

it("takes in and fetches no file that would leave less than the floor free, and fetches it once there is room", async () => {
  const there = await open("there");
  const ref = await attach(there, "a.csv", "content");
  await there.depart({ id: "e", to: FIONA }, request([ref]));
  const here = await open("here", serve);
  await putTask("worker", { artifacts: [ref] });
  free = FREE_SPACE_FLOOR_BYTES + ref.bytes - 1;
  expect(await here.save({ taskId: TASK, dir })).toEqual({ saved: [], missing: ["a.csv"] });
  await expect(attach(here, "mine.csv", "content")).rejects.toThrow(code("DISK_FULL"));
  expect(asked).toBe(0);
  free += 1;
  expect((await here.save({ taskId: TASK, dir })).saved).toHaveLength(1);
  expect((await attach(here, "mine.csv", "content")).bytes).toBe(7);
});

it("forgets files a week after their task has ended, and no others", async () => {
  const artifacts = await open("here");
  const old = await attach(artifacts, "old.bin", "old");
  const loose = await attach(artifacts, "loose.bin", "loose");
  await artifacts.depart({ id: TASK, to: ANNA }, request([old]));
  const pathOf = ({ sha256 }: ArtifactRef) => join(dir, "here", sha256.slice(0, 2), sha256);
  const age = (ref: ArtifactRef) => utimesSync(pathOf(ref), 0, (clock.now() - 30 * DAY_MS) / 1_000);
  const prune = async (): Promise<void> => {
    artifacts.start();
    await vi.waitFor(() => clock.advance(3_600_000));
    await artifacts.stop();
  };
  age(old);
  await putTask("asker", { artifacts: [old], peer: ANNA, state: "COMPLETED", updatedAt: clock.now() - 6 * DAY_MS });
  await prune();
  expect(readFileSync(pathOf(old), "utf8")).toBe("old");
  expect(readFileSync(pathOf(loose), "utf8")).toBe("loose");
  await putTask("asker", { artifacts: [old], peer: ANNA, state: "COMPLETED", updatedAt: clock.now() - 8 * DAY_MS });
  const again = await open("here");
  again.start();
  await vi.waitFor(() => expect(() => readFileSync(pathOf(old))).toThrow(), SOON);
  await again.stop();
  expect(readFileSync(pathOf(loose), "utf8")).toBe("loose");
  await expect(ask(old, ANNA)).rejects.toThrow(code("NOT_FOUND"));
});
