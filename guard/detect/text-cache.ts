/** Remembers what was found in texts by a keyed hash: a chat's history, Goose's system prompt and its tool definitions come again at every turn. */
import { createHmac } from "node:crypto";
import type { Finding } from "./finding.ts";
import type { SpanMemory } from "./span-memory.ts";
import type { ScanResult } from "./worker/protocol.ts";

/** Bounds of a cache; the entry unused for longest goes first. */
export interface TextCacheLimits {
  readonly entries: number;
  /** About how much memory the entries may take. */
  readonly bytes: number;
}

/** Results by text. */
export interface TextCache {
  /** @param scope what the result depends on besides the text */
  keyOf(text: string, scope: string): string;
  /** The result of exactly this text. */
  get(key: string, text: string): ScanResult | undefined;
  set(key: string, text: string, result: ScanResult): void;
  /** The newest entries that were asked for again, for keeping; only those whose values stand in the text as they are. */
  worthKeeping(most: number): SpanMemory["texts"];
  /** Takes in what was kept; it came again before, so it is worth keeping still. */
  restore(texts: SpanMemory["texts"]): void;
}

interface Entry {
  /** Undefined where only `kept` is there. */
  result: ScanResult | undefined;
  readonly kept: SpanMemory["texts"][number] | undefined;
  readonly bytes: number;
  again: boolean;
}

const ENTRY_BYTES = 300;
const FINDING_BYTES = 160;

const sizeOf = ({ findings, words }: ScanResult): number =>
  ENTRY_BYTES + words.byteLength + findings.reduce((sum, { value }) => sum + FINDING_BYTES + 2 * value.length, 0);

/** A result as it is kept, or undefined where a value reads otherwise than it is written: it could not be told from the spans. */
function keptOf(key: string, text: string, { findings, words }: ScanResult): Entry["kept"] {
  if (findings.some(({ start, end, value }) => text.slice(start, end) !== value)) return undefined;
  const spans = findings.map(({ start, end, label, score, detector }): [number, number, Finding["label"], number, string] => [
    start,
    end,
    label,
    score,
    detector,
  ]);
  return [key, spans, Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString("base64")];
}

function resultOf([, spans, words]: SpanMemory["texts"][number], text: string): ScanResult | undefined {
  if (spans.some(([start, end]) => start >= end || end > text.length)) return undefined;
  const bytes = Uint8Array.from(Buffer.from(words, "base64"));
  return {
    findings: spans.map(([start, end, label, score, detector]) => ({ start, end, label, score, detector, value: text.slice(start, end) })),
    words: new Uint32Array(bytes.buffer, 0, bytes.byteLength >> 2),
  };
}

/** Makes an empty cache. @param secret keys the hashes */
export function createTextCache(secret: Uint8Array, limits: TextCacheLimits): TextCache {
  const held = new Map<string, Entry>();
  let bytes = 0;
  const drop = (key: string): void => {
    bytes -= held.get(key)?.bytes ?? 0;
    held.delete(key);
  };
  const put = (key: string, entry: Entry): void => {
    drop(key);
    held.set(key, entry);
    bytes += entry.bytes;
    for (const oldest of held.keys()) {
      if (held.size <= limits.entries && bytes <= limits.bytes) break;
      drop(oldest);
    }
  };
  return {
    // UTF-16, since in UTF-8 all lone surrogates would be one character.
    keyOf: (text, scope) => createHmac("sha256", secret).update(`${scope}\0`).update(text, "utf16le").digest("base64"),
    get: (key, text) => {
      const entry = held.get(key);
      if (entry === undefined) return undefined;
      entry.result ??= entry.kept === undefined ? undefined : resultOf(entry.kept, text);
      entry.again = true;
      held.delete(key);
      held.set(key, entry);
      return entry.result;
    },
    set: (key, text, result) => put(key, { result, kept: keptOf(key, text, result), bytes: 2 * sizeOf(result), again: false }),
    worthKeeping: (most) =>
      [...held.values()]
        .filter(({ again }) => again)
        .slice(-most)
        .flatMap(({ kept }) => (kept === undefined ? [] : [kept])),
    restore: (texts) => {
      for (const kept of texts) {
        put(kept[0], { result: undefined, kept, bytes: ENTRY_BYTES + kept[1].length * FINDING_BYTES + kept[2].length, again: true });
      }
    },
  };
}
