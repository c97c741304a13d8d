/** The daemon's artifacts, put together: files that are attached, masked where they leave the department, fetched, saved, and forgotten with their tasks. */
import { extname } from "node:path";
import { grant, grants, giveRoom, mayFetch, revokeGrant, type Want, want, wantedNoMore, wants } from "../artifact/artifact-book.ts";
import { createArtifactFetcher } from "../artifact/artifact-fetcher.ts";
import { createArtifactServer } from "../artifact/artifact-server.ts";
import { openFileBlobStore } from "../artifact/file-blob-store.ts";
import { importFile, storeContent } from "../artifact/import-file.ts";
import { copyArtifact, saveArtifact } from "../artifact/save-artifact.ts";
import type { ArtifactRef } from "../contract/artifact.ts";
import type { DaemonRequest, DaemonResult } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Message } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import type { RunFile } from "../executor/run-files.ts";
import type { RunnableTask } from "../session/ports.ts";
import { isTextType } from "../session/results.ts";
import { isTerminal, readTask } from "../session/task-record.ts";
import type { AgentCore } from "./agent-core.ts";
import type { DepartmentBoundary } from "./boundary.ts";
import { repeat } from "./repeat.ts";

/** How often missing files are asked for again. */
const FETCH_MS = 10_000;
/** Longest wait of a run for its files; then the attempt fails. */
const RUN_WAIT_MS = 600_000;
/** How often files of tasks that are over are looked for. */
const PRUNE_MS = 3_600_000;
/** How long files outlive their task; and a file that hangs on none, such as one that was attached and not sent. */
const KEEP_AFTER_MS = 7 * 86_400_000;
/** Bytes of all artifacts of this agent. */
const QUOTA_BYTES = 34_359_738_368;
/** Largest text that is masked as it leaves the department. */
const MAX_TEXT_BYTES = 1_048_576;

/** Media types by ending; others are bytes. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".md": "text/markdown",
  ".tsv": "text/tab-separated-values",
  ".txt": "text/plain",
  ".xml": "application/xml",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".zip": "application/zip",
};

/** What messaging needs of artifacts. */
export interface ArtifactDesk {
  /**
   * A message with its files as they leave; from then on, durably, its recipient may fetch exactly these.
   * @throws GaggleError GUARD_REFUSED where a file could not be looked through
   */
  depart(record: Pick<OutboxRecord, "to">, message: Message): Promise<Message>;
  /** In the batch in which a message is taken. @throws GaggleError BUSY */
  arrived(tx: Transaction, from: Principal, message: Message): void;
}

/** The daemon's artifacts. */
export interface AgentArtifacts extends ArtifactDesk {
  add(request: DaemonRequest<"artifact.add">): Promise<ArtifactRef>;
  list(request: DaemonRequest<"artifact.list">): Promise<DaemonResult<"artifact.list">>;
  save(request: DaemonRequest<"artifact.save">): Promise<DaemonResult<"artifact.save">>;
  /**
   * Files of a task that is to be run here; waits for those that are still under way.
   * @throws GaggleError PEER_UNREACHABLE where they don't come, EXECUTOR_FAILED where the run is ended meanwhile
   */
  forRun(task: Pick<RunnableTask, "taskId" | "asker" | "artifacts">, signal: AbortSignal): Promise<readonly RunFile[]>;
  start(): void;
  /** A member is there: what it has for this agent is fetched. */
  kick(): void;
  stop(): Promise<void>;
}

/** Files of a message; undefined where it has none. */
const filesOf = (message: Message): { taskId: string; refs: readonly ArtifactRef[] } | undefined =>
  (message.type === "task.request" || message.type === "task.update") && message.artifacts !== undefined && message.artifacts.length > 0
    ? { taskId: message.taskId, refs: message.artifacts }
    : undefined;

/** Makes it. @param dir folder of the blobs */
export async function openArtifacts(
  core: AgentCore,
  { peer, boundary, dir }: { peer: Pick<PeerNode, "artifacts">; boundary: DepartmentBoundary; dir: string },
): Promise<AgentArtifacts> {
  const { clock, store, queue, self, refusals, onError } = core;
  const blobs = await openFileBlobStore(dir);
  const fetcher = createArtifactFetcher({ blobs, link: peer.artifacts });
  const masked = new Map<string, Promise<ArtifactRef>>();
  peer.artifacts.handle(
    createArtifactServer({
      blobs,
      mayFetch: (from, sha256) => mayFetch(store, from, sha256),
      countRefusal: (source, code) => refusals.count({ action: "artifact.refuse", source, code }),
    }),
  );

  const mask = async (ref: ArtifactRef, to: Principal, taskId: string): Promise<ArtifactRef> => {
    const refuse = (why: string): GaggleError => new GaggleError("GUARD_REFUSED", `A file ${why}, so it doesn't leave the department.`);
    if (!isTextType(ref.mediaType)) throw refuse("that is no text can't be looked through");
    if (ref.bytes > MAX_TEXT_BYTES) throw refuse("of this size can't be looked through");
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(await blobs.read(ref.sha256, 0, ref.bytes));
    } catch (error) {
      if (error instanceof GaggleError) throw error;
      throw refuse("that is no UTF-8 text can't be looked through");
    }
    const leaving = { to, ref: taskId };
    const [content, name] = [await boundary.maskText(leaving, text), await boundary.maskText(leaving, ref.name)];
    const bytes = Buffer.from(content);
    async function* once() {
      yield bytes;
    }
    return { name, mediaType: ref.mediaType, ...(await storeContent(blobs, once)) };
  };

  const leave = async (ref: ArtifactRef, to: Principal, taskId: string): Promise<ArtifactRef> => {
    if (to.department === self.department) return ref;
    const key = [ref.sha256, ref.name, to.department, taskId, core.bundle().manifest.version].join(" ");
    const made = masked.get(key) ?? mask(ref, to, taskId);
    masked.set(key, made);
    // A failure is not remembered: the next try looks again.
    made.catch(() => masked.delete(key));
    const [oldest] = masked.keys();
    if (masked.size > 1_000 && oldest !== undefined) masked.delete(oldest);
    return made;
  };

  /** Files that came with a task: those of the request where it came in, of the result where it was asked for. */
  const came = (taskId: string): Want => {
    const worker = readTask(store, "worker", taskId);
    const task = worker ?? readTask(store, "asker", taskId);
    if (task === undefined) throw new GaggleError("NOT_FOUND", "No such task is known here; check the task id.");
    return { taskId, from: task.peer, refs: (worker === undefined ? task.resultArtifacts : task.artifacts) ?? [] };
  };

  const isHere = async ({ sha256, bytes }: ArtifactRef): Promise<boolean> => (await blobs.size(sha256)) === bytes;

  const fetchOne = async (ref: ArtifactRef, from: Principal): Promise<boolean> => {
    try {
      if (await isHere(ref)) return true;
      const taken = (await blobs.list()).reduce((sum, { bytes }) => sum + bytes, 0);
      if (taken + ref.bytes > QUOTA_BYTES)
        throw new GaggleError("DISK_FULL", "This agent's room for files is taken; it is fetched when some tasks are over.");
      await fetcher.fetch(ref, from.agentId);
      return true;
    } catch (error) {
      onError("a file of a task was not fetched; it is tried again")(error);
      if (errorCode(error) === "STORE_FAILED") throw error;
      return false;
    }
  };

  /** Waits on the clock; ends at once where the signal aborts. */
  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        cancel();
        resolve();
      };
      const cancel = clock.after(ms, end);
      signal.addEventListener("abort", end, { once: true });
    });

  const untilHere = async (ref: ArtifactRef, from: Principal, signal: AbortSignal): Promise<void> => {
    const until = clock.now() + RUN_WAIT_MS;
    while (!(await fetchOne(ref, from))) {
      if (signal.aborted) throw new GaggleError("EXECUTOR_FAILED", "The run was ended before its files were here.");
      if (clock.now() >= until)
        throw new GaggleError("PEER_UNREACHABLE", "The files of this task did not come; ask again once the sender's machine is there.");
      await pause(FETCH_MS, signal);
    }
  };

  const fetchAll = async ({ taskId, from, refs }: Want): Promise<void> => {
    const here = await Promise.all(refs.map((ref) => fetchOne(ref, from)));
    if (here.every(Boolean)) await queue.run((tx) => wantedNoMore(tx, taskId), { finishing: true });
  };

  const fetching = repeat({ clock, onError: onError("files of tasks were not fetched") }, FETCH_MS, async () => {
    await Promise.all((await wants(store)).map(fetchAll));
  });

  /** True while the files of a task are kept. */
  const isKept = (taskId: string): boolean =>
    (["asker", "worker"] as const).some((side) => {
      const task = readTask(store, side, taskId);
      return task !== undefined && !(isTerminal(task) && clock.now() - task.updatedAt > KEEP_AFTER_MS);
    });

  const prune = async (): Promise<void> => {
    const kept = new Set<string>();
    const over: { sha256: string; taskId: string }[] = [];
    for (const entry of await grants(store)) {
      if (isKept(entry.taskId)) kept.add(entry.sha256);
      else over.push(entry);
    }
    for (const side of ["asker", "worker"] as const) {
      for (const [key] of await store.range({ gte: `task/${side}/`, lt: `task/${side}/~` })) {
        const taskId = key.split("/")[2] ?? "";
        const task = readTask(store, side, taskId);
        const refs = [...(task?.artifacts ?? []), ...(task?.resultArtifacts ?? [])];
        if (refs.length > 0 && isKept(taskId)) for (const { sha256 } of refs) kept.add(sha256);
        else if (refs.length > 0 && task !== undefined) await endRoom(taskId, task.peer, came(taskId).refs);
      }
    }
    if (over.length > 0)
      await queue.run(
        (tx) => {
          for (const entry of over) revokeGrant(tx, entry);
        },
        { finishing: true },
      );
    for (const { sha256, changedAt } of await blobs.list())
      if (!kept.has(sha256) && clock.now() - changedAt > KEEP_AFTER_MS) await blobs.remove(sha256);
  };

  /** Gives back the room that a finished task's files took, once. */
  const endRoom = (taskId: string, from: Principal, refs: readonly ArtifactRef[]): Promise<void> =>
    queue.run(
      (tx) => {
        const mark = `artifact/over/${taskId}`;
        if (tx.get(mark) !== undefined) return;
        tx.put(mark, "");
        wantedNoMore(tx, taskId);
        giveRoom(tx, from.subject, refs);
      },
      { finishing: true },
    );

  const pruning = repeat({ clock, onError: onError("files of old tasks were not deleted") }, PRUNE_MS, prune);

  return {
    async depart({ to }, message) {
      const files = filesOf(message);
      if (files === undefined) return message;
      const refs: ArtifactRef[] = [];
      for (const ref of files.refs) refs.push(await leave(ref, to, files.taskId));
      await queue.run((tx) => grant(tx, refs, to, files.taskId), { finishing: true });
      return { ...message, artifacts: refs } as Message;
    },
    arrived(tx, from, message) {
      const files = filesOf(message);
      if (files === undefined) return;
      want(tx, { ...files, from });
      tx.afterCommit(() => void fetching.kick());
    },
    add: ({ path, mediaType = MEDIA_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream" }) =>
      importFile(blobs, { path, mediaType }),
    async list({ taskId }) {
      const { refs } = came(taskId);
      return { items: await Promise.all(refs.map(async (ref) => ({ ...ref, here: await isHere(ref) }))) };
    },
    async save({ taskId, dir: target }) {
      const { from, refs } = came(taskId);
      const saved: { path: string; bytes: number }[] = [];
      const missing: string[] = [];
      for (const ref of refs) {
        if (await fetchOne(ref, from)) saved.push({ path: await saveArtifact(blobs, ref, target), bytes: ref.bytes });
        else missing.push(ref.name);
      }
      return { saved, missing };
    },
    async forRun({ asker, artifacts = [] }, signal) {
      for (const ref of artifacts) await untilHere(ref, asker, signal);
      return artifacts.map((ref) => ({
        name: ref.name,
        mediaType: ref.mediaType,
        bytes: ref.bytes,
        copyTo: (path) => copyArtifact(blobs, ref, path),
      }));
    },
    start() {
      void fetching.kick();
      void pruning.kick();
    },
    kick: () => void fetching.kick(),
    async stop() {
      await pruning.stop();
      await fetching.stop();
    },
  };
}
