/** The daemon's artifacts, put together: files that are attached, masked where they leave the department, fetched, saved, and forgotten with their tasks. */
import { stat, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import {
  approvedOf,
  asArtifact,
  dropApproved,
  dropValues,
  giveRoom,
  grant,
  grants,
  mayFetch,
  noteApproved,
  noteValues,
  revokeGrant,
  valuesOf,
  type Want,
  want,
  wantedNoMore,
  wants,
} from "../artifact/artifact-book.ts";
import { createArtifactFetcher } from "../artifact/artifact-fetcher.ts";
import { createArtifactServer } from "../artifact/artifact-server.ts";
import { openFileBlobStore } from "../artifact/file-blob-store.ts";
import { importFile } from "../artifact/import-file.ts";
import { MEDIA_TYPES } from "../artifact/media-types.ts";
import { copyArtifact, saveArtifact, saveContent } from "../artifact/save-artifact.ts";
import type { ArtifactRef } from "../contract/artifact.ts";
import type { DaemonRequest, DaemonResult } from "../contract/daemon-api.ts";
import { errorCode, type ErrorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../contract/limits.ts";
import type { EnvelopeClaims, Message, MessageOf } from "../contract/message.ts";
import type { Transaction } from "../contract/ports.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import type { Incoming } from "../delivery/receiver-types.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import type { RunFile } from "../executor/run-files.ts";
import type { RunnableTask } from "../session/ports.ts";
import { isTerminal, readTask } from "../session/task-record.ts";
import type { AgentCore } from "./agent-core.ts";
import type { FileBoundary } from "./boundary/file-boundary.ts";
import { createGuardedFiles, type LeftFile } from "./guarded-files.ts";
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
/** What messaging needs of artifacts. */
export interface ArtifactDesk {
  /**
   * A message with its files as they leave; from then on, durably, its recipient may fetch exactly these.
   * @throws GaggleError GUARD_REFUSED where a file could not be looked through, POLICY_DENIED with what is in it
   */
  depart(
    record: Pick<OutboxRecord, "id" | "to" | "mask" | "asked">,
    message: Message,
  ): Promise<Pick<EnvelopeClaims, "message" | "fileValues" | "approvedFiles">>;
  /** In the batch in which a message is taken. @throws GaggleError BUSY */
  arrived(tx: Transaction, incoming: Pick<Incoming, "from" | "message" | "fileValues" | "approvedFiles" | "approvers">): void;
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

/** A message with files. */
type WithFiles = MessageOf<"task.request" | "task.update"> & { readonly artifacts: readonly ArtifactRef[] };

const hasFiles = (message: Message): message is WithFiles =>
  (message.type === "task.request" || message.type === "task.update") && (message.artifacts?.length ?? 0) > 0;

/** Makes it. @param dir folder of the blobs */
export async function openArtifacts(
  core: AgentCore,
  { peer, boundary, dir }: { peer: Pick<PeerNode, "artifacts">; boundary: FileBoundary; dir: string },
): Promise<AgentArtifacts> {
  const { clock, store, queue, self, refusals, onError } = core;
  const blobs = await openFileBlobStore(dir);
  const fetcher = createArtifactFetcher({ blobs, link: peer.artifacts });
  const guarded = createGuardedFiles({ self, blobs, boundary, version: () => core.bundle().manifest.version });
  peer.artifacts.handle(
    createArtifactServer({
      blobs,
      mayFetch: (from, sha256) => mayFetch(store, from, sha256),
      countRefusal: (source, code) => refusals.count({ action: "artifact.refuse", source, code }),
    }),
  );

  /** Files that came with a task: those of the request where it came in, of the result where it was asked for. */
  const came = (taskId: string): Want => {
    const worker = readTask(store, "worker", taskId);
    const task = worker ?? readTask(store, "asker", taskId);
    if (task === undefined) throw new GaggleError("NOT_FOUND", "No such task is known here; check the task id.");
    return { taskId, from: task.peer, refs: (worker === undefined ? task.resultArtifacts : task.artifacts) ?? [] };
  };

  const valuesFor = (taskId: string, { sha256 }: ArtifactRef) => valuesOf(store, taskId).find(({ file }) => file === sha256);

  const isHere = async ({ sha256, bytes }: ArtifactRef): Promise<boolean> => (await blobs.size(sha256)) === bytes;

  /** A file is new work, however it comes: it leaves the room that running work needs. What can't be measured counts as full. */
  const assertRoom = (bytes: number): void => {
    if (core.freeBytes() - bytes < FREE_SPACE_FLOOR_BYTES)
      throw new GaggleError("DISK_FULL", "The disk has no room for this file. Free some space.", { details: { bytes } });
  };

  /** What files that are being fetched lacked at their begin. */
  let underWay = 0;

  const fetchOne = async (ref: ArtifactRef, from: Principal): Promise<boolean> => {
    try {
      if (await isHere(ref)) return true;
      const there = await blobs.list();
      const taken = there.reduce((sum, { bytes }) => sum + bytes, 0);
      if (taken + ref.bytes > QUOTA_BYTES)
        throw new GaggleError("DISK_FULL", "This agent's room for files is taken; it is fetched when some tasks are over.");
      const lacking = ref.bytes - (there.find(({ sha256 }) => sha256 === ref.sha256)?.bytes ?? 0);
      assertRoom(underWay + lacking);
      underWay += lacking;
      await fetcher.fetch(ref, from.agentId).finally(() => (underWay -= lacking));
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
        const values = valuesOf(store, taskId).map(asArtifact);
        if (refs.length > 0 && isKept(taskId)) for (const { sha256 } of [...refs, ...values]) kept.add(sha256);
        else if (refs.length > 0 && task !== undefined) await endRoom(taskId, task.peer, [...came(taskId).refs, ...values]);
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
        dropValues(tx, taskId);
        dropApproved(tx, taskId);
        giveRoom(tx, from.subject, refs);
      },
      { finishing: true },
    );

  const pruning = repeat({ clock, onError: onError("files of old tasks were not deleted") }, PRUNE_MS, prune);

  return {
    async depart(record, message) {
      if (!hasFiles(message)) return { message };
      const { taskId } = message;
      const left: LeftFile[] = [];
      for (const ref of message.artifacts) left.push(await guarded.leave(ref, record, message));
      const refs = left.map(({ ref }) => ref);
      const fileValues = left.flatMap(({ values = [] }) => values);
      await queue.run((tx) => grant(tx, [...refs, ...fileValues.map(asArtifact)], record.to, taskId), { finishing: true });
      const approved = await guarded.approved(record, message, left);
      return { message: { ...message, artifacts: refs }, ...(fileValues.length === 0 ? {} : { fileValues }), ...approved };
    },
    arrived(tx, { from, message, fileValues = [], approvedFiles, approvers = [] }) {
      if (!hasFiles(message)) return;
      const { taskId, artifacts } = message;
      const values = fileValues.filter(({ file }) => artifacts.some(({ sha256 }) => sha256 === file));
      want(tx, { taskId, from, refs: [...artifacts, ...values.map(asArtifact)] });
      if (values.length > 0) noteValues(tx, taskId, values);
      if (message.type === "task.request" && approvers.length > 0) noteApproved(tx, taskId, approvedFiles ?? artifacts);
      tx.afterCommit(() => void fetching.kick());
    },
    async add({ path, mediaType = MEDIA_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream" }) {
      // What is not there, or no file, is told as it is taken in.
      assertRoom((await stat(path).catch(() => undefined))?.size ?? 0);
      return importFile(blobs, { path, mediaType });
    },
    async list({ taskId }) {
      const { refs } = came(taskId);
      return { items: await Promise.all(refs.map(async (ref) => ({ ...ref, here: await isHere(ref) }))) };
    },
    async save({ taskId, dir: target }) {
      const { from, refs } = came(taskId);
      const saved: { path: string; bytes: number }[] = [];
      const missing: string[] = [];
      const refused: { name: string; code: ErrorCode; reason: string }[] = [];
      const approved = approvedOf(store, taskId);
      for (const [i, ref] of refs.entries()) {
        const values = valuesFor(taskId, ref);
        if (!(await fetchOne(ref, from)) || (values !== undefined && !(await fetchOne(asArtifact(values), from)))) {
          missing.push(ref.name);
          continue;
        }
        try {
          const opened = await guarded.open({ ref, taskId, sender: from, values, approved: approved[i] });
          const path = await (opened === undefined ? saveArtifact(blobs, ref, target) : saveContent(opened, target));
          saved.push({ path, bytes: opened?.bytes.byteLength ?? ref.bytes });
        } catch (error) {
          if (!(error instanceof GaggleError)) throw error;
          refused.push({ name: ref.name, code: error.code, reason: error.message });
        }
      }
      return { saved, missing, ...(refused.length === 0 ? {} : { refused }) };
    },
    async forRun({ taskId, asker, artifacts = [] }, signal) {
      const files: RunFile[] = [];
      const approved = approvedOf(store, taskId);
      for (const [i, ref] of artifacts.entries()) {
        const values = valuesFor(taskId, ref);
        await untilHere(ref, asker, signal);
        if (values !== undefined) await untilHere(asArtifact(values), asker, signal);
        const opened = await guarded.open({ ref, taskId, sender: asker, values, approved: approved[i] });
        files.push({
          name: opened?.name ?? ref.name,
          mediaType: ref.mediaType,
          bytes: opened?.bytes.byteLength ?? ref.bytes,
          copyTo: (path) =>
            opened === undefined ? copyArtifact(blobs, ref, path) : writeFile(path, opened.bytes, { flag: "wx", mode: 0o600 }),
        });
      }
      return files;
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
