/** Secrets: keys of well-known providers, JWTs, credentials in URLs, headers and commands, and values of names that say secret. */
import type { Part, Rule } from "../rule.ts";
import { ASSIGNMENT_RULES } from "./secrets/assignment.ts";
import { PROVIDER_KEY_RULES } from "./secrets/provider-keys.ts";
import { TOLD_PASSWORD_RULES } from "./secrets/told-password.ts";
import { isPlaceholder, isRandom } from "./secrets/randomness.ts";

/** Longest token that is read as one. */
const MOST = 40_000;

/** True where the first part of a JWT is a JSON object with an algorithm. */
function isJwt(text: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(text.split(".")[0] ?? "", "base64url").toString("utf8"));
    return typeof header === "object" && header !== null && "alg" in header;
  } catch {
    return false;
  }
}

/** The first group of the match is the value. */
const group = (match: RegExpExecArray): Part => {
  const value = match[1] ?? "";
  const start = match[0].lastIndexOf(value);
  return [start, start + value.length];
};

/** The header alone is matched; the rest is walked to its end, so that a long payload or one that was cut off is covered too. */
function jwt(match: RegExpExecArray): Part | undefined {
  if (!isJwt(match[0])) return undefined;
  const rest = /^[A-Za-z0-9_.=-]*/.exec(match.input.slice(match.index + match[0].length, match.index + MOST))?.[0] ?? "";
  const body = rest.replace(/\.+$/, "");
  return body.length < 4 ? undefined : [0, match[0].length + body.length];
}

/** User and password, or either alone where it looks random; the name of a scheme stands before. */
function urlCredentials(match: RegExpExecArray): Part | undefined {
  const value = match[1] ?? "";
  if (!/[a-z0-9]/i.test(match.input.charAt(match.index - 1))) return undefined;
  const single = !value.includes(":");
  return (single && !isRandom(value)) || isPlaceholder(value) ? undefined : group(match);
}

/** What `Basic` carries is a name and a password with a colon between them. */
function basic(match: RegExpExecArray): Part | undefined {
  const value = match[1] ?? "";
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(value, "base64").toString("latin1")) || (value.length >= 20 && isRandom(value))
    ? group(match)
    : undefined;
}

const bearer = (match: RegExpExecArray): Part | undefined =>
  isRandom(match[1] ?? "") && !isPlaceholder(match[1] ?? "") ? group(match) : undefined;

const secret = (detector: string, texts: readonly string[], pattern: RegExp, accept: Rule["accept"], score: number): Rule => ({
  label: "SECRET",
  detector: `rule:${detector}`,
  score,
  pattern,
  starts: { texts },
  accept,
});

/** Rules for secrets. */
export const SECRET_RULES: readonly Rule[] = [
  ...PROVIDER_KEY_RULES,
  ...ASSIGNMENT_RULES,
  ...TOLD_PASSWORD_RULES,
  secret("jwt", ["eyJ"], /(?<![\p{L}\p{N}_])eyJ[A-Za-z0-9_-]{8,4000}\./gu, jwt, 0.97),
  secret("url-credentials", ["://"], /:\/\/([^\s"'<>/:]{0,200}:[^\s"'<>/]{1,300}|[^\s"'<>/:@]{1,200})@/g, urlCredentials, 0.995),
  secret(
    "bearer",
    ["bearer", "Bearer", "BEARER", "token ", "Token "],
    /(?:bearer|token)\s{1,3}([A-Za-z0-9._~+/=-]{16,4000})/gi,
    bearer,
    0.75,
  ),
  secret("basic", ["basic", "Basic", "BASIC"], /basic\s{1,3}([A-Za-z0-9+/]{8,2000}={0,2})/gi, basic, 0.75),
  {
    ...secret("licence-key", [], /(?<![\p{L}\p{N}_-])(?:[A-Z0-9]{4,5}-){3,5}[A-Z0-9]{4,5}(?![\p{L}\p{N}_-])/gu, licence, 0.8),
    starts: { figures: 1, mixed: true },
    context: /licen[cs]e|activation|product key|serial|\bkey\b|lizenz|clave|chiave|sleutel|klucz/,
  },
  secret(
    "command-user",
    ["-u ", "--user ", "--user=", "--password ", "--password=", "--token "],
    /(?:-u |--user[ =])["']?[^\s:"'<>$]{1,100}:([^\s"'<>$]{4,200})|--(?:password|token)[ =]["']?([^\s"'<>${}]{6,200})/g,
    commandValue,
    0.75,
  ),
];

/** Groups of letters and figures, most of them mixed. */
function licence(match: RegExpExecArray): Part | undefined {
  const mixed = match[0].split("-").filter((part) => /\d/.test(part) && /[A-Z]/.test(part));
  return mixed.length >= 2 ? [0, match[0].length] : undefined;
}

/** The value that a command is given; the match has it in one of its groups. */
function commandValue(match: RegExpExecArray): Part | undefined {
  const value = match[1] ?? match[2] ?? "";
  const start = match[0].lastIndexOf(value);
  return isPlaceholder(value) || value.startsWith("//") || !/\d|[!#%&^~?+=]/.test(value) ? undefined : [start, start + value.length];
}
