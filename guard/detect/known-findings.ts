/** Adds the places of values that a session knows already to what was found in a text. Runs on the caller's thread: the values never leave it. */
import type { Finding } from "./finding.ts";
import { type KnownPlaces, placesIn } from "./known-places.ts";
import type { KnownValues } from "./known-values.ts";
import { mergeFindings } from "./overlap.ts";

const lengthOf = ({ start, end }: Finding): number => end - start;
/** What the model takes a value for changes with the text around it; a rule or a list is certain. */
const isGuess = ({ detector }: Finding): boolean => detector.startsWith("ner") || detector === "known-value" || detector === "co-reference";

/** Known places with a score that gives the class to the longer span, and of equals to the class that the value was first found with. */
function ranked(places: readonly Finding[], findings: readonly Finding[]): Finding[] {
  let next = 0;
  return places.map((place) => {
    while ((findings[next]?.end ?? Number.POSITIVE_INFINITY) <= place.start) next += 1;
    let score = place.score;
    for (let i = next; (findings[i]?.start ?? place.end) < place.end; i += 1) {
      const finding = findings[i];
      if (finding !== undefined && isGuess(finding) && lengthOf(place) >= lengthOf(finding)) score = Math.max(score, finding.score + 0.001);
    }
    return { ...place, score };
  });
}

/**
 * The findings of a text joined with the places of known values: in order, without overlap.
 * @param findings of exactly this text, in order, without overlap
 * @param placesOf finds the places; one that remembers them saves the search in texts that come again
 */
export const withKnownValues = (
  text: string,
  findings: readonly Finding[],
  known: KnownValues,
  placesOf: KnownPlaces["of"] = placesIn,
): readonly Finding[] => {
  const places = known.size === 0 ? [] : placesOf(text, known);
  return places.length === 0 ? findings : mergeFindings([...findings, ...ranked(places, findings)], text);
};
