/** National ids of Central and Eastern Europe. Source: the registers' own descriptions of their check digits. */
import { isDay, isShortDay, mod11And10, remainder, weighted } from "../../checksums.ts";
import { at, digit, elevenLess } from "./digits.ts";
import type { IdKind } from "./id-kind.ts";

/** The month carries the century: plus 20 is 2000. */
const polish = (id: string): boolean =>
  isShortDay(at(id, 0, 2), String(Number(at(id, 2, 4)) % 20), at(id, 4, 6)) &&
  (10 - (weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digit(id, 10);

/** Polish identity card: three letters, check digit, five figures. */
const polishCard = (id: string): boolean =>
  [7, 3, 1, 9, 7, 3, 1, 7, 3].reduce((sum, weight, i) => sum + weight * Number.parseInt(id.charAt(i), 36), 0) % 10 === 0;

const czech = (id: string): boolean => {
  const month = Number(at(id, 2, 4)) % 50;
  return (
    isShortDay(at(id, 0, 2), String(month > 20 ? month - 20 : month), at(id, 4, 6)) &&
    (id.length === 9 || remainder(id, 11) === 0 || (Number(at(id, 0, 9)) % 11 === 10 && id.endsWith("0")))
  );
};

const romanian = (id: string): boolean =>
  isShortDay(at(id, 1, 3), at(id, 3, 5), at(id, 5, 7)) &&
  ((rest) => (rest === 10 ? 1 : rest))(weighted(id, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11) === digit(id, 12);

const bulgarian = (id: string): boolean =>
  isShortDay(at(id, 0, 2), String(Number(at(id, 2, 4)) % 20), at(id, 4, 6)) &&
  (weighted(id, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11) % 10 === digit(id, 9);

/** The number of the successor states of Yugoslavia: day, month, three figures of the year. */
const yugoslav = (id: string): boolean => {
  const years = Number(at(id, 4, 7));
  const check = elevenLess(id, [7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
  return (
    isDay(years < 800 ? 2000 + years : 1000 + years, Number(at(id, 2, 4)), Number(at(id, 0, 2))) &&
    (check > 9 ? 0 : check) === digit(id, 12)
  );
};

const snils = (id: string): boolean => (weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === Number(at(id, 9));

const ukrainian = (id: string): boolean => (((weighted(id, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11) + 11) % 11) % 10 === digit(id, 9);

const hungarian = (id: string): boolean =>
  (weighted(id, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11 === digit(id, 10) ||
    weighted(id, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 === digit(id, 10)) &&
  isShortDay(at(id, 1, 3), at(id, 3, 5), at(id, 5, 7));

const turkish = (id: string): boolean => {
  const odd = weighted(id, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
  const even = weighted(id, [0, 1, 0, 1, 0, 1, 0, 1]);
  return (odd * 7 - even + 100) % 10 === digit(id, 9) && (odd + even + digit(id, 9)) % 10 === digit(id, 10);
};

/** The kinds. */
export const EASTERN_IDS: readonly IdKind[] = [
  { id: "pl-pesel", shape: String.raw`\d{6}~\d{5}`, valid: polish },
  {
    id: "pl-identity-card",
    shape: String.raw`[A-Z]{3}~\d{6}`,
    valid: polishCard,
    context: /dow[oó]d|identity|\bid (?:card|no|number)\b|national id|osobist/,
  },
  { id: "cz-rodne-cislo", shape: String.raw`\d{6}\/\d{3,4}`, valid: czech },
  { id: "cz-rodne-cislo-bare", shape: String.raw`\d{9,10}`, valid: czech, context: /rodn[eé]|\br ?č\b|national id|birth number/ },
  { id: "ro-cnp", shape: String.raw`[2-8]\d{12}`, valid: romanian },
  // With a 1 it looks like milliseconds since 1970.
  { id: "ro-cnp-named", shape: String.raw`1\d{12}`, valid: romanian, besideOthers: true, context: /\bcnp\b|cod numeric|national id/ },
  {
    id: "bg-egn",
    shape: String.raw`\d{6}~\d{4}`,
    valid: bulgarian,
    besideOthers: true,
    context: /\begn\b|егн|национал|national id|civil number/,
  },
  { id: "yu-jmbg", shape: String.raw`[0-3]\d[01]\d[09]\d{2}~\d{6}`, valid: yugoslav },
  { id: "hr-oib", shape: String.raw`\d{11}`, valid: mod11And10, besideOthers: true, context: /\boib\b|national id|osobni identif/ },
  { id: "hu-personal-id", shape: String.raw`[1-8]~\d{6}~\d{4}`, valid: hungarian, context: /személyi|szemelyi|national id|personal id/ },
  { id: "ru-snils", shape: String.raw`\d{3}-\d{3}-\d{3}[ -]\d{2}`, valid: snils },
  { id: "ru-snils-bare", shape: String.raw`\d{11}`, valid: snils, context: /снилс|snils|national id/ },
  { id: "ua-rnokpp", shape: String.raw`\d{10}`, valid: ukrainian, context: /рнокпп|rnokpp|інн|national id|ipn\b|tax/ },
  { id: "tr-kimlik", shape: String.raw`[1-9]\d{2}~\d{3}~\d{3}~\d{2}`, valid: turkish },
  {
    id: "hu-taj",
    shape: String.raw`\d{3}~\d{3}~\d{3}`,
    valid: (id) => weighted(id, [3, 7, 3, 7, 3, 7, 3, 7]) % 10 === digit(id, 8),
    context: /\btaj\b|társadalombiztos/,
  },
];
