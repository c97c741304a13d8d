/** Card and identity numbers written as a JSON number with an exponent (`4.111111111111111e15`). */
import type { Rule } from "../rule.ts";
import { isNationalNumber } from "./national-id.ts";
import { isCardNumber } from "./payment-card.ts";

/** The digits of a whole number in exponent form, or the empty text where it is not whole. */
function digitsOf(text: string): string {
  const [, head = "", fraction = "", exponent = ""] = /^(\d{1,19})(?:\.(\d{1,20}))?[eE]\+?(\d{1,2})$/.exec(text) ?? [];
  const places = Number(exponent);
  const significant = fraction.replace(/0+$/, "");
  return significant.length <= places && head.length + places <= 20 ? head + significant.padEnd(places, "0") : "";
}

const pattern = /(?<![\p{L}\p{N}_.])\d{1,19}(?:\.\d{1,20})?e\+?\d{1,2}(?![\p{L}\p{N}_.])/giu;

/** Rules for numbers in exponent form. */
export const JSON_NUMBER_RULES: readonly Rule[] = [
  {
    label: "CARD",
    detector: "rule:card-exponent",
    score: 0.8,
    pattern,
    starts: { figures: 1 },
    accept: (match) => (isCardNumber(digitsOf(match[0])) ? [0, match[0].length] : undefined),
  },
  {
    label: "NATIONAL_ID",
    detector: "rule:national-id-exponent",
    score: 0.7,
    pattern,
    starts: { figures: 1 },
    accept: (match) => (isNationalNumber(digitsOf(match[0])) ? [0, match[0].length] : undefined),
  },
];
