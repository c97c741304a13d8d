/** Private-key blocks (PEM, OpenSSH, PGP, SSH2, PuTTY), also cut off before their end. */
import type { Part, Rule } from "../rule.ts";

const BEGIN = /-{4,5} ?BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g;
const END = /-{4,5} ?END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}/;
const BLOCK_MAX = 20_000;

const BODY = /^[\sA-Za-z0-9+/=\\:,.()>-]*/;

/** A body has begun: source code that only names the marker has none. */
const BEGUN = /^(?:\s|\\+[nrt]|>)*[A-Za-z0-9+/=]{2}/;

/** From the begin line to the end line; without one, as far as the text looks like a key's body. */
function accept(match: RegExpExecArray): Part | undefined {
  const rest = match.input.slice(match.index + match[0].length, match.index + BLOCK_MAX);
  if (!BEGUN.test(rest)) return undefined;
  const end = END.exec(rest);
  const body = end === null ? (BODY.exec(rest)?.[0].trimEnd().length ?? 0) : end.index + end[0].length;
  return [0, match[0].length + body];
}

/** A PuTTY file ends with the line of its check sum. */
function putty(match: RegExpExecArray): Part {
  const rest = match.input.slice(match.index + match[0].length, match.index + BLOCK_MAX);
  const end = /Private-MAC: [0-9a-f]{40,64}/.exec(rest);
  return [0, match[0].length + (end === null ? rest.trimEnd().length : end.index + end[0].length)];
}

/** Rules for private keys. */
export const PRIVATE_KEY_RULES: readonly Rule[] = [
  { label: "SECRET", detector: "rule:private-key", score: 1, pattern: BEGIN, starts: { texts: ["----"] }, accept },
  {
    label: "SECRET",
    detector: "rule:putty-key",
    score: 1,
    pattern: /PuTTY-User-Key-File-\d: /g,
    starts: { texts: ["PuTTY-User-Key-File-"] },
    accept: putty,
  },
];
