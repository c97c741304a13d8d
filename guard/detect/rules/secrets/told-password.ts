/** Passwords that a sentence tells: `the password is …`, `le wifi c'est …`, and the arguments of a call that takes a name and a password. */
import type { Part, Rule } from "../../rule.ts";
import { isPlaceholder, isRandom } from "./randomness.ts";

const VALUE = String.raw`["'“„«\x60]?([^\s"',;<>()[\]{}\\“”„«»\x60]{8,100})`;
const IS = String.raw`(?:is|['’]s|was|now|war|ist|lautet|c['’]est|est|était|es|era|è|är|er|var|to|jest|to jest|:|=|->|→)`;
const WORDS = [
  "password",
  "passwort",
  "kennwort",
  "passphrase",
  "wachtwoord",
  "contraseña",
  "mot de passe",
  "hasło",
  "haslo",
  "lösenord",
  "adgangskode",
  "passord",
  "salasana",
  "wifi",
  "wi-fi",
  "wlan",
  "snmp",
  "community",
];
const inCases = (word: string): string[] => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()];

const CLASSES = [/\p{Ll}/u, /\p{Lu}/u, /\d/, /[!#$%&*?@^~_+=€§/-]/];
const classesIn = (text: string): number => CLASSES.filter((kind) => kind.test(text)).length;

/** Farther from its word, only what no sentence has is a password: figures, and letters of both cases with a sign, or drawn at random. */
const isMadeUp = (text: string): boolean =>
  /\d/.test(text) &&
  classesIn(text) >= 3 &&
  !isPlaceholder(text) &&
  !/^(?:https?:|v?\d+\.\d|[\d.,:/-]+\p{L}{0,3}$|\d{4}-\d{2})/u.test(text) &&
  hasSign(text);
const hasSign = (text: string): boolean => /\p{L}[^\s]*[!#$%&*?@^~_+=€§-]|[!#$%&*?@^~_+=€§][^\s]*\p{L}/u.test(text) || isRandom(text);

function acceptTold(match: RegExpExecArray): Part | undefined {
  const value = (match[1] ?? "").replace(/[.:?)]+$/, "");
  const start = match[0].length - (match[1] ?? "").length;
  return isMadeUp(value) ? [start, start + value.length] : undefined;
}

const CALLS = [
  "NetworkCredential(",
  "PasswordAuthentication(",
  "UsernamePasswordCredentials(",
  "UsernamePasswordAuthenticationToken(",
  "HTTPBasicAuth(",
  "BasicAuth(",
  "SetBasicAuth(",
  "basic_auth(",
];

/** The second of two quoted arguments. */
function acceptArgument(match: RegExpExecArray): Part | undefined {
  const value = match[2] ?? "";
  const start = match[0].length - 1 - value.length;
  return isPlaceholder(value) || /^pass(?:word)?$/i.test(value) ? undefined : [start, start + value.length];
}

/** Rules for passwords in sentences and calls. */
export const TOLD_PASSWORD_RULES: readonly Rule[] = [
  {
    label: "SECRET",
    detector: "rule:told-password",
    score: 0.7,
    pattern: new RegExp(
      String.raw`(?:${WORDS.join("|")})(?![\p{L}\p{N}_/\\=])[^\n]{0,60}?(?<![\p{L}\p{N}_])${IS}[ \t]{1,3}(?=[^\s]{0,60}\d)${VALUE}`,
      "giu",
    ),
    starts: { texts: WORDS.flatMap(inCases) },
    accept: acceptTold,
  },
  {
    label: "SECRET",
    detector: "rule:password-argument",
    score: 0.75,
    pattern: /[a-z_]{5,40}\(\s{0,4}(?:"[^"\n]{1,100}"|'[^'\n]{1,100}'|[\w.]{1,60}),\s{0,4}(["'])([^"'\n]{4,200})\1/gi,
    starts: { texts: CALLS },
    accept: acceptArgument,
  },
  {
    // What a script turns over is named by its age alone.
    label: "SECRET",
    detector: "rule:turned-over-secret",
    score: 0.65,
    pattern: /(?:OLD|NEW|PREV|PREVIOUS|CURRENT)(?:_[A-Z]{1,20})?=["']?([A-Za-z0-9+/_-]{24,200})/g,
    starts: { texts: ["OLD", "NEW", "PREV", "CURRENT"] },
    accept: (match) => {
      const value = match[1] ?? "";
      return isRandom(value) && classesIn(value) >= 3 ? [match[0].length - value.length, match[0].length] : undefined;
    },
    lead: /(?:rotat|secret|passw|credential|api[ _-]?key|signing[ _-]?key|token)[\s\S]{0,140}$/,
  },
];
