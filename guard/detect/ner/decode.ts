/** The likeliest spans for the label scores of words in a row: Viterbi over labels that may follow each other. */
import type { DataClass } from "../../../mesh/contract/data-class.ts";
import type { Label } from "./labels.ts";

/** Words `from` to `to` (exclusive) of one class, and how certain that is (0 to 1, the mean over the words). */
export interface WordSpan {
  readonly from: number;
  readonly to: number;
  readonly label: DataClass;
  readonly score: number;
}

const IMPOSSIBLE = -1e9;

/** Decodes label scores: for each word its labels' scores, one word after another. They are changed in place to log-probabilities. */
export type Decoder = (logits: Float32Array) => WordSpan[];

/** Turns each word's scores into log-probabilities. */
function logSoftmax(scores: Float32Array, width: number): void {
  for (let row = 0; row < scores.length; row += width) {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = row; i < row + width; i += 1) most = Math.max(most, scores[i] ?? 0);
    let sum = 0;
    for (let i = row; i < row + width; i += 1) sum += Math.exp((scores[i] ?? 0) - most);
    const shift = most + Math.log(sum);
    for (let i = row; i < row + width; i += 1) scores[i] = (scores[i] ?? 0) - shift;
  }
}

/** For each label those that may stand before it. */
const predecessors = (labels: readonly Label[]): number[][] =>
  labels.map((after) =>
    labels.flatMap((before, number) => (after.part !== "I" || after.opens || before.label === after.label ? [number] : [])),
  );

/**
 * Makes a decoder.
 * @param labels of the model, by number
 * @param thresholds by class: the probability from which a word counts as of the class; 0.5 is the model's own choice, lower finds more
 */
export function createDecoder(labels: readonly Label[], thresholds: Readonly<Partial<Record<DataClass, number>>> = {}): Decoder {
  const width = labels.length;
  const before = predecessors(labels);
  const bias = labels.map(({ label }) => {
    const threshold = label === undefined ? 0.5 : (thresholds[label] ?? 0.5);
    return Math.log((1 - threshold) / threshold);
  });
  const mayBegin = labels.map(({ part, opens }) => part !== "I" || opens);

  /** The best label of each word. */
  const path = (scores: Float32Array): Uint16Array => {
    const count = scores.length / width;
    const back = new Uint16Array(scores.length);
    let best = bias.map((extra, i) => (mayBegin[i] === true ? (scores[i] ?? 0) + extra : IMPOSSIBLE));
    for (let word = 1; word < count; word += 1) {
      best = bias.map((extra, i) => {
        let from = 0;
        let most = Number.NEGATIVE_INFINITY;
        for (const number of before[i] ?? []) {
          if ((best[number] ?? 0) <= most) continue;
          most = best[number] ?? 0;
          from = number;
        }
        back[word * width + i] = from;
        return most + extra + (scores[word * width + i] ?? 0);
      });
    }
    const labelsOf = new Uint16Array(count);
    let label = best.indexOf(Math.max(...best));
    for (let word = count - 1; word >= 0; word -= 1) {
      labelsOf[word] = label;
      label = back[word * width + label] ?? 0;
    }
    return labelsOf;
  };

  /** Probability that a word is of this class, in any part of a span. */
  const certainty = (scores: Float32Array, word: number, label: DataClass): number =>
    labels.reduce((sum, each, i) => (each.label === label ? sum + Math.exp(scores[word * width + i] ?? 0) : sum), 0);

  return (scores) => {
    if (scores.length === 0) return [];
    logSoftmax(scores, width);
    const spans: { from: number; to: number; label: DataClass; sum: number }[] = [];
    let open: (typeof spans)[number] | undefined;
    for (const [word, number] of path(scores).entries()) {
      const { part, label } = labels[number] ?? { part: "O", label: undefined };
      if (label === undefined) open = undefined;
      else {
        if (open === undefined || part === "B" || open.label !== label) {
          open = { from: word, to: word, label, sum: 0 };
          spans.push(open);
        }
        open.to = word + 1;
        open.sum += certainty(scores, word, label);
      }
    }
    return spans.map(({ from, to, label, sum }) => ({ from, to, label, score: sum / (to - from) }));
  };
}
