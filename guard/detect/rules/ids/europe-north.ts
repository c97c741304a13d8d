/** National ids of the Nordic and Baltic countries. Source: the registers' own descriptions of their check digits. */
import { isDay, isShortDay, luhn, weighted } from "../../checksums.ts";
import { at, beginsDayMonthYear, digit, elevenLess } from "./digits.ts";
import type { IdKind } from "./id-kind.ts";

const swedish = (id: string): boolean => {
  const short = id.slice(-10);
  const day = Number(at(short, 4, 6));
  return isShortDay(at(short, 0, 2), at(short, 2, 4), String(day > 60 ? day - 60 : day)) && luhn(short);
};

/** Day plus 40 is a D-number, month plus 40 a synthetic one (plus 80 for tests). */
const norwegian = (id: string): boolean => {
  const day = Number(at(id, 0, 2));
  return (
    isShortDay(at(id, 4, 6), String(Number(at(id, 2, 4)) % 40), String(day > 40 ? day - 40 : day)) &&
    weighted(id, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
    weighted(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
  );
};

const finnish = (id: string): boolean =>
  beginsDayMonthYear(id) && "0123456789ABCDEFHJKLMNPRSTUVWXY".charAt(Number(at(id, 0, 6) + id.slice(-4, -1)) % 31) === id.slice(-1);

const icelandic = (id: string): boolean => {
  const day = Number(at(id, 0, 2));
  return (
    isShortDay(at(id, 4, 6), at(id, 2, 4), String(day > 40 ? day - 40 : day)) &&
    elevenLess(id, [3, 2, 7, 6, 5, 4, 3, 2]) % 11 === digit(id, 8) &&
    /[089]$/.test(id)
  );
};

/** Estonia and Lithuania: a second row of weights where the first leaves ten. */
const baltic = (id: string): boolean => {
  const century = 1800 + Math.floor((digit(id, 0) - 1) / 2) * 100;
  const first = weighted(id, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
  const second = weighted(id, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
  const check = first < 10 ? first : second % 10;
  return isDay(century + Number(at(id, 1, 3)), Number(at(id, 3, 5)), Number(at(id, 5, 7))) && check === digit(id, 10);
};

const latvian = (id: string): boolean => ((1101 - weighted(id, [1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11) % 10 === digit(id, 10);

/** The kinds. */
export const NORTHERN_IDS: readonly IdKind[] = [
  { id: "se-personnummer", shape: String.raw`(?:19|20)?\d{6} ?[-+] ?\d{4}`, valid: swedish, figures: 6 },
  {
    id: "se-personnummer-bare",
    shape: String.raw`(?:(?:19|20)\d{2}|\d{2})\d{4} ?\d{4}`,
    valid: swedish,
    besideOthers: true,
    context: /person(?:nummer|nr)|samordning|national id|personal (?:id|number)/,
  },
  { id: "no-fodselsnummer", shape: String.raw`\d{6}~\d{5}`, valid: norwegian },
  { id: "fi-hetu", shape: String.raw`\d{6}[-+A-FU-Y]\d{3}[\dA-FHJ-NPR-Y]`, valid: finnish, figures: 6 },
  {
    id: "dk-cpr",
    shape: String.raw`\d{6}[ -]?\d{4}`,
    valid: beginsDayMonthYear,
    besideOthers: true,
    context: /\bcpr\b|person ?(?:nummer|nr)|national id/,
  },
  { id: "is-kennitala", shape: String.raw`\d{6}-\d{4}`, valid: icelandic },
  { id: "is-kennitala-bare", shape: String.raw`\d{6} ?\d{4}`, valid: icelandic, context: /kennital|\bkt\b|national id/ },
  { id: "baltic-personal-code", shape: String.raw`[1-8]\d{10}`, valid: baltic },
  {
    id: "lv-personas-kods",
    shape: String.raw`\d{6}~\d{5}`,
    valid: latvian,
    besideOthers: true,
    context: /personas kod|national id|personal code/,
  },
];
