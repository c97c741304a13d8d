/** Tells a value that someone made up or drew at random from a name, a path or a placeholder. */

/** Bits per character: a written word has less than three, random text of this length more. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/** What people write where a secret will be. */
export const isPlaceholder = (text: string): boolean =>
  /[<>{}]|\$\(|^\$[A-Za-z_({]|^%[A-Z_]+%$|\*{3}|\.\.\.|…|x{4}|your[-_ ]|[-_ ]here$|^(?:null|none|nil|undefined|true|false|required|optional|string|changeme|user(?:name)?:pass(?:word)?|redacted|example|placeholder|todo)$/i.test(
    text,
  );

const PART = String.raw`(?:[a-z]{2,}|[A-Z]{2,}|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,}){0,4}(?:[A-Z]\d{0,3}|\d{1,3})?|\d{1,3}[a-z]{1,2}|[a-z]{1,8}\d{1,3}|v?\d{1,8}|[a-zA-Z])`;
const NAME = new RegExp(`^${PART}(?:[-_./:@]${PART})+$`);
const CAMEL_NAME = /^(?:[a-z]+|[A-Z][a-z]+)\d{0,3}(?:[A-Z][a-z]{2,}\d{0,3}|[A-Z]{2,4}(?![a-z])){1,6}$/;
/** `base64url`, `sha256` and the like. */
const NUMBERED_WORD = /^[a-z]{3,12}\d{1,4}[a-z]{0,4}$/i;

/** A name of several written parts, such as `claude-sonnet-4-20250514` or `config.apiKeyV2`: no key is like that. */
export const isName = (text: string): boolean =>
  text.length <= 200 && (NAME.test(text) || CAMEL_NAME.test(text) || NUMBERED_WORD.test(text));

/** A file's path or a plain address. */
export const isPath = (text: string): boolean => /^(?:[a-z][a-z0-9+.-]{1,10}:\/\/|[A-Za-z]:\\|\.{0,2}\/[^\s]*\/|~\/)/i.test(text);

/** Letters and figures mixed well enough for a key. */
export const isRandom = (text: string): boolean =>
  /\d/.test(text) && /[A-Za-z]/.test(text) && (text.length < 12 || entropy(text) >= 3) && !isName(text) && !isPath(text);
