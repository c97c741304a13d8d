/** Puts values back where their tokens stand, in a whole text or in a stream that may be cut anywhere. */
import { MAX_TOKEN_LENGTH, tokenPattern, UNFINISHED_TOKEN } from "./token-form.ts";

/** What stands for a token as written, or undefined to leave it as it is. @param at where it begins in the text; of a stream, in the piece looked at */
export type Replacement = (token: string, at: number) => string | undefined;

/** Replaces the tokens of `text`; `rest` is the text behind the last one. */
function replaceTokens(text: string, replacement: Replacement): { done: string; rest: string } {
  const pattern = tokenPattern();
  let done = "";
  let from = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const value = replacement(match[0], match.index);
    // An unknown token may hide a known one that begins inside it.
    pattern.lastIndex = match.index + (value === undefined ? 1 : match[0].length);
    if (value === undefined) continue;
    done += text.slice(from, match.index) + value;
    from = pattern.lastIndex;
  }
  return { done, rest: text.slice(from) };
}

/** A text with its tokens replaced. Linear. */
export function restoreText(text: string, replacement: Replacement): string {
  const { done, rest } = replaceTokens(text, replacement);
  return done + rest;
}

/** Restores a stream of text pieces. */
export interface StreamRestorer {
  /** Takes a piece and returns what is certain: all but an unfinished token at the end. */
  push(piece: string): string;
  /** Returns what was held back; the stream is over. */
  end(): string;
}

/** Makes a restorer whose whole output equals {@link restoreText} of the whole input, however it was cut. */
export function createStreamRestorer(replacement: Replacement): StreamRestorer {
  let held = "";
  return {
    push: (piece) => {
      const { done, rest } = replaceTokens(held + piece, replacement);
      const open = UNFINISHED_TOKEN.exec(rest.slice(-MAX_TOKEN_LENGTH))?.[0].length ?? 0;
      held = rest.slice(rest.length - open);
      return done + rest.slice(0, rest.length - open);
    },
    end: () => {
      const last = held;
      held = "";
      return last;
    },
  };
}
