/** Which maps have to go where there are too many: of each owner the one unused for longest, so that nobody drives out anybody else's. */

/** What is asked of a map. */
export interface RoomTaken {
  /** Who caused it: a colleague's agent for values that came with a task; undefined for this agent's own chats and texts. */
  readonly owner?: string;
  readonly values: number;
}

/** Bounds of one part of the table. */
export interface RoomLimits {
  readonly sessions: number;
  readonly values: number;
}

/** Bounds of the table. */
export interface TableLimits {
  /** This agent's own maps. */
  readonly own: RoomLimits;
  /** Maps that one colleague caused. */
  readonly colleague: RoomLimits;
  /** Maps that all colleagues caused together. */
  readonly colleagues: RoomLimits;
}

type Entry = readonly [id: string, taken: RoomTaken];

const valuesOf = (entries: readonly Entry[]): number => entries.reduce((sum, [, { values }]) => sum + values, 0);
const fits = (entries: readonly Entry[], { sessions, values }: RoomLimits): boolean =>
  entries.length <= sessions && valuesOf(entries) <= values;

/** Takes the oldest out until the rest fits; one always stays. */
function cut(entries: Entry[], limits: RoomLimits): Entry[] {
  const gone: Entry[] = [];
  while (entries.length > 1 && !fits(entries, limits)) gone.push(...entries.splice(0, 1));
  return gone;
}

/**
 * The ids that have to go. The newest of each owner stays, but for colleagues where all of them together have too much: then the one with the most loses first.
 * @param held in order of last use
 */
export function tooMany(held: ReadonlyMap<string, RoomTaken>, limits: TableLimits): string[] {
  const byOwner = Map.groupBy(held, ([, { owner }]) => owner);
  const own = byOwner.get(undefined) ?? [];
  byOwner.delete(undefined);
  const gone = cut(own, limits.own);
  const colleagues = [...byOwner.values()];
  for (const entries of colleagues) gone.push(...cut(entries, limits.colleague));
  while (!fits(colleagues.flat(), limits.colleagues)) {
    const most = colleagues.reduce((a, b) => (b.length > a.length || (b.length === a.length && valuesOf(b) > valuesOf(a)) ? b : a));
    gone.push(...most.splice(0, 1));
  }
  return gone.map(([id]) => id);
}
