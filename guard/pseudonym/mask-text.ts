/** Replaces findings by tokens, and text that looks like a token by a token of its own, so that restoring gives back exactly the text. */
import type { Finding } from "../detect/finding.ts";
import { possessiveLength } from "./normalise.ts";
import { isIssuable, MAX_TOKEN_LENGTH, OPEN_TOKEN, type TokenClass, tokenPattern } from "./token-form.ts";
import type { TokenSession } from "./token-sessions.ts";

/** A part of a text that is replaced. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly tokenClass: TokenClass;
  readonly value: string;
}

/** How often each class was masked. */
export type Redactions = Map<string, number>;

/** Everything in a text that reads like a token. */
function literals(text: string): Span[] {
  // No token is without one, and most texts are.
  if (!text.includes("_")) return [];
  const pattern = tokenPattern();
  const spans: Span[] = [];
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    pattern.lastIndex = match.index + 1;
    if (!isIssuable(match[0])) continue;
    spans.push({ start: match.index, end: match.index + match[0].length, tokenClass: "LITERAL", value: match[0] });
    pattern.lastIndex = match.index + match[0].length;
  }
  return spans;
}

const NAMES: ReadonlySet<string> = new Set(["PERSON", "ORG", "LOCATION"]);

/** A finding as a span; a name's possessive ending stays outside, so that `Anna's` reads `PERSON_…'s`. */
function spanOf({ start, end, label, value }: Finding, text: string): Span {
  const tail = NAMES.has(label) ? possessiveLength(text.slice(start, end)) : 0;
  const cut = tail > 0 && text.slice(end - tail, end) === value.slice(-tail) ? tail : 0;
  return { start, end: end - cut, tokenClass: label, value: value.slice(0, value.length - cut) };
}

/** Findings and literals in order; where they overlap, one span of the finding's class covers both. */
function join(findings: readonly Finding[], text: string): Span[] {
  const found = findings.map((finding) => spanOf(finding, text));
  const spans: Span[] = [];
  for (const span of [...found, ...literals(text)].toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = spans.at(-1);
    if (last === undefined || span.start >= last.end) {
      spans.push(span);
      continue;
    }
    const end = Math.max(last.end, span.end);
    const tokenClass = last.tokenClass === "LITERAL" ? span.tokenClass : last.tokenClass;
    const same = end === last.end && tokenClass === last.tokenClass;
    spans[spans.length - 1] = same ? last : { start: last.start, end, tokenClass, value: text.slice(last.start, end) };
  }
  return spans;
}

/** The end of the text before a token that would swallow the token's first letters as its own code, or undefined. */
function openTail(text: string, from: number, to: number): Span | undefined {
  const near = text.slice(Math.max(from, to - MAX_TOKEN_LENGTH), to);
  const tail = near.includes("_") ? OPEN_TOKEN.exec(near)?.[0] : undefined;
  return tail === undefined ? undefined : { start: to - tail.length, end: to, tokenClass: "LITERAL", value: tail };
}

/**
 * Masks a text.
 * @param findings what the detector found in exactly this text
 * @param session issues the tokens
 * @param redactions counts are added here; literals are not counted, since nothing personal was found
 * @param wrap writes a token at its place, for example in quotes where a JSON number stood
 * @throws GaggleError GUARD_REFUSED when the session holds too many values
 */
export function maskText(
  text: string,
  findings: readonly Finding[],
  session: TokenSession,
  redactions: Redactions,
  wrap: (token: string, span: { start: number; end: number }) => string = (token) => token,
): string {
  const parts: string[] = [];
  let done = 0;
  session.meet(findings);
  const replace = (span: Span): void => {
    const surface = text.slice(span.start, span.end);
    parts.push(text.slice(done, span.start), wrap(session.tokenFor(span.tokenClass, { surface, value: span.value }), span));
    if (span.tokenClass !== "LITERAL") redactions.set(span.tokenClass, (redactions.get(span.tokenClass) ?? 0) + 1);
    done = span.end;
  };
  for (const span of join(findings, text)) {
    const tail = openTail(text, done, span.start);
    if (tail !== undefined) replace(tail);
    replace(span);
  }
  parts.push(text.slice(done));
  return parts.join("");
}
