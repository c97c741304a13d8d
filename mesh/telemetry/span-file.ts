/** Spans as lines of JSON in a file of this machine, which is moved aside when it is large. */
import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ifThere } from "../contract/errors.ts";
import type { SpanDraft } from "./span-draft.ts";

/** A file of this size is moved aside; so many older ones are kept. */
const MAX_BYTES = 16_777_216;
const KEPT = 4;
/** Spans that wait for the disk; more are dropped, since telemetry must not fill the memory. */
const MAX_WAITING = 10_000;
const WRITE_MS = 1_000;

/** Takes spans and writes them. */
export interface SpanSink {
  record(span: SpanDraft): void;
  /** Writes what waits, then takes nothing more. */
  close(): Promise<void>;
}

/**
 * Opens the file's sink; nothing is written before the first span.
 * @param onError told of a write that failed; its spans are lost
 */
export function openSpanFile(config: { readonly path: string; readonly maxBytes?: number }, onError: (error: unknown) => void): SpanSink {
  const { path, maxBytes = MAX_BYTES } = config;
  let waiting: SpanDraft[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const lines = waiting.map((span) => `${JSON.stringify(span)}\n`).join("");
    waiting = [];
    if (lines !== "") writing = writing.then(() => write(path, lines, maxBytes)).catch(onError);
    return writing;
  };
  return {
    record(span) {
      if (waiting.length < MAX_WAITING) waiting.push(span);
      timer ??= setTimeout(() => void flush(), WRITE_MS).unref();
    },
    close: flush,
  };
}

async function write(path: string, lines: string, maxBytes: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if ((await sizeOf(path)) + lines.length > maxBytes) await moveAside(path);
  await appendFile(path, lines, { mode: 0o600 });
}

/** `traces.ndjson` becomes `traces.ndjson.1`, that one `.2`, and the oldest goes. */
async function moveAside(path: string): Promise<void> {
  for (let at = KEPT - 1; at >= 0; at--) {
    await ifThere(rename(at === 0 ? path : `${path}.${at}`, `${path}.${at + 1}`));
  }
}

const sizeOf = async (path: string): Promise<number> => (await ifThere(stat(path)))?.size ?? 0;
