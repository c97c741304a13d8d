/** Adds the places of values that a session knows already to what was found in a text. Runs on the caller's thread: the values never leave it. */
import { knownIn } from "./detector.ts";
import type { Finding } from "./finding.ts";
import type { KnownValues } from "./known-values.ts";
import { mergeFindings } from "./overlap.ts";
import { inBothReadings } from "./readings.ts";

/**
 * The findings of a text joined with the places of known values: in order, without overlap.
 * @param findings of exactly this text
 */
export const withKnownValues = (text: string, findings: readonly Finding[], known: KnownValues): readonly Finding[] =>
  known.size === 0 ? findings : mergeFindings([...findings, ...inBothReadings(text, (reading) => knownIn(reading, known))], text);
