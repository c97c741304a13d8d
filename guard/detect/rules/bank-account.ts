/** Bank accounts that are no IBAN: routing numbers with their check digits, and account numbers, sort codes and BICs where they are named. */
import { remainder, weighted } from "../checksums.ts";
import { ENDS, GAP, type Rule, STARTS, whole, wholeIf } from "../rule.ts";
import { at, digit } from "./ids/digits.ts";

/** Source: ABA routing number policy; the first two figures are the Federal Reserve's districts. */
const routing = (id: string): boolean =>
  weighted(id, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0 && /^(?:0[0-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)/.test(id);

/** Mexico's CLABE: weights 3, 7, 1 over seventeen figures. */
const clabe = (id: string): boolean => {
  const sum = [...at(id, 0, 17)].reduce((total, figure, i) => total + ((Number(figure) * ([3, 7, 1][i % 3] ?? 0)) % 10), 0);
  return (10 - (sum % 10)) % 10 === digit(id, 17);
};

/** France's RIB key; letters count as on a telephone of the time. */
const rib = (id: string): boolean => {
  const figures = id.replace(/[A-Z]/g, (letter) => String((((letter.charCodeAt(0) - 65) % 9) + 1 + (letter >= "S" ? 1 : 0)) % 10));
  return remainder(figures, 97) === 0;
};

const ACCOUNT =
  /\b(?:bank )?(?:account|acct|acc|a c) ?(?:number|no|nr|num|#)|bank (?:account|acct|a c)|(?:checking|savings|payroll|beneficiary|deposit) (?:account|acct)|konto ?(?:nummer|nr|no)|bank ?konto|\bkto\b|kontonummer|num[eé]ro de compte|compte bancaire|cuenta bancaria|n[uú]mero de cuenta|numero di conto|conto corrente|\bc c\b|rekening ?(?:nummer|nr)|bankrekening|numer (?:konta|rachunku)|rachun|kontonr|bankkonto|tilinumero|conta (?:corrente|banc)|\bnuban\b|\bbban\b|routing.{1,30}account/;

const BIC = String.raw`[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?`;
/** Upper case, and a country that has banks: words of eight letters are common. */
const isBic = (bic: string): boolean =>
  /^[A-Z0-9]+$/.test(bic) && new Intl.DisplayNames("en", { type: "region", fallback: "none" }).of(at(bic, 4, 6)) !== undefined;

const named = (
  id: string,
  shape: string,
  context: RegExp,
  valid: (value: string) => boolean = () => true,
  starts: Rule["starts"] = { figures: 6 },
): Rule => ({
  label: "BANK_ACCOUNT",
  detector: `rule:${id}`,
  score: 0.925,
  pattern: new RegExp(`${STARTS}(?:${shape.replaceAll("~", GAP)})${ENDS}`, "giu"),
  starts: starts ?? {},
  accept: wholeIf(valid),
  context,
});

/** Rules for bank accounts. */
export const BANK_ACCOUNT_RULES: readonly Rule[] = [
  named("us-routing", String.raw`\d{4}~\d{4}~\d|\d{9}`, /routing|\baba\b|\brtn\b|\btransit (?:no|num)/, routing),
  named("account", String.raw`\d(?:[ -]?\d){5,19}`, ACCOUNT),
  named("gb-sort-code", String.raw`\d{2}[ -]?\d{2}[ -]?\d{2}`, /sort ?code|\bs ?c\b/),
  {
    ...named("gb-sort-code-branch", String.raw`\d{2}-\d{2}-\d{2}`, /sort ?code/),
    lead: /\bbranch ?[,:(] ?$/,
  },
  {
    // A beneficiary's line of a SWIFT message has only the account behind its slash.
    ...named("swift-account", String.raw`\d{6,34}`, /\bmt ?10[123]\b/),
    lead: /(?:^|\n):5\d[a-z]?:\/(?:[cd]\/)?$/,
  },
  named("gb-account", String.raw`\d{8}`, /sort ?code.{1,40}/),
  named(
    "account-word",
    String.raw`\d(?:[ -]?\d){6,17}`,
    /(?<!\p{L})(?:bank )?(?:account|acct|a c|konto|kto|compte|conto|cuenta|rekening|rachunek|bankers?.{1,30} a c)(?: \([^()]{1,40}\))?(?: is| ist| est| es)?[ :#]*$/u,
  ),
  {
    label: "BANK_ACCOUNT",
    detector: "rule:gb-sort-code-account",
    score: 0.9,
    pattern: new RegExp(String.raw`${STARTS}\d{2}-\d{2}-\d{2}[ ,/]{1,3}\d{8}${ENDS}`, "gu"),
    starts: { figures: 14 },
    accept: whole,
  },
  named("de-blz", String.raw`\d{3}~\d{3}~\d{2}`, /\bblz\b|bankleitzahl/),
  named("au-bsb", String.raw`\d{3}[ -]?\d{3}`, /\bbsb\b/),
  named("ca-transit", String.raw`\d{5}-\d{3}`, /transit|institution/),
  named("in-ifsc", String.raw`[A-Z]{4}0[A-Z0-9]{6}`, /\bifsc\b/, () => true, { letters: [4, 4] }),
  named("mx-clabe", String.raw`\d{3}~\d{3}~\d{11}~\d`, /clabe|cuenta|account/, clabe),
  named("es-ccc", String.raw`\d{4}~\d{4}~\d{2}~\d{10}`, /\bccc\b|cuenta|account/),
  named("fr-rib", String.raw`\d{5}~\d{5}~[A-Z0-9]{11}~\d{2}`, /\brib\b|compte|account/, rib),
  named("bic", BIC, /\bbic\b|\bswift(?: code| bic)?\b/, isBic, { letters: [4, 10] }),
  {
    label: "BANK_ACCOUNT",
    detector: "rule:bic-word",
    score: 0.9,
    pattern: new RegExp(String.raw`(?:bic|swift)(?:[ /_-]?(?:code|bic))?["']?[ \t]{0,3}[:=]?[ \t]{0,3}["']?(${BIC})${ENDS}`, "gi"),
    starts: { texts: ["BIC", "Bic", "bic", "SWIFT", "Swift", "swift"] },
    accept: (match) => (isBic(match[1] ?? "") ? [match[0].length - (match[1] ?? "").length, match[0].length] : undefined),
  },
];
