/**
 * Which messages to one recipient wait for which others. A message is in one or two lanes (its task; its session), and is free once every earlier one
 * of its lanes is settled. Pure. Invariant: of a lane at most one message is free, always the oldest that is not settled.
 */

/** A message in its lanes. */
export interface InLanes {
  readonly lanes: readonly string[];
  /** Lanes that it waits for without being in them: nobody of theirs waits for it. */
  readonly after?: readonly string[];
  /** Unsettled messages that it waits for directly. Kept here. */
  blockers: number;
  /** Those that wait for it directly. Kept here. */
  followers: InLanes[];
  /** Taken out before its turn: its followers still wait for its turn. */
  removed: boolean;
}

/** Makes empty lanes. @param onFree called with each message whose turn has come */
export function createLanes<T extends InLanes>(onFree: (entry: T) => void) {
  const tails = new Map<string, T>();

  const settle = (entry: T): void => {
    const settling: T[] = [entry];
    for (let next = settling.pop(); next !== undefined; next = settling.pop()) {
      for (const lane of next.lanes) if (tails.get(lane) === next) tails.delete(lane);
      const followers = next.followers as T[];
      next.followers = [];
      for (const follower of followers) {
        follower.blockers--;
        if (follower.blockers > 0) continue;
        if (follower.removed) settling.push(follower);
        else onFree(follower);
      }
    }
  };

  const waitFor = (entry: T, lane: string): void => {
    const tail = tails.get(lane);
    if (tail === undefined) return;
    tail.followers.push(entry);
    entry.blockers++;
  };

  return {
    /** Puts a message behind all others of its lanes. */
    add(entry: T): void {
      for (const lane of entry.after ?? []) waitFor(entry, lane);
      for (const lane of entry.lanes) {
        waitFor(entry, lane);
        tails.set(lane, entry);
      }
      if (entry.blockers === 0) onFree(entry);
    },

    /** The free message is done; those behind it may be free now. */
    settle,

    /** Takes a message out; one that still waits keeps its place for those behind it. */
    remove(entry: T): void {
      entry.removed = true;
      if (entry.blockers === 0) settle(entry);
    },
  };
}
