/** Phone numbers: international form anywhere; national form where its shape or the context says so. Source: libphonenumber's numbering plans. */
import { type CountryCode, isPossiblePhoneNumber, isValidPhoneNumber } from "libphonenumber-js/min";
import type { Part, Rule } from "../rule.ts";

const CONTEXT =
  /\b(?:(?:tele|smart)?(?:phones?|fon|fono|foon)|tel|telephone|telef\w*|tfn|tlf|téléphone|teléfono|mobile?s?|mobilnummer|mobiltelefon|móvil|handy|cell(?:phone|ular)?|fax|whatsapp|sms|msisdn|rufnummer|gsm|puhelin|telemóvel|telefoon\w*|komórk\w*|cellulare|portable|celular|ring|dial|contact (?:no|nr|number))\b|\b(?:call|phone|reach|text|ring) (?:me|us|him|her|them)\b|\bcall(?:er)?\b.{0,14}$|llam\w+ al|appel\w* (?:au|moi)|\banruf|\bbel(?:len)?\b|zadzwo|电话|手机|電話|전화|телефон|هاتف/;

/** Six figures are a phone number only right behind the word. */
const SHORT_CONTEXT =
  /(?<!\p{L})(?:(?:tele)?(?:phones?|fon)|tel|téléphone|teléfono|mobile?|móvil|handy|cell|fax|rufnummer|puhelin|call)(?: (?:no|nr|number|is))?[ :.]*$/u;

const SEPARATORS = String.raw`(?:[ .()/-]{0,3}|[ -]?\r?\n[ \t>]{0,4})`;
const START = String.raw`(?<![\p{L}\p{N}_+]|[\p{L}\p{N}_][./-])`;
/** An extension belongs to the number. */
const EXTENSION = String.raw`(?:[ ,;]{0,2}(?:x|ext\.?|extension|durchwahl|dw|poste|#)[ .:]{0,2}\d{1,6})?`;
const END = String.raw`(?![\p{L}\p{N}_]|-[\p{L}\p{N}])`;

const digitsOf = (text: string): string => text.replace(/\D/g, "");
const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}|^\d{1,2}[./]\d{1,2}[./]\d{4}$|^\d{1,2}\.\d{1,2}\.\d{1,2}(?!\d)/.test(text);
const all = (match: RegExpExecArray): Part => [0, match[0].length];

/** Offsets behind the number's digits, longest first, so that a number followed by other figures still ends where it can end. */
function* ends(text: string, least: number): Generator<number> {
  for (let end = text.length; digitsOf(text.slice(0, end)).length >= least; end -= 1)
    if (/\d/.test(text.charAt(end - 1)) && !/\d/.test(text.charAt(end))) yield end;
}

/** How much of the text behind the number is its extension. */
const extensionAt = (match: RegExpExecArray, end: number): number =>
  new RegExp(`^${EXTENSION}${END}`, "iu").exec(match.input.slice(match.index + end, match.index + end + 24))?.[0].length ?? 0;

function international(match: RegExpExecArray): Part | undefined {
  for (const end of ends(match[0], 7)) {
    const number = `+${digitsOf(match[0].slice(0, end)).replace(/^00/, "")}`;
    // The trunk zero of "+44 (0)20 …" is not part of the number.
    const trunkless = match[0].includes("(0)") ? `+${digitsOf(match[0].slice(0, end).replace("(0)", "")).replace(/^00/, "")}` : number;
    if (isPossiblePhoneNumber(number) || isPossiblePhoneNumber(trunkless)) return [0, end + extensionAt(match, end)];
  }
  return undefined;
}

const national =
  (least: number) =>
  (match: RegExpExecArray): Part | undefined => {
    const digits = digitsOf(match[1] ?? match[0]);
    return digits.length >= least && digits.length <= 15 && !isDate(match[0]) ? all(match) : undefined;
  };

/** Countries whose numbers begin with a zero and are written in groups. */
const TRUNK_COUNTRIES: readonly CountryCode[] = [
  "GB",
  "DE",
  "FR",
  "AT",
  "CH",
  "NL",
  "BE",
  "SE",
  "AU",
  "IT",
  "IE",
  "FI",
  "NZ",
  "ZA",
  "JP",
  "IN",
];

const trunk = (match: RegExpExecArray): Part | undefined => {
  const digits = digitsOf(match[0]);
  return digits.length >= 9 &&
    digits.length <= 12 &&
    !/^\(?\d{3}\)?-\d{2}-/.test(match[0]) &&
    TRUNK_COUNTRIES.some((country) => isValidPhoneNumber(digits, country))
    ? all(match)
    : undefined;
};

/** A contact's name may stand between the word and the number. */
const CONTACT_BEFORE =
  /(?<!\p{L})(?:contact|kontakt|contacto|contatto|contato|ansprechpartner(?:in)?)(?!\p{L})[^\n]{0,90}$|(?:phone|telephone|mobile) numbers(?!\p{L})[\s\S]{0,150}$|(?:telefon|ruf|handy)nummern(?!\p{L})[\s\S]{0,150}$|\[cdr\][^\n]{0,24}$/u;
const CONTACT_COUNTRIES: readonly CountryCode[] = [...TRUNK_COUNTRIES, "PL", "ES", "PT", "DK", "NO", "CZ", "LV", "US"];

/** A number of some country, in groups or with its zero. */
const contact = (match: RegExpExecArray): Part | undefined => {
  const digits = digitsOf(match[0]);
  const grouped = /\d[ ./()-]{1,3}\d/.test(match[0]) || digits.startsWith("0");
  return grouped && digits.length >= 9 && digits.length <= 12 && !isDate(match[0]) && isSomewhere(digits) ? all(match) : undefined;
};
/** Latvia and the like are written with their country's figures but without the plus. */
const isSomewhere = (digits: string): boolean =>
  CONTACT_COUNTRIES.some((country) => isValidPhoneNumber(digits, country)) || isValidPhoneNumber(`+${digits}`);

/** Rules for phone numbers. */
export const PHONE_RULES: readonly Rule[] = [
  {
    label: "PHONE",
    detector: "rule:phone",
    score: 0.9,
    pattern: new RegExp(String.raw`(?<![\p{L}\p{N}_+])\(?\+ ?\(?\d(?:${SEPARATORS}\d){6,14}`, "gu"),
    starts: { texts: ["+", "("] },
    accept: international,
  },
  {
    label: "PHONE",
    detector: "rule:phone-00",
    score: 0.8,
    pattern: new RegExp(String.raw`${START}00[ -]?[1-9](?:${SEPARATORS}\d){8,13}(?=${EXTENSION}${END})`, "giu"),
    starts: { figures: 11 },
    accept: (match) => (isValidPhoneNumber(`+${digitsOf(match[0]).slice(2)}`) ? international(match) : undefined),
  },
  {
    label: "PHONE",
    detector: "rule:phone-nanp",
    score: 0.7,
    pattern: new RegExp(
      String.raw`${START}(?:(?:\+|00)?1[ .-])?(?:\([2-9]\d\d\) ?-?|[2-9]\d\d[ .-])[2-9]\d\d[.-]\d{4}${EXTENSION}${END}`,
      "giu",
    ),
    starts: { figures: 10, texts: ["("] },
    accept: all,
  },
  {
    label: "PHONE",
    detector: "rule:phone-nanp-spaced",
    score: 0.6,
    pattern: new RegExp(String.raw`${START}(?:\([2-9]\d\d\)|[2-9]\d\d) [2-9]\d\d \d{4}${EXTENSION}${END}`, "giu"),
    starts: { figures: 10, texts: ["("] },
    accept: (match) => (isValidPhoneNumber(digitsOf(match[0]).slice(0, 10), "US") ? all(match) : undefined),
  },
  {
    label: "PHONE",
    detector: "rule:phone-trunk",
    score: 0.65,
    pattern: new RegExp(
      String.raw`(?<![\da-f]{2} |buffer )${START}(?:\(?0[1-9]\d{0,3}\)?[ /-]{1,2}\d{2,4}(?:[ -]\d{2,4}){1,3}|07\d{3} \d{6})${END}(?! [\da-f]{2}\b)`,
      "giu",
    ),
    starts: { figures: 9, texts: ["("] },
    accept: trunk,
  },
  {
    label: "PHONE",
    detector: "rule:phone-national",
    score: 0.92,
    pattern: new RegExp(String.raw`${START}(\(?\d(?:${SEPARATORS}\d){5,14})(?!\d)${EXTENSION}${END}`, "giu"),
    starts: { figures: 6, texts: ["("] },
    accept: national(7),
    context: CONTEXT,
  },
  {
    label: "PHONE",
    detector: "rule:phone-of-contact",
    score: 0.7,
    pattern: new RegExp(String.raw`${START}(\(?\d(?:[ ./()-]{0,3}\d){8,11})(?!\d)${EXTENSION}${END}`, "giu"),
    starts: { figures: 9, texts: ["("] },
    accept: contact,
    lead: CONTACT_BEFORE,
  },
  {
    label: "PHONE",
    detector: "rule:phone-letter-key",
    score: 0.8,
    pattern: new RegExp(String.raw`${START}(\(?\d(?:[ ./()-]{0,3}\d){7,13})(?!\d)${END}`, "giu"),
    starts: { figures: 8, texts: ["("] },
    accept: (match) => (/\d[ ./()-]{1,3}\d/.test(match[0]) ? national(8)(match) : undefined),
    context: /^(?:p|t|m|ph|mob)$/,
  },
  {
    label: "PHONE",
    detector: "rule:phone-short",
    score: 0.92,
    pattern: new RegExp(String.raw`${START}(\(?\d(?:[ ./-]?\d){5})(?!\d)${EXTENSION}${END}`, "giu"),
    starts: { figures: 6, texts: ["("] },
    accept: national(6),
    context: SHORT_CONTEXT,
  },
];
