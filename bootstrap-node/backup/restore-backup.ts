/** Makes a node's folder from a backup: beside its place first, and moved there only once it is whole. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { GaggleError, ifThere } from "../../mesh/contract/errors.ts";
import type { Clock, StoreOp } from "../../mesh/contract/ports.ts";
import { type LevelStore, openLevelStore } from "../../mesh/store/level-store.ts";
import { type BackupHeader, MAX_BACKUP_LINE, unsealed } from "./backup-lines.ts";
import { writeNodeFile } from "./node-files.ts";
import { restoreMark } from "./restored.ts";

/** Pairs in one write. */
const BATCH = 500;

/** What was restored. */
export interface Restored {
  readonly org: string;
  /** When the backup was taken. */
  readonly backupAt: string;
  /** Pairs of the store. */
  readonly pairs: number;
  /** Where the folder that was there before lies now; undefined where there was none. */
  readonly before: string | undefined;
}

/**
 * Restores.
 * @param config `replace`: what is in the folder already is moved aside; never deleted
 * @throws GaggleError CONFLICT (the folder is not empty, or its node runs), INVALID_INPUT (no whole backup); then nothing was changed
 */
export async function restoreBackup(
  deps: { clock: Pick<Clock, "now"> },
  source: AsyncIterable<Uint8Array>,
  config: { dir: string; replace: boolean },
): Promise<Restored> {
  const { dir } = config;
  const isTaken = await hasContent(dir);
  if (isTaken && !config.replace) {
    throw new GaggleError("CONFLICT", `${dir} is not empty. Restore into another folder, or add --replace: what is there is moved aside.`);
  }
  if (isTaken) await refuseRunning(dir);
  const nowMs = deps.clock.now();
  const fresh = `${dir}.restoring-${nowMs}`;
  try {
    const { header, pairs } = await unpack(source, fresh, nowMs);
    const before = isTaken ? `${dir}.before-${nowMs}` : undefined;
    if (before === undefined) await rm(dir, { recursive: true, force: true });
    else await rename(dir, before);
    await rename(fresh, dir);
    return { org: header.org, backupAt: header.createdAt, pairs, before };
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
}

const hasContent = async (dir: string): Promise<boolean> => ((await ifThere(readdir(dir))) ?? []).length > 0;

/** Opening a store takes its lock, which a running node holds. */
async function refuseRunning(dir: string): Promise<void> {
  if (!(await hasContent(join(dir, "store")))) return;
  const store = await openLevelStore(join(dir, "store")).catch((error: unknown) => {
    // A damaged store is what a restore is for.
    if (error instanceof GaggleError && error.code !== "CONFLICT") return undefined;
    throw new GaggleError("CONFLICT", "The bootstrap node of this folder runs; stop it first.", { cause: error });
  });
  await store?.close();
}

async function unpack(source: AsyncIterable<Uint8Array>, dir: string, nowMs: number): Promise<{ header: BackupHeader; pairs: number }> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const store = await openLevelStore(join(dir, "store"));
  let header: BackupHeader | undefined;
  let pairs = 0;
  const waiting: StoreOp[] = [];
  try {
    for await (const one of unsealed(linesOf(source))) {
      if (Array.isArray(one)) {
        waiting.push({ type: "put", key: one[0], value: one[1] });
        pairs++;
        if (waiting.length >= BATCH) await store.batch(waiting.splice(0), { sync: false });
      } else if (one.kind === "file") await writeNodeFile(dir, one);
      else if (one.kind === "gaggle-bootstrap-backup") header = one;
    }
    if (header === undefined) throw new GaggleError("INVALID_INPUT", "The backup does not say whose it is; take another one.");
    await store.batch([...waiting, restoreMark({ at: nowMs, backupAt: header.createdAt })], { sync: true });
    return { header, pairs };
  } finally {
    await closeQuietly(store);
  }
}

const closeQuietly = (store: LevelStore): Promise<void> => store.close();

/** Lines without their ends. @throws GaggleError INVALID_INPUT for one that is longer than any of a backup, or no UTF-8 */
async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const unreadable = (cause?: unknown): GaggleError =>
    new GaggleError("INVALID_INPUT", "This is no backup of a bootstrap node.", cause === undefined ? {} : { cause });
  const decode = (chunk: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw unreadable(cause);
    }
  };
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_BACKUP_LINE) throw unreadable();
    yield* lines;
  }
  if (rest !== "") throw unreadable();
}
