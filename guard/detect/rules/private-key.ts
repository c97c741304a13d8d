/** Private-key blocks (PEM, OpenSSH, PGP), also cut off before their end line. */
import type { Part, Rule } from "../rule.ts";

const BEGIN = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/;
const BLOCK_MAX = 20_000;

/** From the begin line to the end line; without one, as far as the text looks like a key's body. */
function accept(match: RegExpExecArray): Part {
  const rest = match.input.slice(match.index + match[0].length, match.index + BLOCK_MAX);
  const end = END.exec(rest);
  const body = end === null ? (/^[\sA-Za-z0-9+/=\\:,.()-]*/.exec(rest)?.[0].trimEnd().length ?? 0) : end.index + end[0].length;
  return [0, match[0].length + body];
}

/** Rules for private keys. */
export const PRIVATE_KEY_RULES: readonly Rule[] = [{ label: "SECRET", detector: "rule:private-key", score: 1, pattern: BEGIN, accept }];
