/** Names, places and dates by a token-classification model, over texts of any length. */
import { GaggleError } from "../../../mesh/contract/errors.ts";
import type { BlockCache } from "../block-cache.ts";
import type { BlockSpan } from "../span-memory.ts";
import type { Finding } from "../finding.ts";
import type { NativeGate } from "../worker/native-gate.ts";
import { mergeFindings } from "../overlap.ts";
import { alikeFields } from "./alike-fields.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { createDecoder, type Decoder } from "./decode.ts";
import { readLabels } from "./labels.ts";
import { readModelFolder } from "./model-folder.ts";
import { isNoName } from "./no-names.ts";
import { withCleanEdges } from "./span-edges.ts";
import { loadTagger, type Tagger, type TokenWindow } from "./tagger.ts";
import { createWindowQueue } from "./window-queue.ts";
import { type Window, windowsOf } from "./windows.ts";
import { createWordPieces, type WordPieces } from "./word-pieces.ts";
import { type Words, wordsOf } from "./words.ts";

/** How a model is run. */
export interface RecogniserConfig {
  readonly threads: number;
  /** Tokens of a window, the special ones included; fewer where the model takes fewer. */
  readonly windowTokens: number;
  /** Which model it must be; left out, any. */
  readonly modelId?: string;
  /** Called after each batch. */
  readonly onProgress?: () => void;
  /** Where blocks of text are remembered. */
  readonly cache: BlockCache;
  /** In a thread that may be ended: where it says that it is in the runtime. */
  readonly gate?: NativeGate;
}

/** A loaded model. */
export interface Recogniser {
  /**
   * The findings in a text, in order, not overlapping.
   * @param dropped true where nobody waits for the answer any more; the promise then never settles
   */
  readonly recognise: (text: string, dropped: () => boolean) => Promise<Finding[]>;
}

/** Scores of the model stay below those of rules with a checksum, so that these give the class where both find something. */
const CERTAINTY = 0.6;
/** A smaller window could not hold the longest word and what stands beside it. */
const MIN_WINDOW = 64;

/** A text cut up for the model. */
interface Prepared {
  readonly text: string;
  readonly words: Words;
  readonly pieces: readonly (readonly number[])[];
  readonly sizes: readonly number[];
}

function prepare(text: string, pieces: WordPieces): Prepared {
  const words = wordsOf(text);
  const each: (readonly number[])[] = [];
  for (let i = 0; i < words.count; i += 1) {
    const start = words.starts[i] ?? 0;
    each.push(pieces.of(text.slice(start, words.ends[i]), i > 0 && words.ends[i - 1] === start));
  }
  return { text, words, pieces: each, sizes: each.map(({ length }) => length) };
}

/** A window's tokens. Labels are wanted of the first token of each word that it answers for. */
function tokensOf({ words, pieces }: Prepared, window: Window, { prefix, suffix }: WordPieces): TokenWindow {
  const length = prefix.length + window.tokens + suffix.length;
  const ids = new Int32Array(length);
  const shapes = new Uint8Array(length);
  const wanted = new Int32Array(window.keepTo - window.keepFrom);
  ids.set(prefix);
  let place = prefix.length;
  for (let word = window.from; word < window.to; word += 1) {
    const own = pieces[word] ?? [];
    if (word >= window.keepFrom && word < window.keepTo) wanted[word - window.keepFrom] = place;
    ids.set(own, place);
    shapes.fill(words.shapes[word] ?? 0, place, place + own.length);
    place += own.length;
  }
  ids.set(suffix, place);
  return { ids, shapes, wanted };
}

const joined = (parts: readonly Float32Array[]): Float32Array => {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** The spans of a block from the scores of its words. */
function spansOf(block: Block, { words }: Prepared, scores: Float32Array, decode: Decoder): BlockSpan[] {
  const from = words.starts[block.from] ?? 0;
  return decode(scores).map((span) => [
    (words.starts[block.from + span.from] ?? 0) - from,
    (words.ends[block.from + span.to - 1] ?? 0) - from,
    span.label,
    span.score * CERTAINTY,
  ]);
}

/** Makes the search with what a model needs. */
function createRecogniser(tagger: Tagger, pieces: WordPieces, decode: Decoder, config: RecogniserConfig): Recogniser {
  const queue = createWindowQueue(tagger, config.onProgress ?? (() => undefined));
  const capacity = config.windowTokens - pieces.prefix.length - pieces.suffix.length;
  const { cache } = config;

  return {
    recognise: async (text, dropped) => {
      const prepared = prepare(text, pieces);
      const { words, sizes } = prepared;
      const blocks = blocksOf(text, words, sizes, capacity).map((block) => {
        const start = words.starts[block.from] ?? 0;
        const key = cache.keyOf(text.slice(start, words.ends[block.to - 1]));
        return { block, start, key, known: cache.get(key) };
      });
      const open = blocks.filter(({ known }) => known === undefined);
      const windows = open.map(({ block }) => windowsOf(block, sizes, capacity));
      const scores = await queue.add(
        windows.flatMap((some) => some.map((window) => tokensOf(prepared, window, pieces))),
        dropped,
      );
      let at = 0;
      const found = new Map<string, readonly BlockSpan[]>();
      for (const [i, { block, key }] of open.entries()) {
        const count = windows[i]?.length ?? 0;
        const spans = spansOf(block, prepared, joined(scores.slice(at, at + count)), decode);
        found.set(key, spans);
        cache.set(key, spans);
        at += count;
      }
      const findings = blocks.flatMap(({ start, key, known }) => {
        return (known ?? found.get(key) ?? []).map(
          ([from, to, label, score]): Finding => ({
            start: start + from,
            end: start + to,
            label,
            score,
            detector: "ner",
            value: text.slice(start + from, start + to),
          }),
        );
      });
      const clean = withCleanEdges(findings, text).filter((finding) => !isNoName(finding, text));
      return mergeFindings([...clean, ...alikeFields(text, clean)], text);
    },
  };
}

/**
 * Loads a model folder.
 * @throws GaggleError GUARD_REFUSED where the folder, the model or the runtime can't be used, INVALID_INPUT for a malformed file; each with the fix
 */
export async function loadRecogniser(folder: string, config: RecogniserConfig): Promise<Recogniser> {
  const files = readModelFolder(folder);
  if (config.modelId !== undefined && files.id !== config.modelId)
    throw new GaggleError("GUARD_REFUSED", "The privacy guard's model has changed since the agent started. Start the agent again.");
  const labels = readLabels(files.config.id2label, files.config.gaggle.labels);
  const pieces = createWordPieces(files.tokenizer, files.tokenizerConfig);
  const { threads, gate } = config;
  const tagger = await loadTagger(files.model, {
    labels: labels.length,
    padding: pieces.padding,
    threads,
    ...(gate === undefined ? {} : { gate }),
  });
  const windowTokens = Math.max(MIN_WINDOW, Math.min(config.windowTokens, files.config.max_position_embeddings ?? config.windowTokens));
  return createRecogniser(tagger, pieces, createDecoder(labels, files.config.gaggle.thresholds), { ...config, windowTokens });
}
