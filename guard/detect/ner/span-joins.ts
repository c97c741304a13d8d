/** What belongs to a name though the model left it out: the sign between two parts of one name, the full stop of an initial, a closing bracket. */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { Finding } from "../finding.ts";

type Span = Pick<Finding, "start" | "end" | "label">;

/** Between two parts of one address. */
const WITHIN_ADDRESS =
  /^(?:[ \t]{0,2}[,;]?[ \t]{0,2}\n?[ \t]{0,4}|[ ,.;\\/º°ª-]{1,3}(?:(?:\p{L}{1,7}|\d{1,6})[ ,.;\\/º°ª-]{1,3}){0,2}|-)$/u;
/** A postcode behind an address. */
const POSTCODE = /^,? (?:\d{4,6}|\d{5}-\d{3,4})(?![\p{L}\p{N}]|[.,]\d| ?[€$£%])/u;
/** Between an address and its town. */
const BEFORE_TOWN = /^,? ?$/;
/** Between a quoted last name and first name. */
const WITHIN_QUOTED_NAME = /^, ?$/;
/** Between two parts of one name, by class: hyphen, apostrophe, the full stop of an initial; in an organisation's also `&`, `/`, `+` and brackets. */
const WITHIN: Partial<Record<DataClass, RegExp>> = {
  PERSON:
    /^(?:[-‐‑'’]|\.[ -]?| | (?:(?:von|van|vom|zu|zur|de|der|den|del|della|di|da|do|dos|du|e|y|i|of|el|al|bin|ibn|la|le|ter|ten|af|av|'t) ){1,2})$/u,
  ORG: /^(?:[-‐‑'’]| ?[&/+] ?|\.[ ]?| | ?\(\p{L}{1,20}\) ?| (?:für|am|im|i|of|for|de|du|des|del|della|di|der|do|da|zu|zum|van|voor|för|på|v\/) )$/u,
  LOCATION: /^[-‐‑'’/]$/u,
};
/** A longer row of words is a list rather than one name. */
const MOST_WORDS = 4;
/** Forms of companies that end with a full stop. */
const LEGAL_FORM =
  /(?:^|[\s.,])(?:inc|ltd|ltda|co|corp|bros|llc|llp|plc|pty|pte|jr|sr|gmbh|mbh|gbr|ohg|kg|ag|cie|sa|sas|sarl|spa|srl|bv|bvba|nv|oy|ab|as|aps|kft|zrt|sro|[sbnxk](?: ?\. ?\p{L}){1,3}|o\. ?o|z ?o\. ?o)$/iu;
const INITIAL = /(?:^|[\s.-])\p{Lu}\p{M}?$/u;
/** Capitalised words, and signs between them, right before a company's name with its form. */
const FIRST_WORDS =
  /(?:(?<![\p{L}\p{N}.'’-])(?!(?:Between|For|From|To|By|With|At|In|On|And|The|Our|Your|This|Dear|Und|Von|Bei|Für|An|Die|Der|Das|Per|Pour|Para) )\p{Lu}[\p{L}\p{N}'’-]+ (?:& )?){1,3}$/u;
/** The rest of a hyphenated name. */
const REST_OF_NAME = /^(?:[-‐‑'’]\p{Lu}[\p{L}\p{M}]+){1,3}/u;

const wordsIn = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length;
const isTitleCase = (text: string): boolean => text.split(/[\s-]+/).every((word) => /^[^\p{L}]*\p{Lu}/u.test(word));

/** `Schmidt, Anna`: one word, then one word or a word and an initial, and no further name behind a comma. */
function isLastFirst(last: Span, next: Span, text: string): boolean {
  const [surname, given] = [text.slice(last.start, last.end), text.slice(next.start, next.end)];
  if (text.slice(last.end, next.start) !== ", " || wordsIn(surname) !== 1 || !isTitleCase(`${surname} ${given}`)) return false;
  if (!/^\p{L}[\p{L}\p{M}'’-]*(?: \p{Lu}\.?)?$/u.test(given)) return false;
  const isInList = /(?:,|\b(?:and|und|et|y|e|en|og|och)) $/u.test(text.slice(Math.max(0, last.start - 5), last.start));
  return !isInList && !/^\.?(?:,| (?:and|und|et|y|e|en|og|och|&)) /u.test(text.slice(next.end, next.end + 6));
}

/** True for two findings in a row that are parts of one. */
function belongTogether(last: Span, next: Span, text: string): boolean {
  const gap = text.slice(last.end, next.start);
  if (last.label === "ADDRESS" && next.label === "LOCATION")
    return BEFORE_TOWN.test(gap) && !text.slice(last.start, last.end).includes("\n");
  if (last.label !== next.label) return false;
  if (last.label === "ADDRESS") return WITHIN_ADDRESS.test(gap);
  if (last.label === "PERSON") {
    const quoted = text.charAt(last.start - 1) === '"' && text.charAt(next.end) === '"';
    if ((quoted && WITHIN_QUOTED_NAME.test(gap)) || isLastFirst(last, next, text)) return true;
  }
  if (WITHIN[last.label]?.test(gap) !== true) return false;
  // A full stop ends a sentence, except behind an initial or a form such as Inc.
  if (gap.startsWith(".") && !INITIAL.test(text.slice(last.start, last.end)) && !LEGAL_FORM.test(text.slice(last.start, last.end)))
    return false;
  const whole = text.slice(last.start, next.end);
  return !/^ $/.test(gap) || (wordsIn(whole) <= MOST_WORDS && isTitleCase(whole));
}

/** How far a finding goes when what belongs to its last word is added: the rest of a hyphenated name, a full stop, a closing bracket. */
export function widenedEnd({ start, end, label }: Span, text: string, before: number): number {
  if (label === "ADDRESS") return Math.min(before, end + (POSTCODE.exec(text.slice(end, end + 16))?.[0].length ?? 0));
  if (label !== "PERSON" && label !== "ORG") return end;
  let to = end;
  if (label === "PERSON") to += REST_OF_NAME.exec(text.slice(to, to + 60))?.[0].length ?? 0;
  const surface = text.slice(start, to);
  if (text.charAt(to) === "." && (LEGAL_FORM.test(surface) || (INITIAL.test(surface) && surface.length > 1))) to += 1;
  if (text.charAt(to) === ")" && surface.lastIndexOf("(") > surface.lastIndexOf(")")) to += 1;
  return Math.min(to, before);
}

/** Where a company's name with its form really begins: `Optik GmbH` behind `Nordlicht ` is not the whole of it. */
export function widenedStart({ start, end, label }: Span, text: string, after: number): number {
  if (label !== "ORG" || !LEGAL_FORM.test(text.slice(start, end).replace(/\.$/, ""))) return start;
  return Math.max(after, start - (FIRST_WORDS.exec(text.slice(Math.max(after, start - 60), start))?.[0].length ?? 0));
}

/** Detectors whose findings are bare names; what a rule or a list found is whole. */
const BARE = /^(?:ner|known-value$|co-reference$|email-name$|name-key$|list:deny-part$)/;

/** Findings with those joined that are parts of one name, whatever found them. In order, without overlap. */
export function withPartsJoined(findings: readonly Finding[], text: string): Finding[] {
  const joined: Finding[] = [];
  for (const finding of findings) {
    const last = joined.at(-1);
    // What reads otherwise than it is written keeps its own value.
    const isPlain = (each: Finding): boolean => BARE.test(each.detector) && each.value === text.slice(each.start, each.end);
    if (last === undefined || !isPlain(last) || !isPlain(finding) || !belongTogether(last, finding, text)) joined.push(finding);
    else {
      const score = Math.max(last.score, finding.score);
      joined[joined.length - 1] = { ...last, end: finding.end, score, value: text.slice(last.start, finding.end) };
    }
  }
  return joined;
}
