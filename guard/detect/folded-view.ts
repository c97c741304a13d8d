/**
 * A text as a reader sees it, for detection only: JSON escapes of any depth decoded, full-width forms, odd spaces and dashes
 * folded, invisible characters dropped. Every character knows where it stands in the source, so spans can be mapped back.
 */
import { GaggleError } from "../../mesh/contract/errors.ts";

/** The folded text; character `i` comes from `starts[i]` to `ends[i]` (exclusive) of the source. */
export interface FoldedView {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const FOLDABLE = /[\\\u00a0\u00ad\u2000-\u200f\u2010-\u2015\u202a-\u202f\u205f-\u2064\u2212\u3000\ufeff\uff01-\uff5e]/;
/** The same, each in turn; a backslash that is left stays. */
const FOLDABLE_EACH = new RegExp(FOLDABLE, "g");
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Levels of escapes that are read. JSON in JSON doubles its backslashes at each, so real texts have a handful. */
const MAX_LEVELS = 40;

/** One character folded; an invisible one becomes the empty text. */
function fold(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0xa0) return character;
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  if (code === 0xa0 || code === 0x3000 || code === 0x202f || code === 0x205f || (code >= 0x2000 && code <= 0x200a)) return " ";
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212) return "-";
  if (
    code === 0xad ||
    code === 0xfeff ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x2064)
  )
    return "";
  return character;
}

/** Copies a view, with some of its parts replaced by one character or none. */
function rewrite(view: FoldedView, pattern: RegExp, character: (match: RegExpExecArray) => string): FoldedView {
  const starts: number[] = [];
  const ends: number[] = [];
  const text: string[] = [];
  let from = 0;
  const copy = (to: number): void => {
    for (let i = from; i < to; i += 1) {
      starts.push(view.starts[i] ?? 0);
      ends.push(view.ends[i] ?? 0);
    }
    text.push(view.text.slice(from, to));
  };
  for (const match of view.text.matchAll(pattern)) {
    copy(match.index);
    from = match.index + match[0].length;
    const replaced = character(match);
    if (replaced === "") continue;
    text.push(replaced);
    starts.push(view.starts[match.index] ?? 0);
    ends.push(view.ends[from - 1] ?? 0);
  }
  copy(view.text.length);
  return { text: text.join(""), starts, ends };
}

const unescaped = ([, hex, simple = ""]: RegExpExecArray): string =>
  hex === undefined ? (SIMPLE_ESCAPES[simple] ?? simple) : String.fromCharCode(Number.parseInt(hex, 16));

/** The view with one level of escapes after another decoded, exactly as JSON does, until none is left. */
function decode(view: FoldedView): FoldedView {
  let decoded = view;
  for (let level = 0; decoded.text.search(ESCAPE) >= 0; level += 1) {
    if (level === MAX_LEVELS)
      throw new GaggleError("GUARD_REFUSED", "The text nests escapes in escapes too deeply to be checked; send it plain.");
    decoded = rewrite(decoded, ESCAPE, unescaped);
  }
  return decoded;
}

/**
 * The folded view of a text, or undefined where folding changes nothing.
 * @throws GaggleError GUARD_REFUSED for escapes nested more than {@link MAX_LEVELS} levels deep
 */
export function foldedView(source: string): FoldedView | undefined {
  if (!FOLDABLE.test(source)) return undefined;
  const places = Array.from({ length: source.length }, (_, i) => i);
  const decoded = decode({ text: source, starts: places, ends: places.map((place) => place + 1) });
  return rewrite(decoded, FOLDABLE_EACH, ([character]) => fold(character));
}
