/** National identity, tax and social-security numbers that carry a checksum or a fixed shape. Table of countries: {@link COUNTRIES}. */
import { isDay, isShortDay, luhn, mod11And10, remainder, verhoeff, weighted } from "../checksums.ts";
import { compact, ENDS, type Rule, STARTS, wholeIf } from "../rule.ts";

/** One kind of number: how it is written, and when its letters and digits (upper case, no separators) are right. */
interface IdKind {
  readonly id: string;
  readonly shape: string;
  readonly valid: (id: string) => boolean;
  /** Set where the shape is too common to stand without a word that names it. */
  readonly context?: RegExp;
  /** Set where the check digit makes it certain enough beside other data of a person. */
  readonly besideOthers?: true;
  /** Set where lower case is not accepted, since words and hashes would match. */
  readonly upperOnly?: true;
}

const at = (id: string, from: number, to?: number): string => id.slice(from, to);
const digit = (id: string, index: number): number => Number(id.charAt(index));

const spanishLetter = (digits: string): string => "TRWAGMYFPDXBNJZSQVHLCKE".charAt(Number(digits) % 23);
const germanDigits = (id: string): boolean => {
  const counts = Array.from("0123456789", (figure) => at(id, 0, 10).split(figure).length - 1).filter((count) => count > 1);
  return counts.length === 1 && (counts[0] === 2 || counts[0] === 3) && !id.startsWith("0");
};
const frenchKey = (id: string): boolean => {
  const number = at(id, 0, 13).replace("2A", "19").replace("2B", "18");
  return 97 - remainder(number, 97) === Number(at(id, 13));
};
const ITALIAN_ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
const italianCheck = (id: string): boolean => {
  const value = (character: string): number => (/\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65);
  const sum = [...at(id, 0, 15)].reduce(
    (total, character, i) => total + (i % 2 === 0 ? (ITALIAN_ODD[value(character)] ?? 0) : value(character)),
    0,
  );
  return String.fromCharCode(65 + (sum % 26)) === id.charAt(15);
};
const swedish = (id: string): boolean => {
  const short = id.slice(-10);
  const day = Number(at(short, 4, 6));
  return isShortDay(at(short, 0, 2), at(short, 2, 4), String(day > 60 ? day - 60 : day)) && luhn(short);
};
const polish = (id: string): boolean =>
  isShortDay(at(id, 0, 2), String(Number(at(id, 2, 4)) % 20), at(id, 4, 6)) &&
  (10 - (weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digit(id, 10);
const belgian = (id: string): boolean => {
  const key = Number(at(id, 9));
  const month = Number(at(id, 2, 4)) % 20;
  return (
    month <= 12 &&
    Number(at(id, 4, 6)) <= 31 &&
    (97 - remainder(at(id, 0, 9), 97) === key || 97 - remainder(`2${at(id, 0, 9)}`, 97) === key)
  );
};
const norwegian = (id: string): boolean => {
  const day = Number(at(id, 0, 2));
  const month = Number(at(id, 2, 4));
  return (
    isShortDay(at(id, 4, 6), String(month > 40 ? month - 40 : month), String(day > 40 ? day - 40 : day)) &&
    weighted(id, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
    weighted(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
  );
};
const finnish = (id: string): boolean =>
  isShortDay(at(id, 4, 6), at(id, 2, 4), at(id, 0, 2)) &&
  "0123456789ABCDEFHJKLMNPRSTUVWXY".charAt(Number(at(id, 0, 6) + id.slice(-4, -1)) % 31) === id.slice(-1);
const brazilian = (id: string): boolean => {
  const check = (length: number): boolean => {
    const sum = [...at(id, 0, length)].reduce((total, figure, i) => total + Number(figure) * (length + 1 - i), 0);
    return ((sum * 10) % 11) % 10 === digit(id, length);
  };
  return !/^(\d)\1*$/.test(id) && check(9) && check(10);
};
const chinese = (id: string): boolean => {
  const sum = [...at(id, 0, 17)].reduce((total, figure, i) => total + Number(figure) * (2 ** (17 - i) % 11), 0);
  return isDay(Number(at(id, 6, 10)), Number(at(id, 10, 12)), Number(at(id, 12, 14))) && "10X98765432".charAt(sum % 11) === id.charAt(17);
};
const irish = (id: string): boolean => {
  const second = id.charAt(8) === "" || id.charAt(8) === "W" ? 0 : id.charCodeAt(8) - 64;
  return "WABCDEFGHIJKLMNOPQRSTUV".charAt((weighted(id, [8, 7, 6, 5, 4, 3, 2]) + 9 * second) % 23) === id.charAt(7);
};
const swiss = (id: string): boolean => (10 - (weighted(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10 === digit(id, 12);
const portuguese = (id: string): boolean => {
  const rest = weighted(id, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest < 2 ? 0 : 11 - rest) === digit(id, 8);
};
const czech = (id: string): boolean => {
  const month = Number(at(id, 2, 4)) % 50;
  return (
    isShortDay(at(id, 0, 2), String(month > 20 ? month - 20 : month), at(id, 4, 6)) &&
    (id.length === 9 || remainder(id, 11) === 0 || Number(at(id, 0, 9)) % 11 === 10)
  );
};
const danish = (id: string): boolean => isShortDay(at(id, 4, 6), at(id, 2, 4), at(id, 0, 2));
const american = (id: string): boolean =>
  !/^(?:000|666|9)|^\d{3}00|0000$/.test(id) && !["078051120", "219099999", "123456789"].includes(id);

/** The kinds, by country. */
const COUNTRIES: readonly IdKind[] = [
  { id: "us-ssn", shape: String.raw`\d{3}([ -])\d{2}\1\d{4}`, valid: american },
  { id: "us-ssn-bare", shape: String.raw`\d{9}`, valid: american, context: /\bssn\b|social security|\bitin\b|\btin\b|tax ?payer/ },
  { id: "es-dni", shape: String.raw`(?:\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?[A-Z]`, valid: (id) => spanishLetter(at(id, 0, 8)) === id.charAt(8) },
  {
    id: "es-nie",
    shape: String.raw`[XYZ][ -]?\d{7}[ -]?[A-Z]`,
    valid: (id) => spanishLetter("XYZ".indexOf(id.charAt(0)) + at(id, 1, 8)) === id.charAt(8),
  },
  { id: "de-tax-id", shape: String.raw`[1-9]\d ?\d{3} ?\d{3} ?\d{3}`, valid: (id) => germanDigits(id) && mod11And10(id) },
  { id: "fr-nir", shape: String.raw`[1-478] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}`, valid: frenchKey },
  { id: "se-personnummer", shape: String.raw`(?:19|20)?\d{6}[-+]\d{4}`, valid: swedish },
  {
    id: "se-personnummer-bare",
    shape: String.raw`(?:(?:19|20)\d{2}|\d{2})\d{8}`,
    valid: swedish,
    besideOthers: true,
    context: /person(?:nummer|nr)|samordning|national id|personal (?:id|number)/,
  },
  {
    id: "gb-nino",
    shape: String.raw`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]`,
    valid: (id) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
    upperOnly: true,
  },
  {
    id: "gb-nino-named",
    shape: String.raw`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]`,
    valid: () => true,
    besideOthers: true,
    context: /\bnino\b|national (?:insurance|id)|\bni (?:number|no)\b/,
  },
  {
    id: "it-codice-fiscale",
    shape: String.raw`[A-Z]{6} ?[\dLMNP-V]{2}[A-EHLMPR-T][\dLMNP-V]{2} ?[A-Z][\dLMNP-V]{3}[A-Z]`,
    valid: italianCheck,
  },
  {
    id: "nl-bsn",
    shape: String.raw`\d{3}[ .]?\d{3}[ .]?\d{3}`,
    valid: (id) => Number(id) > 0 && weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
    besideOthers: true,
    context: /\bbsn\b|burgerservice|sofi|national id/,
  },
  { id: "pl-pesel", shape: String.raw`\d{11}`, valid: polish },
  {
    id: "pt-nif",
    shape: String.raw`[1-9]\d{2}[ .]?\d{3}[ .]?\d{3}`,
    valid: portuguese,
    context: /\bnif\b|contribuinte|\bnipc\b|national id|tax/,
  },
  { id: "be-national-number", shape: String.raw`\d{2}[ .]?\d{2}[ .]?\d{2}[ -]?\d{3}[ .]?\d{2}`, valid: belgian },
  { id: "ch-ahv", shape: String.raw`756[ .]?\d{4}[ .]?\d{4}[ .]?\d{2}`, valid: swiss },
  { id: "no-fodselsnummer", shape: String.raw`\d{6} ?\d{5}`, valid: norwegian },
  { id: "fi-hetu", shape: String.raw`\d{6}[-+A-FU-Y]\d{3}[\dA-FHJ-NPR-Y]`, valid: finnish },
  { id: "dk-cpr", shape: String.raw`\d{6}[ -]?\d{4}`, valid: danish, context: /\bcpr\b|personnummer|national id/ },
  { id: "ie-ppsn", shape: String.raw`\d{7}[A-W][A-IW]?`, valid: irish, context: /\bpps(?:n|no)?\b|national id|\brsi\b/ },
  {
    id: "at-svnr",
    shape: String.raw`[1-9]\d{3} ?\d{6}`,
    valid: (id) => weighted(id, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === digit(id, 3),
    besideOthers: true,
    context: /\bsvnr\b|sozialversicherung|\bsv[- ]?nummer|national id/,
  },
  { id: "cz-rodne-cislo", shape: String.raw`\d{6}\/\d{3,4}`, valid: czech },
  { id: "hr-oib", shape: String.raw`\d{11}`, valid: mod11And10, besideOthers: true, context: /\boib\b|national id/ },
  { id: "ca-sin", shape: String.raw`\d{3}[ -]?\d{3}[ -]?\d{3}`, valid: luhn, context: /\bsin\b|social insurance|national id/ },
  {
    id: "au-tfn",
    shape: String.raw`\d{3} ?\d{3} ?\d{3}`,
    valid: (id) => weighted(id, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    context: /\btfn\b|tax file/,
  },
  { id: "br-cpf", shape: String.raw`\d{3}\.?\d{3}\.?\d{3}-?\d{2}`, valid: brazilian },
  { id: "in-aadhaar", shape: String.raw`[2-9]\d{3} \d{4} \d{4}`, valid: verhoeff },
  { id: "in-aadhaar-bare", shape: String.raw`[2-9]\d{11}`, valid: verhoeff, context: /aadha+r|\buid(?:ai)?\b|national id/ },
  { id: "in-pan", shape: String.raw`[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]`, valid: () => true, upperOnly: true },
  {
    id: "za-id",
    shape: String.raw`\d{6} ?\d{4} ?[01]\d{2}`,
    valid: (id) => isShortDay(at(id, 0, 2), at(id, 2, 4), at(id, 4, 6)) && luhn(id),
    context: /\bid (?:number|no)\b|national id|identity/,
  },
  { id: "cn-resident-id", shape: String.raw`[1-8]\d{16}[\dX]`, valid: chinese },
];

/** True for the bare digits of a number that needs no context and has a check digit in some country. */
export const isNationalNumber = (digits: string): boolean =>
  COUNTRIES.some(
    (kind) =>
      kind.context === undefined &&
      /^\d{10,15}$/.test(digits) &&
      new RegExp(`^(?:${kind.shape})$`, "iu").test(digits) &&
      kind.valid(digits),
  );

const toRule = (kind: IdKind): Rule => ({
  label: "NATIONAL_ID",
  detector: `rule:${kind.id}`,
  score: kind.context === undefined ? 0.9 : 0.93,
  pattern: new RegExp(STARTS + kind.shape + ENDS, kind.upperOnly === true ? "gu" : "giu"),
  accept: wholeIf(kind.valid),
  ...(kind.context === undefined ? {} : { context: kind.context }),
  ...(kind.besideOthers === undefined ? {} : { besideOthers: kind.besideOthers }),
});

/** A number that its own key or column calls a national id, of whatever country and with whatever check digit. */
const DECLARED: Rule = {
  label: "NATIONAL_ID",
  detector: "rule:declared-id",
  score: 0.6,
  pattern: new RegExp(String.raw`${STARTS}[A-Z0-9](?:[ ./+-]?[A-Z0-9]){5,19}${ENDS}`, "giu"),
  accept: wholeIf((id) => compact(id).replace(/\D/g, "").length >= 5),
  context:
    /^(?:[\w ]* )?(?:national(?: id| identification| identity)(?: number| no)?|ssn|social security(?: number| no)?|dni|nie|nif|nir|pesel|personnummer|nino|bsn|cpf|codice fiscale|steuer ?id(?:entifikationsnummer)?|steuernummer|tax ?(?:id|number|payer id)(?: number)?|passport(?: number| no)?|identity(?: card)?(?: number| no)?|ausweis(?:nummer)?|sozialversicherungsnummer|insee)$/,
};

/** Rules for national identity, tax and social-security numbers. */
export const NATIONAL_ID_RULES: readonly Rule[] = [...COUNTRIES.map(toRule), DECLARED];
