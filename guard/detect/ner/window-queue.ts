/** Windows of several texts that wait for the model. Texts take turns, so that a long one holds up no short one, and windows of like length go together. */
import type { Tagger, TokenWindow } from "./tagger.ts";

/** Tokens, padding included, that go through the model at once. */
const BATCH_TOKENS = 1_024;
/** Windows that are taken from the queue at once, to be sorted by length. */
const ROUND = 24;

/** The queue. */
export interface WindowQueue {
  /**
   * The scores of each window.
   * @param dropped true where nobody waits for them any more; the promise then never settles
   */
  add(windows: readonly TokenWindow[], dropped: () => boolean): Promise<Float32Array[]>;
}

interface Waiting {
  readonly windows: readonly TokenWindow[];
  readonly scores: Float32Array[];
  readonly dropped: () => boolean;
  next: number;
  left: number;
  resolve(scores: Float32Array[]): void;
  reject(error: unknown): void;
}

interface Taken {
  readonly owner: Waiting;
  readonly place: number;
  readonly window: TokenWindow;
}

/** Parts windows of like length into batches. */
function batchesOf(taken: readonly Taken[]): Taken[][] {
  const batches: Taken[][] = [];
  for (const each of taken.toSorted((a, b) => b.window.ids.length - a.window.ids.length)) {
    const last = batches.at(-1);
    const longest = last?.[0]?.window.ids.length ?? 0;
    if (last !== undefined && (last.length + 1) * longest <= BATCH_TOKENS) last.push(each);
    else batches.push([each]);
  }
  return batches;
}

/** Makes an empty queue before a model. @param onProgress called after each batch */
export function createWindowQueue(tagger: Tagger, onProgress: () => void): WindowQueue {
  let waiting: Waiting[] = [];
  let busy = false;

  /** One window of each text in turn. */
  const take = (): Taken[] => {
    const taken: Taken[] = [];
    waiting = waiting.filter(({ dropped }) => !dropped());
    while (taken.length < ROUND && waiting.length > 0) {
      for (const owner of waiting.slice(0, ROUND - taken.length)) {
        const window = owner.windows[owner.next];
        if (window !== undefined) taken.push({ owner, place: owner.next, window });
        owner.next += 1;
      }
      const gone = Math.min(waiting.length, ROUND);
      waiting = [...waiting.slice(gone), ...waiting.slice(0, gone)].filter(({ next, windows }) => next < windows.length);
    }
    return taken;
  };

  const runBatch = async (batch: readonly Taken[]): Promise<void> => {
    try {
      const scores = await tagger.run(batch.map(({ window }) => window));
      for (const [i, { owner, place }] of batch.entries()) {
        owner.scores[place] = scores[i] ?? new Float32Array();
        owner.left -= 1;
        if (owner.left === 0) owner.resolve(owner.scores);
      }
    } catch (error) {
      for (const { owner } of batch) owner.reject(error);
    }
    onProgress();
  };

  const work = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      for (let taken = take(); taken.length > 0; taken = take()) for (const batch of batchesOf(taken)) await runBatch(batch);
    } finally {
      busy = false;
    }
  };

  return {
    add: (windows, dropped) => {
      if (windows.length === 0) return Promise.resolve([]);
      const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
      waiting.push({ windows, scores: [], dropped, next: 0, left: windows.length, resolve, reject });
      // Texts that come in the same turn share batches.
      setImmediate(() => void work());
      return promise;
    },
  };
}
