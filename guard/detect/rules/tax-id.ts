/** Tax numbers: VAT numbers of Europe, and those of other countries that carry a check digit or are named. */
import { isDay, isShortDay, luhn, remainder, weighted } from "../checksums.ts";
import { compact, ENDS, GAP, type Rule, STARTS, wholeIf } from "../rule.ts";
import { at, base36, digit, elevenLess } from "./ids/digits.ts";
import { type IdKind, toRule } from "./ids/id-kind.ts";
import { italianVat, spanishCompany, VAT_KINDS, type VatKind } from "./ids/vat-europe.ts";

const VAT_CONTEXT =
  /\bvat\b|ust[- ]?id|umsatzsteuer|\btva\b|\biva\b|\bbtw\b|\bmoms\b|\bmva\b|\balv\b|\bnip\b|partita|\bp ?iva\b|\buid\b|\bdič\b|\bdph\b|tax/;

/** Behind the country's letters the number stands by itself; without them it must be named. */
const withCountry = ({ country, shape, valid }: VatKind): Rule => ({
  label: "TAX_ID",
  detector: `rule:vat-${country.toLowerCase()}`,
  score: 0.94,
  pattern: new RegExp(`${STARTS}${country}${GAP}(?:${shape.replaceAll("~", GAP)})${ENDS}`, "giu"),
  starts: { letters: [country.length, country.length + 2] },
  accept: wholeIf((id) => valid(id.slice(country.length))),
});

const withoutCountry = ({ country, shape, valid }: VatKind): Rule => ({
  label: "TAX_ID",
  detector: `rule:vat-${country.toLowerCase()}-named`,
  score: 0.935,
  pattern: new RegExp(`${STARTS}(?:${shape.replaceAll("~", GAP)})${ENDS}`, "giu"),
  starts: { figures: 6, letters: [1, 2] },
  accept: wholeIf(valid),
  context: VAT_CONTEXT,
});

const brazilian = (id: string): boolean =>
  !/^(\d)\1*$/.test(id) &&
  (elevenLess(id, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 === digit(id, 12) &&
  (elevenLess(id, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 === digit(id, 13);
/** Fourteen figures that begin with a day are more often a time. */
const isStamp = (id: string): boolean => /^(?:19|20)/.test(id) && isDay(Number(at(id, 0, 4)), Number(at(id, 4, 6)), Number(at(id, 6, 8)));

const australian = (id: string): boolean => (weighted(id, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 === 0;

const gstin = (id: string): boolean => {
  const sum = [...at(id, 0, 14)].reduce((total, character, i) => {
    const product = base36(character) * (i % 2 === 0 ? 1 : 2);
    return total + Math.floor(product / 36) + (product % 36);
  }, 0);
  return (36 - (sum % 36)) % 36 === base36(id.charAt(14));
};

const argentinian = (id: string): boolean => elevenLess(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 === digit(id, 10);

const RFC_VALUES = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";
const rfc = (id: string): boolean => {
  const padded = id.padStart(13, " ");
  const sum = [...at(padded, 0, 12)].reduce((total, character, i) => total + RFC_VALUES.indexOf(character) * (13 - i), 0);
  return (
    isShortDay(at(padded, 4, 6), at(padded, 6, 8), at(padded, 8, 10)) && "0123456789A".charAt((11 - (sum % 11)) % 11) === padded.charAt(12)
  );
};

const inn = (id: string): boolean =>
  id.length === 10
    ? (weighted(id, [2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10 === digit(id, 9)
    : (weighted(id, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10 === digit(id, 10) &&
      (weighted(id, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10 === digit(id, 11);

/** Prefixes of the campuses that issue EINs leave these out. */
const ein = (id: string): boolean => !/^(?:0[0789]|1[789]|[24]9|[78]9|69)/.test(id);

const KINDS: readonly IdKind[] = [
  { id: "us-ein", shape: String.raw`\d{2}-?\d{7}`, valid: ein, context: /\bein\b|\bfein\b|employer id|tax|\btin\b|irs\b/ },
  { id: "us-itin", shape: String.raw`9\d{2}([ -])(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}`, valid: () => true },
  { id: "us-itin-bare", shape: String.raw`9\d{2}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\d{4}`, valid: () => true, context: /\bitin\b|tax/ },
  { id: "br-cnpj", shape: String.raw`\d{2}\.\d{3}\.\d{3}\/\d{4}-\d{2}`, valid: brazilian },
  { id: "br-cnpj-bare", shape: String.raw`\d{14}`, valid: (id) => brazilian(id) && !isStamp(id) },
  { id: "au-abn", shape: String.raw`\d{2} \d{3} \d{3} \d{3}`, valid: australian },
  { id: "au-abn-bare", shape: String.raw`\d{2}~\d{3}~\d{3}~\d{3}`, valid: australian, context: /\babn\b|business number|tax/ },
  { id: "in-gstin", shape: String.raw`[0-3]\d[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]`, valid: gstin, figures: 2 },
  { id: "in-pan", letters: [5, 5], shape: String.raw`[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]`, valid: () => true, upperOnly: true },
  {
    id: "in-pan-named",
    letters: [5, 5],
    shape: String.raw`[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]`,
    valid: () => true,
    context: /\bpan\b|permanent account/,
  },
  { id: "ca-business-number", shape: String.raw`\d{9} ?(?:RT|RP|RC|RZ) ?\d{4}`, valid: (id) => luhn(at(id, 0, 9)) },
  { id: "ar-cuit", shape: String.raw`(?:2[03467]|3[034])-\d{8}-\d`, valid: argentinian },
  { id: "ar-cuit-bare", shape: String.raw`(?:2[03467]|3[034])\d{9}`, valid: argentinian, context: /\bcui[tl]\b/ },
  { id: "mx-rfc", letters: [3, 4], shape: String.raw`[A-ZÑ&]{3,4}~\d{6}~[A-Z0-9]{2}[0-9A]`, valid: rfc, upperOnly: true },
  { id: "ru-inn", shape: String.raw`\d{12}|\d{10}`, valid: inn, context: /(?<!\p{L})инн|\binn\b/u },
  {
    id: "de-steuernummer",
    shape: String.raw`\d{2,3}[ /]\d{3,4}[ /]\d{4,5}|\d{10,13}`,
    valid: () => true,
    context: /steuer ?n|\bst ?nr\b|\btax (?:no|number|id)/,
  },
  { id: "de-steuernummer-slashes", shape: String.raw`\d{2,3}\/\d{3}\/\d{5}`, valid: () => true },
  { id: "fr-siret", shape: String.raw`\d{3}~\d{3}~\d{3}(?:~\d{5})?`, valid: luhn, context: /\bsire[nt]\b/ },
  {
    id: "fr-numero-fiscal",
    shape: String.raw`[0-3]\d~\d{2}~\d{3}~\d{3}~\d{3}`,
    valid: (id) => Number(at(id, 0, 10)) % 511 === Number(at(id, 10)),
    context: /fiscal|\bspi\b|\btin\b|tax/,
  },
  { id: "es-cif", shape: String.raw`[ABCDEFGHJNP-SUVW]-?\d{7}-?[0-9A-J]`, valid: spanishCompany, context: /\bcif\b|\bnif\b|\btax/ },
  { id: "it-partita-iva", shape: String.raw`\d{11}`, valid: italianVat, context: /partita|\bp ?iva\b|\biva\b|fiscale/ },
  { id: "gb-utr", shape: String.raw`\d{5} ?\d{5}`, valid: () => true, context: /\butr\b|unique taxpayer/ },
  {
    id: "pl-nip",
    shape: String.raw`\d{3}~\d{3}~\d{2}~\d{2}|\d{3}~\d{2}~\d{2}~\d{3}`,
    valid: (id) => weighted(id, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === digit(id, 9),
    context: /\bnip\b/,
  },
  { id: "nz-ird", shape: String.raw`\d{2,3}~\d{3}~\d{3}`, valid: () => true, context: /\bird\b|inland revenue/ },
  { id: "za-tax", shape: String.raw`[01239]\d{9}`, valid: luhn, context: /tax|\bsars\b/ },
  { id: "co-nit", shape: String.raw`\d{3}\.?\d{3}\.?\d{3}-\d`, valid: () => true, context: /\bnit\b/ },
  {
    id: "be-enterprise",
    shape: String.raw`[01]\d{3}\.\d{3}\.\d{3}`,
    valid: (id) => 97 - remainder(at(id, 0, 8), 97) === Number(at(id, 8)),
  },
];

/** A number that its own key or column calls a tax number. */
const DECLARED: Rule = {
  label: "TAX_ID",
  detector: "rule:declared-tax-id",
  score: 0.62,
  pattern: new RegExp(String.raw`${STARTS}[A-Z0-9](?:[ ./+-]?[A-Z0-9]){5,19}${ENDS}`, "giu"),
  starts: { figures: 1, mixed: true },
  accept: wholeIf((id) => compact(id).replace(/\D/g, "").length >= 5),
  context:
    /^(?:[\w ]* )?(?:tax ?(?:id|number|payer id|no)(?: number)?|steuernummer|vat(?: id| reg)?(?: number| no)?|ust ?id(?: nr)?|numéro de tva|partita iva|btw nummer|itin|ein|gstin|cnpj|abn)$/u,
};

/** Rules for tax numbers. */
export const TAX_ID_RULES: readonly Rule[] = [
  ...VAT_KINDS.map(withCountry),
  ...VAT_KINDS.map(withoutCountry),
  ...KINDS.map((kind) => toRule({ label: "TAX_ID", ...kind })),
  DECLARED,
];
