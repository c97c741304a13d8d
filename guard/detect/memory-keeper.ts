/** Loads what earlier runs found, and saves what came more than once: now and then, and at the end. */
import type { Clock } from "../../mesh/contract/ports.ts";
import type { DetectionMemory } from "./create-detection.ts";
import { openMemory, type SpanMemory, sealMemory } from "./span-memory.ts";
import type { TextCache } from "./text-cache.ts";

/** Keeps findings across restarts. */
export interface MemoryKeeper {
  /** Resolves when what was kept is in the cache; whatever goes wrong there only costs time. */
  loaded(): Promise<void>;
  /** Takes blocks of text that came again. */
  keep(blocks: SpanMemory["blocks"]): void;
  /** The blocks for a new worker. */
  blocks(): SpanMemory["blocks"];
  /** Saves for the last time. */
  close(): Promise<void>;
}

const SAVE_EVERY_MS = 300_000;
const MOST_TEXTS = 2_000;
const MOST_BLOCKS = 8_000;

/** Makes a keeper. @param memory undefined: nothing outlives the process */
export function createMemoryKeeper(
  { clock, cache, key }: { clock: Clock; cache: TextCache; key: Uint8Array },
  memory: DetectionMemory | undefined,
): MemoryKeeper {
  const blocks = new Map<string, SpanMemory["blocks"][number][1]>();
  let loading: Promise<void> | undefined;
  let cancel = (): void => undefined;
  let saved = "";

  const keep = (some: SpanMemory["blocks"]): void => {
    for (const [id, spans] of some) {
      blocks.delete(id);
      blocks.set(id, spans);
      const oldest = blocks.size > MOST_BLOCKS ? blocks.keys().next() : undefined;
      if (oldest?.done === false) blocks.delete(oldest.value);
    }
  };
  const save = async (): Promise<void> => {
    const content: SpanMemory = { v: 1, texts: cache.worthKeeping(MOST_TEXTS), blocks: [...blocks] };
    const state = `${content.texts.length} ${content.texts.at(-1)?.[0]} ${blocks.size} ${content.blocks.at(-1)?.[0]}`;
    if (memory === undefined || state === saved || content.texts.length + blocks.size === 0) return;
    saved = state;
    // A full disk must not refuse requests; next time is soon enough.
    await memory.save(sealMemory(content, key)).catch(() => undefined);
  };
  const again = (): void => {
    cancel = clock.after(SAVE_EVERY_MS, () => void save().then(again));
  };
  const load = async (): Promise<void> => {
    const sealed = await memory?.load().catch(() => undefined);
    const content = sealed === undefined ? undefined : openMemory(sealed, key);
    if (content !== undefined) {
      cache.restore(content.texts);
      keep(content.blocks);
    }
    if (memory !== undefined) again();
  };

  return {
    loaded: () => (loading ??= load()),
    keep,
    blocks: () => [...blocks],
    close: async () => {
      cancel();
      await save();
    },
  };
}
