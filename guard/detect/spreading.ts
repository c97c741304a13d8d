/** Which findings are looked up wherever else their value stands. A single word that the model is unsure of is masked where it stands, and only there. */
import { EVERYDAY_NAMES } from "./common-words.ts";
import type { Finding } from "./finding.ts";
import { foldCase } from "./phrase-finder.ts";

/** From this score of the model on (0.6 at most), a single word counts as a name elsewhere too. */
const SURE = 0.54;
/** A person's capitalised name does so earlier: of such findings most are right, and one that is missed tells more. */
const SURE_OF_PERSON = 0.48;

/** True where the value is one word. */
const isOneWord = (value: string): boolean => !/[\s.,&/@-]/u.test(value.trim());

/** True for a finding whose value is looked up in the rest of the text and in other texts. */
export function spreads({ detector, value, score, label }: Finding): boolean {
  if (detector !== "ner" && detector !== "ner:alike") return true;
  if (label === "ADDRESS" || label === "DATE" || !isOneWord(value)) return true;
  if (detector === "ner:alike") return /^\p{Lu}/u.test(value) && !EVERYDAY_NAMES.has(foldCase(value));
  const hasCase = value.toLowerCase() !== value.toUpperCase();
  return !hasCase || score >= (label === "PERSON" && /^\p{Lu}/u.test(value) ? SURE_OF_PERSON : SURE);
}
