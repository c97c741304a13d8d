/** Remembers what was found in texts by a keyed hash: a chat's history, Goose's system prompt and its tool definitions come again at every turn. */
import { createHmac } from "node:crypto";
import type { ScanResult } from "./worker/protocol.ts";

/** Bounds of a cache; the entry unused for longest goes first. */
export interface TextCacheLimits {
  readonly entries: number;
  /** About how much memory the entries may take. */
  readonly bytes: number;
}

/** Results by text. */
export interface TextCache {
  keyOf(text: string): string;
  get(key: string): ScanResult | undefined;
  set(key: string, result: ScanResult): void;
}

const ENTRY_BYTES = 300;
const FINDING_BYTES = 160;

const sizeOf = ({ findings, words }: ScanResult): number =>
  ENTRY_BYTES + words.byteLength + findings.reduce((sum, { value }) => sum + FINDING_BYTES + 2 * value.length, 0);

/**
 * Makes an empty cache.
 * @param config `secret` keys the hashes; `scope` names what the results depend on besides the text: the model and the lists that count now
 */
export function createTextCache({
  secret,
  scope,
  limits,
}: {
  secret: Uint8Array;
  scope: () => string;
  limits: TextCacheLimits;
}): TextCache {
  const held = new Map<string, ScanResult>();
  let bytes = 0;
  const drop = (key: string): void => {
    const entry = held.get(key);
    if (entry !== undefined && held.delete(key)) bytes -= sizeOf(entry);
  };
  return {
    // UTF-16, since in UTF-8 all lone surrogates would be one character.
    keyOf: (text) => createHmac("sha256", secret).update(`${scope()}\0`).update(text, "utf16le").digest("base64"),
    get: (key) => {
      const entry = held.get(key);
      if (entry === undefined) return undefined;
      held.delete(key);
      held.set(key, entry);
      return entry;
    },
    set: (key, result) => {
      drop(key);
      held.set(key, result);
      bytes += sizeOf(result);
      for (const oldest of held.keys()) {
        if (held.size <= limits.entries && bytes <= limits.bytes) break;
        drop(oldest);
      }
    },
  };
}
