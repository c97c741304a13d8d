/** Token ids of single words, so that every token knows its word's place whatever the tokenizer's family. */
import { Tokenizer } from "@huggingface/tokenizers";

/** Cuts words into a model's tokens. */
export interface WordPieces {
  /** Ids that begin and end a model's input. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly padding: number;
  /**
   * Ids of one word, at least one and at most 32.
   * @param glued no space stands before it; some families write such a word otherwise
   */
  of(word: string, glued: boolean): readonly number[];
}

/** A word of more tokens is no name; the rest of them is left out, the word itself keeps its label. */
const MAX_PIECES = 32;
/** Longer words are ids, keys or encoded data. */
const MAX_WORD = 200;
const CACHED_WORDS = 100_000;

/** What we use of the library's class; its own types name files that NodeNext doesn't find. */
interface WordTokenizer {
  encode(text: string, options?: { add_special_tokens: boolean }): { readonly ids: number[] };
  token_to_id(token: string): number | undefined;
}

const HubTokenizer = Tokenizer as unknown as new (json: object, config: object) => WordTokenizer;

type JsonTree = { readonly [key: string]: unknown };

/** True where any part of a pre-tokenizer is of this type. */
const hasPart = (part: unknown, type: string): boolean =>
  typeof part === "object" &&
  part !== null &&
  ((part as JsonTree)["type"] === type || Object.values(part).some((inner) => hasPart(inner, type)));

/** What stands around an input's own tokens. */
function frameOf(tokenizer: WordTokenizer): { prefix: number[]; suffix: number[] } {
  const inner = tokenizer.encode("a", { add_special_tokens: false }).ids;
  const whole = tokenizer.encode("a").ids;
  const at = whole.findIndex((_, i) => inner.every((id, j) => whole[i + j] === id));
  return at < 0 ? { prefix: [], suffix: [] } : { prefix: whole.slice(0, at), suffix: whole.slice(at + inner.length) };
}

const firstKnown = (tokenizer: WordTokenizer, names: readonly string[]): number =>
  names.map((name) => tokenizer.token_to_id(name)).find((id) => id !== undefined) ?? 0;

/**
 * Makes the cut.
 * @param tokenizerJson content of `tokenizer.json`
 * @param tokenizerConfig content of `tokenizer_config.json`, or an empty object
 */
export function createWordPieces(tokenizerJson: object, tokenizerConfig: object): WordPieces {
  const tokenizer = new HubTokenizer(tokenizerJson, tokenizerConfig);
  const preTokenizer = (tokenizerJson as JsonTree)["pre_tokenizer"];
  // Families that mark the space before a word: byte-level BPE wants it written, SentencePiece adds it by itself.
  const spaced = hasPart(preTokenizer, "ByteLevel");
  const marked = hasPart(preTokenizer, "Metaspace");
  const unknown = firstKnown(tokenizer, ["[UNK]", "<unk>"]);
  const mark = tokenizer.token_to_id("\u2581");
  const held = new Map<string, readonly number[]>();

  const cut = (word: string, glued: boolean): readonly number[] => {
    if (word.length > MAX_WORD) return [unknown];
    const { ids } = tokenizer.encode(spaced && !glued ? ` ${word}` : word, { add_special_tokens: false });
    const own = marked && glued && ids.length > 1 && ids[0] === mark ? ids.slice(1) : ids;
    return own.length === 0 ? [unknown] : own.slice(0, MAX_PIECES);
  };
  return {
    ...frameOf(tokenizer),
    padding: firstKnown(tokenizer, ["[PAD]", "<pad>"]),
    of: (word, glued) => {
      const key = glued && (spaced || marked) ? `\0${word}` : word;
      const known = held.get(key);
      if (known !== undefined) return known;
      const ids = cut(word, glued);
      if (word.length > MAX_WORD) return ids;
      if (held.size >= CACHED_WORDS) held.clear();
      held.set(key, ids);
      return ids;
    },
  };
}
