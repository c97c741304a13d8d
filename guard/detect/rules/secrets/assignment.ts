/** Values behind a name that says secret: in settings, JSON, YAML, XML, connection strings, form fields, and in a sentence. */
import type { Part, Rule } from "../../rule.ts";
import { isPath, isPlaceholder, isRandom } from "./randomness.ts";

/** Names of what a person chose: any value that no code would write is taken. */
const PASSWORD =
  /(?:passw(?:or)?d|passwort|kennwort|(?<![a-z])(?:pwd|pw)|passwd|passphrase|passcode|mot[ _-]?de[ _-]?passe|contrase[ñn]a|\bclave|senha|wachtwoord|has[łl]o|l[öo]senord|adgangskode|passord|salasana|(?<![a-z])pass|密码|密碼|パスワード|пароль)$/iu;
/** Names of what a machine drew: the value must look random. */
const KEY =
  /(?:secret|(?:api|access|auth|private|signing|encryption|master|account|shared|storage|service|app|consumer|license)[ _-]?key|(?:auth|access|refresh|bearer|session|security|api|bot|personal|deploy|id|csrf|webhook)[ _-]?token|(?<![a-z])token|client[ _-]?secret|credentials?|connection[ _-]?string|session[ _-]?(?:id|cookie)|sessionid|(?<![a-z])(?:sid|cookie|jsessionid|phpsessid)|(?<![a-z])(?:otp|totp|mfa)[ _-]?(?:secret|code|seed)|(?<![a-z])salt|bearer)$/iu;
/** What may still follow in a name: `password2`, `SECRET_KEY_BASE`, `api_key_prod`, but not `password_file` or `token_limit`. */
const SUFFIX = /(?:[ _-]?(?:key|value|base|hash|old|new|current|prod(?:uction)?|dev|test|staging|id|(?<!\d)\d{1,3}(?!\d))){0,6}$/iu;

const NAME = /([\p{L}\p{N}_.\- ]{1,48})["'`*)\]]{0,3}[ \t]{0,3}$/u;
const MARKUP_NAME = /<([\p{L}\p{N}_:.-]{1,40})(?: [^<>]{0,40})?$/u;

type Kind = "password" | "key";

/** What the name in front of the sign says. */
function kindOf(before: string, sign: string): Kind | undefined {
  const name = (sign === ">" ? MARKUP_NAME : NAME).exec(before)?.[1]?.trim();
  if (name === undefined) return undefined;
  const bare = name.replace(/(\p{Ll})(\p{Lu})/gu, "$1_$2");
  for (const candidate of [bare, bare.replace(SUFFIX, "")]) {
    if (PASSWORD.test(candidate)) return "password";
    if (KEY.test(candidate)) return "key";
  }
  return undefined;
}

/** A password of letters alone is not told from a type or a word; a figure or a sign makes it one. */
const isPassword = (value: string): boolean =>
  value.length >= 5 &&
  /\p{L}|\d{5}/u.test(value) &&
  /[\d!#%&@^~?+=€§]|[\u0080-\uffff]/.test(value) &&
  !/^[\w$.]+\.[a-z]\w*$|^(?:process|os|config|env|self|this)\b/i.test(value) &&
  !isPath(value);

const accepts = (kind: Kind, value: string): boolean =>
  !isPlaceholder(value) && (kind === "password" ? isPassword(value) : value.length >= 8 && isRandom(value));

/** The value: quoted as far as its quote, else as far as its word. */
const VALUE = String.raw`(?:"([^"\n\\]{4,400})"|'([^'\n\\]{4,400})'|\x60([^\x60\n\\]{4,400})\x60|["']?([^\s"',;&<>()[\]{}\\]{4,400}))`;

/** Place of the value in the match, and the value. */
function valueOf(match: RegExpExecArray): { start: number; value: string } {
  const value = match.slice(1).find((group) => group !== undefined) ?? "";
  return { start: match[0].lastIndexOf(value), value };
}

function accept(match: RegExpExecArray): Part | undefined {
  const { start, value } = valueOf(match);
  if (!/[\d!#%&@^~?+=€§]|[\u0080-\uffff]/.test(value)) return undefined;
  const kind = kindOf(match.input.slice(Math.max(0, match.index - 64), match.index), match[0].charAt(0));
  return kind !== undefined && accepts(kind, value) ? [start, start + value.length] : undefined;
}

/** `password is …` and the like. */
const SAID = String.raw`(?:[ \t]+(?:for|of|für|pour|para|per|voor|to)[ \t]+[^\s]{1,40}(?:[ \t]+[^\s]{1,40}){0,3})?[ \t]*(?:is(?: now)?|was|lautet|ist|est|es|è|jest|är|er|on|:)[ \t]*:?[ \t]*`;
const WORDS = [
  "password",
  "passwort",
  "kennwort",
  "passphrase",
  "passcode",
  "wachtwoord",
  "senha",
  "contrase",
  "clave",
  "mot de passe",
  "haslo",
  "hasło",
  "adgangskode",
  "passord",
  "salasana",
  "pin",
];
const inCases = (word: string): string[] => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()];

function acceptSaid(match: RegExpExecArray): Part | undefined {
  const { start, value } = valueOf(match);
  const trimmed = value.replace(/[.:)]+$/, "");
  const kept = /[\d#%&@^~+=€§]/.test(trimmed) ? trimmed : value;
  return accepts("password", kept) ? [start, start + kept.length] : undefined;
}

/** Rules for assignments. */
export const ASSIGNMENT_RULES: readonly Rule[] = [
  {
    label: "SECRET",
    detector: "rule:assignment",
    score: 0.7,
    pattern: new RegExp(String.raw`(?:=>|:=|==?|::?|>|%3D|(?<=["']),(?=[ ]?["']))[ \t]{0,3}(?:\r?\n[ \t]{1,8})?${VALUE}`, "gu"),
    starts: { texts: [":", "=", ">", "%3D", ","] },
    accept,
  },
  {
    label: "SECRET",
    detector: "rule:said-password",
    score: 0.7,
    pattern: new RegExp(String.raw`(?:${WORDS.join("|")})(?:ña|na)?${SAID}${VALUE}`, "giu"),
    starts: { texts: WORDS.flatMap(inCases).filter((word) => /^[a-z]/i.test(word)) },
    accept: acceptSaid,
  },
];
