/** What one kind of national or tax number is, and how it becomes a rule. */
import type { DataClass } from "../../../../mesh/contract/data-class.ts";
import { compact, ENDS, GAP, type Rule, STARTS, wholeIf } from "../../rule.ts";

/** One kind of number: how it is written, and when its letters and digits (upper case, no separators) are right. */
export interface IdKind {
  readonly id: string;
  /** Source of a pattern; `~` stands where groups may be parted by a space, full stop, dash or line's end. */
  readonly shape: string;
  readonly valid: (id: string) => boolean;
  /** Default NATIONAL_ID. */
  readonly label?: DataClass;
  /** Figures that it begins with at least; default 8. For a number that begins with a letter this doesn't count. */
  readonly figures?: number;
  /** For a number that begins with letters: how many before the first figure, at least and at most. Default 1 to 3. */
  readonly letters?: readonly [least: number, most: number];
  /** Set where the shape is too common to stand without a word that names it. */
  readonly context?: RegExp;
  /** What may stand in place of that word: see `lead` of a rule. */
  readonly lead?: RegExp;
  /** Set where the check digit makes it certain enough beside other data of a person. */
  readonly besideOthers?: true;
  /** Set where lower case is not accepted, since words and hashes would match. */
  readonly upperOnly?: true;
}

const patternOf = (kind: IdKind): string => kind.shape.replaceAll("~", GAP);
const beginsWithLetter = (shape: string): boolean => /^(?:\(\?:)?\[?[A-Z]/.test(shape);

/** The rule for a kind. With context it is the more certain, since the text itself says what the number is. */
export const toRule = (kind: IdKind): Rule => ({
  label: kind.label ?? "NATIONAL_ID",
  detector: `rule:${kind.id}`,
  score: kind.context === undefined ? 0.9 : 0.93,
  pattern: new RegExp(`${STARTS}(?:${patternOf(kind)})${ENDS}`, kind.upperOnly === true ? "gu" : "giu"),
  starts: beginsWithLetter(kind.shape) ? { letters: kind.letters ?? [1, 3] } : { figures: kind.figures ?? 8 },
  accept: wholeIf(kind.valid),
  ...(kind.context === undefined ? {} : { context: kind.context }),
  ...(kind.lead === undefined ? {} : { lead: kind.lead }),
  ...(kind.besideOthers === undefined ? {} : { besideOthers: kind.besideOthers }),
});

/** Makes the question whether bare digits are a number of one of these kinds that needs no context. */
export function bareNumberOf(kinds: readonly IdKind[]): (digits: string) => boolean {
  const certain = kinds
    .filter((kind) => kind.context === undefined)
    .map((kind) => ({ kind, pattern: new RegExp(`^(?:${patternOf(kind)})$`, "iu") }));
  return (digits) => /^\d{10,18}$/.test(digits) && certain.some(({ kind, pattern }) => pattern.test(digits) && kind.valid(compact(digits)));
}
