/**
 * Remembers where known values stand in texts: a chat's history comes again at every turn, mostly with no new value, or with values that it has no
 * word of. In memory alone.
 */
import { knownIn } from "./detector.ts";
import type { Finding } from "./finding.ts";
import { foldedView } from "./folded-view.ts";
import type { KnownValues } from "./known-values.ts";
import { mergeFindings } from "./overlap.ts";
import { inBothReadings } from "./readings.ts";
import { hasWord, wordHash, wordHashes } from "./word-hashes.ts";

/** Finds the places of known values. */
export interface KnownPlaces {
  /** In order, without overlap: the places where values of `known` stand in either reading of a text. */
  of(text: string, known: KnownValues): readonly Finding[];
}

/** What was found when `known` had this size. */
interface Entry {
  size: number;
  readonly places: readonly Finding[];
  /** Words of both readings; made when they are first asked for. */
  words?: readonly Uint32Array[];
}

/** A shorter text is looked through quicker than looked up. */
const MIN_LENGTH = 64;

/** The places where values of `known` stand in either reading of a text, looked for now. */
export const placesIn: KnownPlaces["of"] = (text, known) =>
  inBothReadings(text, (reading) => mergeFindings(knownIn(reading, known), reading));

function wordsOf(text: string): Uint32Array[] {
  const view = foldedView(text);
  return view === undefined ? [wordHashes(text)] : [wordHashes(text), wordHashes(view.text)];
}

/** True where none of the values that came since can stand in the text. */
function isCurrent(entry: Entry, text: string, known: KnownValues): boolean {
  if (entry.size === known.size) return true;
  const anchors = known.anchorsSince(entry.size);
  if (anchors === undefined) return false;
  entry.words ??= wordsOf(text);
  const { words } = entry;
  return anchors.every((anchor) => !words.some((some) => hasWord(some, wordHash(anchor))));
}

/**
 * Makes an empty memory.
 * @param units UTF-16 units of the texts that are remembered; the text unused for longest goes first
 */
export function createKnownPlaces(units: number): KnownPlaces {
  const held = new Map<string, WeakMap<KnownValues, Entry>>();
  let total = 0;

  /** What is remembered of a text, which is the newest from now on. */
  const entriesOf = (text: string): WeakMap<KnownValues, Entry> => {
    const entries = held.get(text) ?? new WeakMap<KnownValues, Entry>();
    if (!held.delete(text)) total += text.length;
    held.set(text, entries);
    for (const oldest of held.keys()) {
      if (total <= units) break;
      total -= oldest.length;
      held.delete(oldest);
    }
    return entries;
  };

  return {
    of: (text, known) => {
      if (known.size === 0) return [];
      if (text.length < MIN_LENGTH) return placesIn(text, known);
      const entries = entriesOf(text);
      const before = entries.get(known);
      if (before !== undefined && isCurrent(before, text, known)) {
        before.size = known.size;
        return before.places;
      }
      const places = placesIn(text, known);
      entries.set(known, { size: known.size, places });
      return places;
    },
  };
}
