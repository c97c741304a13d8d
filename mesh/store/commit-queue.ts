/**
 * The one writer of a daemon's store. Every state change, dedupe record and audit event of a transition is one synced batch,
 * and all transitions that wait share the next one (group commit). Source: design, Durability.
 */
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../contract/limits.ts";
import type { Clock, CommitOptions, CommitQueue, OrderedStore, StoreOp, Transaction } from "../contract/ports.ts";

/** Most transitions in one batch, so that one sync never grows without bound. */
const MAX_GROUP = 1_024;

/** What the queue needs of the audit chain. */
export interface AuditLinker {
  /** Checks a transition's drafts, links them to the chain and returns the changes that store them. Where it throws, nothing of it is linked. */
  link(drafts: readonly AuditDraft[], nowMs: number): readonly StoreOp[];
  /** Everything linked so far is on the disk. */
  committed(): void;
}

/** What the queue needs. */
export interface CommitQueueDeps {
  readonly store: OrderedStore;
  readonly clock: Clock;
  readonly audit: AuditLinker;
  /** Free bytes where the store lies. */
  freeBytes(): number;
  /** Told that transitions were refused with DISK_FULL. */
  onFull?(): void;
  /** Told about an `afterCommit` effect or audit listener that threw (the batch is on the disk by then), and about `freeBytes` that threw. */
  onEffectError(error: unknown): void;
}

/** A transition that waits, and how its caller is told. */
interface Job {
  readonly apply: () => void;
  readonly finishing: boolean;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/** The changes of one group: later transitions see those of earlier ones. */
type Overlay = Map<string, string | undefined>;

/** Runs one transition over the overlay; what it wrote and said reaches the group only when it returns. */
function runTransition<T>(transition: (tx: Transaction) => T, now: number, read: (key: string) => string | undefined) {
  const writes: Overlay = new Map();
  const drafts: AuditDraft[] = [];
  const effects: (() => void)[] = [];
  const value = transition({
    now,
    get: (key) => (writes.has(key) ? writes.get(key) : read(key)),
    put: (key, text) => void writes.set(key, text),
    del: (key) => void writes.set(key, undefined),
    audit: (draft) => void drafts.push(draft),
    afterCommit: (effect) => void effects.push(effect),
  });
  if (value instanceof Promise) throw new GaggleError("INTERNAL", "A transition must not be asynchronous: its later writes would be lost.");
  return { value, writes, drafts, effects };
}

const toOps = (writes: Overlay): StoreOp[] =>
  [...writes].map(([key, value]) => (value === undefined ? { type: "del", key } : { type: "put", key, value }));

/**
 * Starts the queue over an open store. Below {@link FREE_SPACE_FLOOR_BYTES} of free space a transition is refused with DISK_FULL
 * unless it is marked `finishing`. After a failed write the queue is stopped: every waiting and later call fails with STORE_FAILED.
 */
export function createCommitQueue(deps: CommitQueueDeps): CommitQueue {
  const waiting: Job[] = [];
  let flushing = false;
  let stopped: GaggleError | undefined;
  let overlay: Overlay = new Map();
  const effects: (() => void)[] = [];
  let auditOps: StoreOp[] = [];

  const read = (key: string): string | undefined => (overlay.has(key) ? overlay.get(key) : deps.store.get(key));

  const guarded = (effect: () => void): void => {
    try {
      effect();
    } catch (error) {
      deps.onEffectError(error);
    }
  };

  /** What can't be measured counts as full. */
  const isSpaceLow = (): boolean => {
    let low = true;
    guarded(() => {
      low = deps.freeBytes() < FREE_SPACE_FLOOR_BYTES;
    });
    return low;
  };

  /** Applies the jobs in order; returns those whose changes are now in the overlay. */
  const applyAll = (jobs: readonly Job[]): Job[] => {
    const low = isSpaceLow();
    if (low && jobs.some(({ finishing }) => !finishing)) guarded(() => deps.onFull?.());
    return jobs.filter((job) => {
      try {
        if (low && !job.finishing) throw new GaggleError("DISK_FULL", "The disk is nearly full, so no new work is taken. Free some space.");
        job.apply();
        return true;
      } catch (error) {
        job.fail(error);
        return false;
      }
    });
  };

  const writeGroup = async (applied: readonly Job[]): Promise<void> => {
    const ops = [...toOps(overlay), ...auditOps];
    try {
      if (ops.length > 0) await deps.store.batch(ops, { sync: true });
    } catch (cause) {
      stopped = new GaggleError("STORE_FAILED", "The store could not be written; nothing of this was recorded. Start the daemon again.", {
        cause,
      });
      for (const job of [...applied, ...waiting.splice(0)]) job.fail(stopped);
      return;
    }
    overlay = new Map();
    auditOps = [];
    if (ops.length > 0) guarded(() => deps.audit.committed());
    for (const effect of effects.splice(0)) guarded(effect);
    for (const job of applied) job.done();
  };

  const flush = async (): Promise<void> => {
    while (waiting.length > 0 && stopped === undefined) {
      await writeGroup(applyAll(waiting.splice(0, MAX_GROUP)));
    }
    flushing = false;
  };

  return {
    run<T>(transition: (tx: Transaction) => T, options: CommitOptions = {}): Promise<T> {
      if (stopped !== undefined) return Promise.reject(stopped);
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      let value: T;
      waiting.push({
        finishing: options.finishing ?? false,
        apply: () => {
          const now = deps.clock.now();
          const ran = runTransition(transition, now, read);
          const linked = deps.audit.link(ran.drafts, now);
          value = ran.value;
          for (const [key, text] of ran.writes) overlay.set(key, text);
          auditOps.push(...linked);
          effects.push(...ran.effects);
        },
        done: () => resolve(value),
        fail: reject,
      });
      if (!flushing) {
        flushing = true;
        // In a microtask, so that transitions started in the same turn share one sync.
        queueMicrotask(() => void flush());
      }
      return promise;
    },
  };
}
