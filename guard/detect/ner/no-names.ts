/** Tells identifiers, codes and technical terms from names: a model of names takes some of them for one. */
import type { Finding } from "../finding.ts";
import { CIVILITIES, PEOPLES } from "./plain-words.ts";

/** Terms of computing and bookkeeping that name nobody, and words of Goose's own prompt and tools: who makes it, and one that the model takes for a name. Lower case. */
const TERMS = new Set(
  `json yaml xml csv tsv html css pdf sql api apis url uri urls http https ssh tls tcp udp ip dns ldap jwt jwk jwks oidc oauth saml mcp acp cli gui ide sdk llm
  ai ml nlp ner id ids uuid guid sha utf utc gmt iso rfc ascii markdown unix linux macos windows bash zsh node npm npx git github docker goose gaggle aaif
  iban bic vat gdpr ssn pin otp eur usd gbp chf sek nok dkk pln todo faq eta asap fyi n/a tbd q1 q2 q3 q4 kpi sla crm erp hr it
  string boolean integer int uint int32 int64 uint32 uint64 bool float double enum array object null nan
  quorum
  total subtotal net gross debit credit balance amount period status date name email e-mail phone address city country vendor supplier customer`
    .split(/\s+/)
    .concat("agentic ai foundation", "override llm"),
);

/** `targetRole`, `step_id`. */
const IDENTIFIER = /^(?:\p{Ll}+\p{Lu}[\p{L}\p{N}]*|[\p{L}\p{N}]*_[\p{L}\p{N}_]*)$/u;
/** `PO-E-4102`, `R-17`, `4f2a9c`, `INV/2026/88`: no blank, a figure, no longer word. */
const CODE = /^(?=\S*\p{N})(?!\S*\p{L}{4})\S+$/u;
/** A postcode with its country, such as `D-10115`, or of figures alone. */
const POSTCODE = /^(?:(?:A|B|CH|D|DK|F|FIN|I|L|N|NL|PL|S|SE)-)?\d{2,3}[- ]?\d{2,3}$/;

const isKey = (text: string, { start, end, value }: Finding): boolean =>
  text.charAt(start - 1) === '"' && /^"\s?:/.test(text.slice(end, end + 3)) && /^\p{Ll}[\p{L}\p{N}_-]*$/u.test(value);

/** `b. targetRole`: a list's mark taken for an initial, and identifiers or terms alone. */
function isMarkedTerm(value: string): boolean {
  const words = value.split(/\s+/).filter((word) => !/^\p{L}\.$/u.test(word));
  return words.length > 0 && words.every((word) => IDENTIFIER.test(word) || TERMS.has(word.toLowerCase()));
}

/** True for a finding of the model that can be no name. */
export function isNoName(finding: Finding, text: string): boolean {
  const { label, value } = finding;
  if (label === "DATE") return false;
  const plain = value.toLowerCase();
  if (
    TERMS.has(plain) ||
    CIVILITIES.has(plain) ||
    (label !== "PERSON" && PEOPLES.has(plain)) ||
    isMarkedTerm(value) ||
    isKey(text, finding)
  )
    return true;
  return CODE.test(value) && !(label === "ADDRESS" && POSTCODE.test(value));
}
