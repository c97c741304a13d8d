/**
 * A text as a reader sees it, for detection only: JSON escapes of any depth decoded, full-width forms, odd spaces and dashes
 * folded, invisible characters dropped. Every character knows where it stands in the source, so spans can be mapped back.
 */

/** The folded text; character `i` comes from `starts[i]` to `ends[i]` (exclusive) of the source. */
export interface FoldedView {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const FOLDABLE = /[\\\u00a0\u00ad\u2000-\u200f\u2010-\u2015\u202a-\u202f\u205f-\u2064\u2212\u3000\ufeff\uff01-\uff5e]/;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "/": "/" };

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

/** A character on the stack, with its place in the source; `escaped` where it came from an escape sequence. */
interface Item {
  readonly character: string;
  readonly start: number;
  readonly end: number;
  readonly escaped: boolean;
}

/**
 * Reads a backslash at `start`, given everything to its right already folded (the last item is the next character). Going from right to
 * left, `\\u0040` and `\u005cu0040` both end as one `@`: escapes of escapes need no second pass.
 */
function unescape(start: number, end: number, stack: Item[]): Item {
  const next = stack.at(-1);
  if (next === undefined) return { character: "\\", start, end, escaped: false };
  if (next.escaped) {
    stack.pop();
    return { ...next, start };
  }
  const simple = SIMPLE_ESCAPES[next.character];
  if (simple !== undefined) {
    stack.pop();
    return { character: simple, start, end: next.end, escaped: true };
  }
  const hex = next.character === "u" ? stack.slice(-5, -1).reverse() : [];
  const code = hex.map((item) => item.character).join("");
  if (!/^[0-9a-fA-F]{4}$/.test(code)) return { character: "\\", start, end, escaped: false };
  stack.length -= 5;
  const last = hex.at(-1)?.end ?? end;
  const character = fold(String.fromCharCode(Number.parseInt(code, 16)));
  // A decoded backslash may begin the next escape with what stands to its right.
  return character === "\\" ? unescape(start, last, stack) : { character, start, end: last, escaped: true };
}

/** The folded view of a text, or undefined where folding changes nothing. Linear. */
export function foldedView(source: string): FoldedView | undefined {
  if (!FOLDABLE.test(source)) return undefined;
  const stack: Item[] = [];
  for (let i = source.length - 1; i >= 0; i -= 1) {
    const raw = source.charAt(i);
    if (raw === "\\") stack.push(unescape(i, i + 1, stack));
    else stack.push({ character: fold(raw), start: i, end: i + 1, escaped: false });
    // Only an escaped item stays as a place holder when it is invisible: the backslash before it belongs to it.
    if (stack.at(-1)?.character === "" && stack.at(-1)?.escaped === false) stack.pop();
  }
  const items = stack.reverse().filter((item) => item.character !== "");
  return {
    text: items.map((item) => item.character).join(""),
    starts: items.map((item) => item.start),
    ends: items.map((item) => item.end),
  };
}
