/**
 * A store that answers reads of what was just written from memory: a task is read again at each of its steps, soon after it was written, and a read
 * from LevelDB costs more than the rest of such a step. Every write goes through to the store first. Source: docs/benchmarks.md, Many tasks at once.
 */
import type { OrderedStore, StoreOp } from "../contract/ports.ts";

/** Values longer than this are rare and are not kept. */
const MAX_VALUE_CHARS = 16_384;

/**
 * Wraps a store. It must be the only way to that store, or what others write is not seen.
 * @param maxChars most characters of keys and values that are kept; the longest unwritten go first
 */
export function withRecentWrites(store: OrderedStore, maxChars = 4_194_304): OrderedStore {
  const recent = new Map<string, string>();
  let chars = 0;

  const forget = (key: string): void => {
    const value = recent.get(key);
    if (value === undefined) return;
    recent.delete(key);
    chars -= key.length + value.length;
  };

  const keep = (op: StoreOp): void => {
    forget(op.key);
    // An index entry's value is empty, and it is only ever listed.
    if (op.type === "del" || op.value === "" || op.value.length > MAX_VALUE_CHARS) return;
    recent.set(op.key, op.value);
    chars += op.key.length + op.value.length;
  };

  const shrink = (): void => {
    for (const key of recent.keys()) {
      if (chars <= maxChars) return;
      forget(key);
    }
  };

  return {
    get: (key) => recent.get(key) ?? store.get(key),
    range: (range) => store.range(range),
    async batch(ops, options) {
      try {
        await store.batch(ops, options);
      } catch (error) {
        // Nothing is known about the disk any more, so nothing may be answered.
        recent.clear();
        chars = 0;
        throw error;
      }
      for (const op of ops) keep(op);
      shrink();
    },
    async close() {
      recent.clear();
      chars = 0;
      await store.close();
    },
  };
}
