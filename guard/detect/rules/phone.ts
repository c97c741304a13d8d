/** Phone numbers: international form anywhere; national form where its shape or the context says so. Source: libphonenumber's numbering plans. */
import { isPossiblePhoneNumber, isValidPhoneNumber } from "libphonenumber-js/min";
import type { Part, Rule } from "../rule.ts";

const CONTEXT =
  /\b(?:(?:tele|smart)?(?:phones?|fon|fono|foon)|tel|telephone|telefon\w*|téléphone|teléfono|mobile?s?|móvil|handy|cell(?:phone|ular)?|fax|call(?:er)?|whatsapp|sms|msisdn|rufnummer|gsm|puhelin|telemóvel|contact (?:no|nr|number))\b/;

const SEPARATORS = String.raw`[ .()/-]{0,3}`;
const START = String.raw`(?<![\p{L}\p{N}_+]|[\p{L}\p{N}_][./-])`;
const END = String.raw`(?![\p{L}\p{N}_]|-[\p{L}\p{N}])`;

const digitsOf = (text: string): string => text.replace(/\D/g, "");
const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}|^\d{1,2}[./]\d{1,2}[./]\d{4}$/.test(text);

/** Offsets behind the number's digits, longest first, so that a number followed by other figures still ends where it can end. */
function* ends(text: string, least: number): Generator<number> {
  for (let end = text.length; digitsOf(text.slice(0, end)).length >= least; end -= 1)
    if (/\d/.test(text.charAt(end - 1)) && !/\d/.test(text.charAt(end))) yield end;
}

function international(match: RegExpExecArray): Part | undefined {
  for (const end of ends(match[0], 7)) {
    const number = `+${digitsOf(match[0].slice(0, end)).replace(/^00/, "")}`;
    // The trunk zero of "+44 (0)20 …" is not part of the number.
    const trunkless = match[0].includes("(0)") ? `+${digitsOf(match[0].slice(0, end).replace("(0)", "")).replace(/^00/, "")}` : number;
    if (isPossiblePhoneNumber(number) || isPossiblePhoneNumber(trunkless)) return [0, end];
  }
  return undefined;
}

function national(match: RegExpExecArray): Part | undefined {
  const digits = digitsOf(match[0]);
  return digits.length >= 6 && digits.length <= 15 && !isDate(match[0]) ? [0, match[0].length] : undefined;
}

/** Rules for phone numbers. */
export const PHONE_RULES: readonly Rule[] = [
  {
    label: "PHONE",
    detector: "rule:phone",
    score: 0.9,
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}_+])\(?\+ ?\(?\d(?:${SEPARATORS}\d){6,14}`, "gu"),
    accept: international,
  },
  {
    label: "PHONE",
    detector: "rule:phone-00",
    score: 0.8,
    pattern: new RegExp(String.raw`${START}00[ -]?[1-9](?:${SEPARATORS}\d){8,13}${END}`, "gu"),
    accept: (match) => (isValidPhoneNumber(`+${digitsOf(match[0]).slice(2)}`) ? international(match) : undefined),
  },
  {
    label: "PHONE",
    detector: "rule:phone-nanp",
    score: 0.7,
    pattern: new RegExp(String.raw`${START}(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[.-]\d{4}${END}`, "gu"),
    accept: (match) => [0, match[0].length],
  },
  {
    label: "PHONE",
    detector: "rule:phone-national",
    score: 0.92,
    pattern: new RegExp(String.raw`${START}\(?\d(?:${SEPARATORS}\d){5,14}(?!\d)${END}`, "gu"),
    accept: national,
    context: CONTEXT,
  },
];
