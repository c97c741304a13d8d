/** Turns an organisation's own pattern into a regular expression that can't take exponential time. */
import { GaggleError } from "../../../mesh/contract/errors.ts";

/** Turns a pattern of `guard.yaml` into a global regular expression over whole words. */
export type CompilePattern = (pattern: string) => RegExp;

const LOOKS_OR_REFERS = /\(\?(?!:)|\\(?:[1-9]|k<)/;
/** Escapes and classes, inside which brackets and quantifiers mean nothing. */
const ATOMS = /\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]/g;
const REPEATS = /^(?:[*+]|\{\d+(?:,\d*)?\})/;

/** True where a group that repeats holds a choice or another repetition: then one text can be read in exponentially many ways. */
function repeatsAmbiguously(pattern: string): boolean {
  const plain = pattern.replace(ATOMS, "x");
  const ambiguous: boolean[] = [];
  for (let i = 0; i < plain.length; i += 1) {
    const repeats = REPEATS.test(plain.slice(i));
    if (plain.charAt(i) === "(") ambiguous.push(false);
    else if (plain.charAt(i) === "|" || repeats) ambiguous.splice(-1, 1, true);
    if (plain.charAt(i) !== ")") continue;
    const inner = ambiguous.pop() === true;
    if (inner && REPEATS.test(plain.slice(i + 1))) return true;
    if (inner) ambiguous.splice(-1, 1, true);
  }
  return false;
}

/**
 * Compiles a pattern.
 * @throws GaggleError GUARD_REFUSED for one that is no regular expression, looks around, refers back, or repeats a group with a choice or a repetition in it
 */
export const compilePattern: CompilePattern = (pattern) => {
  try {
    if (!LOOKS_OR_REFERS.test(pattern) && !repeatsAmbiguously(pattern))
      return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${pattern})(?![\\p{L}\\p{N}_])`, "gu");
  } catch {
    // Falls through: the message of the engine would quote the pattern.
  }
  throw new GaggleError(
    "GUARD_REFUSED",
    "A pattern of the organisation's guard.yaml can't be used: it is malformed, looks around, refers back, or repeats a group that holds a choice " +
      "or a repetition. An admin must write it plainly, such as NO-\\d{5}, and sign a new bundle.",
  );
};
