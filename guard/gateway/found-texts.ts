/** What was found in the texts of one request. Texts are looked through in rounds, each with one call, since that is work off the event loop. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Detection } from "../detect/detection.ts";
import type { Finding } from "../detect/finding.ts";
import { withKnownValues } from "../detect/known-findings.ts";
import type { KnownPlaces } from "../detect/known-places.ts";
import type { KnownValues } from "../detect/known-values.ts";

/** Findings by text. */
export interface FoundTexts {
  /** Findings of a text that was looked through; where it was not, none, and it is looked through with the next {@link FoundTexts.lookThrough}. */
  of(text: string): readonly Finding[];
  /** The same, with the places of known values. Findings that `keep` rejects count as not found. */
  withKnown(text: string, known: KnownValues, keep: (finding: Finding) => boolean): readonly Finding[];
  /** Everything found so far. */
  all(): Finding[];
  /** Looks through what is new. @returns false where nothing was */
  lookThrough(): Promise<boolean>;
}

const incomplete = (): GaggleError =>
  new GaggleError("GUARD_REFUSED", "The privacy guard could not look through the whole request, so it was not sent; try again.");

/** Makes it for one request. @param places remembers where known values stand in texts of earlier requests */
export function createFoundTexts(detection: Pick<Detection, "detect">, places: KnownPlaces): FoundTexts {
  const found = new Map<string, readonly Finding[]>();
  const open = new Set<string>();
  const joined = new Map<string, { size: number; findings: readonly Finding[] }>();

  const of = (text: string): readonly Finding[] => {
    const findings = found.get(text);
    if (findings === undefined) open.add(text);
    return findings ?? [];
  };

  return {
    of,
    all: () => Array.from(found.values()).flat(),
    withKnown: (text, known, keep) => {
      const held = joined.get(text);
      if (held?.size === known.size && found.has(text)) return held.findings;
      const findings = withKnownValues(text, of(text).filter(keep), known, places.of).filter(keep);
      joined.set(text, { size: known.size, findings });
      return findings;
    },
    lookThrough: async () => {
      const texts = Array.from(open);
      if (texts.length === 0) return false;
      const results = await detection.detect(texts);
      if (results.length !== texts.length) throw incomplete();
      for (const [i, text] of texts.entries()) found.set(text, results[i] ?? []);
      for (const text of texts) joined.delete(text);
      open.clear();
      return true;
    },
  };
}
