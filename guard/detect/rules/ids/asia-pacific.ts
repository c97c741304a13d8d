/** National ids of Asia, the Pacific and Africa. Source: the issuers' own descriptions, ISO 7064 for China, UIDAI for India. */
import { isDay, isShortDay, luhn, verhoeff, weighted } from "../../checksums.ts";
import { at, base36, beginsYearMonthDay, digit, elevenLess } from "./digits.ts";
import type { IdKind } from "./id-kind.ts";

const chinese = (id: string): boolean => {
  const sum = [...at(id, 0, 17)].reduce((total, figure, i) => total + Number(figure) * (2 ** (17 - i) % 11), 0);
  return isDay(Number(at(id, 6, 10)), Number(at(id, 10, 12)), Number(at(id, 12, 14))) && "10X98765432".charAt(sum % 11) === id.charAt(17);
};

const korean = (id: string): boolean =>
  beginsYearMonthDay(id) && elevenLess(id, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 10 === digit(id, 12);

const SINGAPORE_LETTERS: Readonly<Record<string, string>> = {
  S: "JZIHGFEDCBA",
  T: "JZIHGFEDCBA",
  F: "XWUTRQPNMLK",
  G: "XWUTRQPNMLK",
  M: "XWUTRQPNJLK",
};
const SINGAPORE_OFFSETS: Readonly<Record<string, number>> = { T: 4, G: 4, M: 3 };
const singaporean = (id: string): boolean => {
  const series = id.charAt(0);
  const sum = weighted(at(id, 1, 8), [2, 7, 6, 5, 4, 3, 2]) + (SINGAPORE_OFFSETS[series] ?? 0);
  return SINGAPORE_LETTERS[series]?.charAt(sum % 11) === id.charAt(8);
};

/** The letter stands for two figures, in the order in which counties got theirs. */
const taiwanese = (id: string): boolean => {
  const letter = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".indexOf(id.charAt(0));
  return (Math.floor(letter / 10) + (letter % 10) * 9 + weighted(at(id, 1), [8, 7, 6, 5, 4, 3, 2, 1, 1])) % 10 === 0;
};

/** One letter counts as if a space stood before it. */
const hongKong = (id: string): boolean => {
  const body = id.slice(0, -1);
  const values = body.length === 7 ? [36, ...Array.from(body, base36)] : Array.from(body, base36);
  const sum = values.reduce((total, value, i) => total + value * (9 - i), 0);
  return "0123456789A".charAt((11 - (sum % 11)) % 11) === id.slice(-1);
};

const thai = (id: string): boolean => elevenLess(id, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 10 === digit(id, 12);

const japanese = (id: string): boolean => {
  const rest = weighted(id, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest <= 1 ? 0 : 11 - rest) === digit(id, 11);
};

const israeli = (id: string): boolean => luhn(id.padStart(9, "0"));

const southAfrican = (id: string): boolean => beginsYearMonthDay(id) && luhn(id);

/** The kinds. */
export const ASIAN_IDS: readonly IdKind[] = [
  { id: "cn-resident-id", shape: String.raw`[1-8]\d{5}~\d{8}~\d{3}[\dX]`, valid: chinese, figures: 16 },
  { id: "in-aadhaar", shape: String.raw`[2-9]\d{3}(?<gap>[ -]|[ -]?\n[ \t>]{0,4})\d{4}\k<gap>\d{4}`, valid: verhoeff },
  {
    id: "in-aadhaar-bare",
    shape: String.raw`[2-9]\d{3}~\d{4}~\d{4}`,
    valid: verhoeff,
    besideOthers: true,
    context: /aadha+r|\buid(?:ai)?\b|national id|आधार/,
  },
  { id: "kr-rrn", shape: String.raw`\d{6} ?- ?\d{7}`, valid: korean },
  {
    id: "kr-rrn-named",
    shape: String.raw`\d{6} ?-? ?\d{7}`,
    valid: beginsYearMonthDay,
    context: /\brrn\b|resident registration|주민|national id|외국인/,
  },
  { id: "sg-nric", shape: String.raw`[STFGM]\d{7}[A-Z]`, valid: singaporean },
  {
    id: "tw-id",
    shape: String.raw`[A-Z][1289]\d{8}`,
    valid: taiwanese,
    besideOthers: true,
    context: /national id|身分證|身份證|taiwan|identity|\bid (?:no|number|card)/,
  },
  { id: "hk-id", shape: String.raw`[A-Z]{1,2}\d{6} ?\([\dA]\)`, valid: hongKong, letters: [1, 2] },
  {
    id: "hk-id-named",
    shape: String.raw`[A-Z]{1,2}\d{6}[\dA]`,
    valid: hongKong,
    context: /\bhkid\b|身份證|hong kong|identity|national id/,
  },
  {
    id: "my-mykad",
    shape: String.raw`\d{6}-\d{2}-\d{4}`,
    valid: beginsYearMonthDay,
  },
  { id: "th-id", shape: String.raw`\d[ -]\d{4}[ -]\d{5}[ -]\d{2}[ -]\d`, valid: thai },
  { id: "th-id-bare", shape: String.raw`[1-8]\d{12}`, valid: thai, context: /thai|บัตรประชาชน|national id|citizen id/ },
  { id: "jp-my-number", shape: String.raw`\d{4}~\d{4}~\d{4}`, valid: japanese, context: /my ?number|マイナンバー|個人番号|national id/ },
  { id: "il-id", shape: String.raw`\d{8,9}`, valid: israeli, context: /teudat|תעודת|ת ?ז|israel|national id|\bid (?:no|number)\b/ },
  { id: "ae-emirates-id", shape: String.raw`784~\d{4}~\d{7}~\d`, valid: luhn },
  { id: "pk-cnic", shape: String.raw`[1-7]\d{4}-\d{7}-[1-9]`, valid: () => true },
  {
    id: "au-tfn",
    shape: String.raw`\d{3}~\d{3}~\d{3}`,
    valid: (id) => weighted(id, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    context: /\btfn\b|tax file/,
  },
  {
    id: "au-medicare",
    shape: String.raw`[2-6]\d{3}~\d{5}~\d(?:~\d)?`,
    valid: (id) => weighted(id, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === digit(id, 8),
    context: /medicare/,
  },
  {
    id: "za-id",
    shape: String.raw`\d{6}~\d{4}~[01]\d{2}`,
    valid: southAfrican,
    besideOthers: true,
    context: /\bid (?:number|no)\b|national id|identity|south african/,
  },
  {
    id: "id-nik",
    shape: String.raw`[1-9]\d{15}`,
    valid: (id) => isShortDay(at(id, 10, 12), at(id, 8, 10), String(Number(at(id, 6, 8)) % 40)),
    context: /\bnik\b|\bktp\b|kependudukan/,
  },
];
