/** What the model found in blocks of text, by a keyed hash: of a long text with a new end only the end is looked at. */
import { createHmac } from "node:crypto";
import type { BlockSpan, SpanMemory } from "./span-memory.ts";

/** Spans by block. */
export interface BlockCache {
  keyOf(block: string): string;
  get(key: string): readonly BlockSpan[] | undefined;
  set(key: string, spans: readonly BlockSpan[]): void;
  /** Blocks that were asked for again since the last call, for keeping. */
  usedAgain(): SpanMemory["blocks"];
}

/**
 * Makes a cache; the block unused for longest goes first.
 * @param scope what the spans depend on besides the text: the model
 * @param known what was kept
 */
export function createBlockCache(secret: Uint8Array, scope: string, limit: number, known: SpanMemory["blocks"] = []): BlockCache {
  const held = new Map<string, readonly BlockSpan[]>(known);
  let again = new Map<string, readonly BlockSpan[]>();
  return {
    keyOf: (block) => createHmac("sha256", secret).update(`${scope}\0`).update(block, "utf16le").digest("base64"),
    get: (key) => {
      const spans = held.get(key);
      if (spans === undefined) return undefined;
      held.delete(key);
      held.set(key, spans);
      again.set(key, spans);
      return spans;
    },
    set: (key, spans) => {
      held.set(key, spans);
      const oldest = held.size > limit ? held.keys().next() : undefined;
      if (oldest?.done === false) held.delete(oldest.value);
    },
    usedAgain: () => {
      const blocks = Array.from(again, ([key, spans]): SpanMemory["blocks"][number] => [key, [...spans]]);
      again = new Map();
      return blocks;
    },
  };
}
