/** National identity and social-security numbers that carry a checksum or a fixed shape, and what a key or column itself calls such a number. */
import { compact, ENDS, type Rule, STARTS, wholeIf } from "../rule.ts";
import { AMERICAN_IDS } from "./ids/americas.ts";
import { ASIAN_IDS } from "./ids/asia-pacific.ts";
import { EASTERN_IDS } from "./ids/europe-east.ts";
import { NORTHERN_IDS } from "./ids/europe-north.ts";
import { WESTERN_IDS } from "./ids/europe-west.ts";
import { bareNumberOf, toRule } from "./ids/id-kind.ts";

const KINDS = [...NORTHERN_IDS, ...WESTERN_IDS, ...EASTERN_IDS, ...AMERICAN_IDS, ...ASIAN_IDS];

/** True for the bare digits of a number that needs no context and has a check digit in some country. */
export const isNationalNumber = bareNumberOf(KINDS);

/** A number that its own key or column calls a national id, of whatever country and with whatever check digit. */
const DECLARED: Rule = {
  label: "NATIONAL_ID",
  detector: "rule:declared-id",
  score: 0.6,
  pattern: new RegExp(String.raw`${STARTS}[A-Z0-9](?:[ ./+-]?[A-Z0-9]){5,19}${ENDS}`, "giu"),
  starts: { figures: 1, mixed: true },
  accept: wholeIf((id) => compact(id).replace(/\D/g, "").length >= 5),
  context:
    /^(?:[\w ]* )?(?:national(?: id| identification| identity)(?: number| no)?|ssn|social (?:security|insurance)(?: number| no)?|dni|nie|nif|nir|pesel|personnummer|fødselsnummer|henkilötunnus|nino|bsn|cpf|curp|rut|codice fiscale|steuer ?id(?:entifikationsnummer)?|identity(?: card)?(?: number| no)?|(?:personal)?ausweis(?:nummer| nr)?|(?:sozial|renten)versicherungsnummer|insee|numéro de sécurité sociale|sécurité sociale|número de identidad|carta d identità|dowód osobisty|rijksregisternummer|(?:driver s?|driving|drivers) licen[cs]e(?: number| no)?|führerschein(?:nummer)?|permis de conduire|rijbewijs(?:nummer)?|patente di guida|prawo jazdy|körkort)$/u,
};

/** Rules for national identity and social-security numbers. */
export const NATIONAL_ID_RULES: readonly Rule[] = [...KINDS.map(toRule), DECLARED];
