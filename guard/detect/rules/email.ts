/** E-mail addresses, also with `%40` or an HTML entity for the at sign. Source: RFC 5321 lengths, RFC 6531 letters. */
import type { Part, Rule } from "../rule.ts";

const LATIN_LIKE = String.raw`\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}\p{N}`;
const ANY_LETTER = String.raw`\p{L}\p{M}\p{N}`;
const LOCAL_MAX = 128;
const DOMAIN_MAX = 260;

/** One alphabet's patterns: what may end before the at sign, and the domain behind it. */
const alphabet = (letters: string): { local: RegExp; domain: RegExp } => ({
  local: new RegExp(String.raw`[${letters}][${letters}._%+'-]*$|[${letters}_]+$`, "u"),
  domain: new RegExp(String.raw`^(?:[${letters}-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{2,59}|\p{L}[${letters}]{1,23})`, "iu"),
});

/** Scripts with word spaces first, so that an address inside Chinese or Thai text ends where it ends. */
const ALPHABETS = [alphabet(LATIN_LIKE), alphabet(ANY_LETTER)];

/** The letters that can stand before an at sign, at most {@link LOCAL_MAX} of them: bounded work for any text. */
function before(text: string, end: number): string {
  let start = end;
  while (start > 0 && end - start < LOCAL_MAX && !/[\s"<>()[\]{}:;,@\\/|=&?#`*]/.test(text.charAt(start - 1))) start -= 1;
  return text.slice(start, end);
}

/** The service account of a code host is an address of nobody. */
const isCodeHost = (local: string, domain: string): boolean =>
  local.toLowerCase() === "git" && /^(?:github|gitlab|bitbucket)\./i.test(domain);

function accept(match: RegExpExecArray): Part | undefined {
  const at = match[0];
  const left = before(match.input, match.index);
  const right = match.input.slice(match.index + at.length, match.index + at.length + DOMAIN_MAX);
  for (const { local, domain } of ALPHABETS) {
    const user = local.exec(left)?.[0];
    const host = domain.exec(right)?.[0];
    if (user === undefined || host === undefined || isCodeHost(user, host)) continue;
    return [-user.length, at.length + host.length];
  }
  return undefined;
}

/** Rules for e-mail addresses. */
export const EMAIL_RULES: readonly Rule[] = [
  {
    label: "EMAIL",
    detector: "rule:email",
    score: 0.99,
    pattern: /@|%40|&#0{0,4}64;|&#x0{0,4}40;|&commat;/gi,
    starts: { texts: ["@", "%40", "&"] },
    accept,
  },
];
