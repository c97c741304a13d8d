/**
 * A text as a reader sees it, for detection only: JSON escapes of any depth, URL and HTML encoding and Markdown's backslashes decoded,
 * other scripts' figures, full-width forms, odd spaces and dashes folded, invisible characters dropped, numbers parted from what only
 * touches them. Every character knows where it stands in the source, so spans can be mapped back.
 */
import { GaggleError } from "../../mesh/contract/errors.ts";

/** The folded text; character `i` comes from `starts[i]` to `ends[i]` (exclusive) of the source. */
export interface FoldedView {
  readonly text: string;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Levels of escapes that are read. JSON in JSON doubles its backslashes at each, so real texts have a handful. */
const MAX_LEVELS = 40;

/** One way in which text is written otherwise than it reads: what to look for, and the one character (or none) that a reader sees there. */
interface Writing {
  readonly pattern: RegExp;
  readonly reads: (match: RegExpExecArray) => string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  nbsp: " ",
  amp: "&",
  commat: "@",
  plus: "+",
  period: ".",
  lowbar: "_",
  hyphen: "-",
  dash: "-",
};

/** Zeros of the figures that are written in place of ours. */
const ZEROS = [0x660, 0x6f0, 0x966];

const figure = ([character]: RegExpExecArray): string => {
  const code = character.charCodeAt(0);
  return String(code - (ZEROS.findLast((zero) => zero <= code) ?? code));
};

/** Scripts that put no space between words, so that a number stands against a letter. */
const UNSPACED = String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]`;

/** In this order, each over what the one before has left. */
const WRITINGS: readonly Writing[] = [
  {
    pattern: /%([2-7][0-9a-f])|&#(\d{2,5});|&#x([0-9a-f]{2,4});|&(nbsp|amp|commat|plus|period|lowbar|hyphen|dash);/gi,
    reads: ([, percent, decimal, hex, name]) =>
      ENTITIES[name?.toLowerCase() ?? ""] ??
      String.fromCharCode(decimal === undefined ? Number.parseInt(percent ?? hex ?? "", 16) : Number(decimal)),
  },
  // Markdown; a backslash before anything else stays.
  { pattern: /\\([_@.+-])/g, reads: ([, character = ""]) => character },
  // Invisible characters: soft hyphens, joiners, marks of direction, variation selectors, tags.
  { pattern: /\p{Default_Ignorable_Code_Point}/gu, reads: () => "" },
  { pattern: /[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, reads: () => " " },
  { pattern: /[\u2028\u2029]/g, reads: () => "\n" },
  { pattern: /[\u2010-\u2015\u2212]/g, reads: () => "-" },
  // Full-width forms and mathematical letters; the few places without a letter have no shorter form, and half of one will do.
  { pattern: /[\uff01-\uff5e]|\ud835[\udc00-\udfff]/g, reads: ([character]) => character.normalize("NFKC").charAt(0) },
  { pattern: /[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g, reads: figure },
  // Where a number begins or ends: beside a letter of a script without spaces, and inside Markdown's emphasis.
  { pattern: new RegExp(String.raw`(?<=[0-9A-Za-z])${UNSPACED}|${UNSPACED}(?=[0-9A-Za-z+])`, "gu"), reads: () => " " },
  { pattern: /(?<![\p{L}\p{N}_])_{1,3}(?=[\p{N}+])|(?<=\p{N})_{1,3}(?![\p{L}\p{N}_])/gu, reads: () => " " },
];

/** Copies a view, with some of its parts replaced by one character or none, so that it never grows. */
function rewrite(view: FoldedView, pattern: RegExp, character: (match: RegExpExecArray) => string): FoldedView {
  const starts = new Int32Array(view.text.length);
  const ends = new Int32Array(view.text.length);
  const text: string[] = [];
  let length = 0;
  let from = 0;
  const copy = (to: number): void => {
    starts.set(view.starts.subarray(from, to), length);
    ends.set(view.ends.subarray(from, to), length);
    length += to - from;
    text.push(view.text.slice(from, to));
  };
  for (const match of view.text.matchAll(pattern)) {
    copy(match.index);
    from = match.index + match[0].length;
    const replaced = character(match);
    if (replaced === "") continue;
    text.push(replaced);
    starts[length] = view.starts[match.index] ?? 0;
    ends[length] = view.ends[from - 1] ?? 0;
    length += 1;
  }
  copy(view.text.length);
  return { text: text.join(""), starts: starts.subarray(0, length), ends: ends.subarray(0, length) };
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

/** Text without any of these reads as it is written; looked for first, since most texts have none. */
const UNPLAIN = /[\\%&\u00a0-\uffff]|_[\d+]|\d_/;

/**
 * The folded view of a text, or undefined where folding changes nothing.
 * @throws GaggleError GUARD_REFUSED for escapes nested more than {@link MAX_LEVELS} levels deep
 */
export function foldedView(source: string): FoldedView | undefined {
  if (!UNPLAIN.test(source) || (!source.includes("\\") && WRITINGS.every(({ pattern }) => source.search(pattern) < 0))) return undefined;
  const starts = new Int32Array(source.length).map((_, place) => place);
  let view = decode({ text: source, starts, ends: starts.map((start) => start + 1) });
  for (const { pattern, reads } of WRITINGS) if (view.text.search(pattern) >= 0) view = rewrite(view, pattern, reads);
  return view;
}
