/** Runs a token-classification model over batches of windows. */
import type { InferenceSession } from "onnxruntime-node";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import { createNativeGate, inside, type NativeGate } from "../worker/native-gate.ts";

/** One window as tokens, the special ones included. */
export interface TokenWindow {
  readonly ids: Int32Array;
  /** Shape of each token's word; 0 for special tokens. */
  readonly shapes: Uint8Array;
  /** Places of the tokens whose labels are wanted: the first one of each word. */
  readonly wanted: Int32Array;
}

/** A loaded model. */
export interface Tagger {
  /** How many labels it knows. */
  readonly labels: number;
  /** The scores of each window's wanted tokens, one token after another. */
  run(windows: readonly TokenWindow[]): Promise<Float32Array[]>;
}

/** What each input that we know holds. */
const INPUTS: Readonly<Record<string, (window: TokenWindow, place: number) => number>> = {
  input_ids: ({ ids }, place) => ids[place] ?? 0,
  attention_mask: () => 1,
  token_type_ids: () => 0,
  shape_ids: ({ shapes }, place) => shapes[place] ?? 0,
};

/** The runtime, or an error that says what to do where this machine has none. */
async function loadRuntime(): Promise<typeof import("onnxruntime-node")> {
  try {
    return await import("onnxruntime-node");
  } catch (cause) {
    throw new GaggleError(
      "GUARD_REFUSED",
      `The privacy guard's model can't run: onnxruntime-node has no working build for ${process.platform} on ${process.arch}. ` +
        "Run `npm install onnxruntime-node` in Gaggle's folder, or use a 64-bit Linux, macOS or Windows. Without the model, names of people and " +
        "places are not found, so requests are refused; an admin can set the role's guard mode to detect-only or off.",
      { cause },
    );
  }
}

/** The model's output of scores. */
const outputOf = (session: InferenceSession): string =>
  session.outputNames.includes("logits") ? "logits" : (session.outputNames[0] ?? "");

/**
 * Loads a model.
 * @param config `labels`: how many it must have; `padding`: id of the padding token; `threads` to compute with; `gate`: passed for each call of the runtime
 * @throws GaggleError GUARD_REFUSED where the runtime or the model can't be loaded, or the model wants inputs that we don't have
 */
export async function loadTagger(
  model: Uint8Array,
  config: { labels: number; padding: number; threads: number; gate?: NativeGate },
): Promise<Tagger> {
  const { gate = createNativeGate() } = config;
  const ort = await inside(gate, loadRuntime);
  const options = {
    intraOpNumThreads: config.threads,
    interOpNumThreads: 1,
    // Threads that spin while they wait take the processor from everything else on a busy machine.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  } as const;
  const session = await inside(gate, () => ort.InferenceSession.create(model, options)).catch((cause: unknown) => {
    throw new GaggleError("GUARD_REFUSED", "The privacy guard's model file is damaged or of an unknown kind. Install Gaggle again.", {
      cause,
    });
  });
  const strange = session.inputNames.find((name) => INPUTS[name] === undefined);
  if (strange !== undefined) {
    throw new GaggleError(
      "GUARD_REFUSED",
      "The configured model wants inputs that Gaggle doesn't have; choose a BERT-like token classifier.",
    );
  }
  const output = outputOf(session);

  /** An input of all windows, padded to the longest. int64 in halves, since BigInts one by one are slow. */
  const tensor = (name: string, windows: readonly TokenWindow[], length: number) => {
    const data = new BigInt64Array(windows.length * length);
    const halves = new Int32Array(data.buffer);
    const value = INPUTS[name];
    for (const [row, window] of windows.entries()) {
      for (let place = 0; place < length; place += 1) {
        const inside = place < window.ids.length;
        halves[2 * (row * length + place)] = inside ? (value?.(window, place) ?? 0) : name === "input_ids" ? config.padding : 0;
      }
    }
    return new ort.Tensor("int64", data, [windows.length, length]);
  };

  return {
    labels: config.labels,
    run: async (windows) => {
      const length = Math.max(...windows.map(({ ids }) => ids.length));
      const feeds = Object.fromEntries(session.inputNames.map((name) => [name, tensor(name, windows, length)]));
      const logits = (await inside(gate, () => session.run(feeds)))[output];
      const data = logits?.data;
      if (!(data instanceof Float32Array) || data.length !== windows.length * length * config.labels) {
        throw new GaggleError(
          "GUARD_REFUSED",
          "The configured model's answer doesn't fit the labels of its config.json; choose another model.",
        );
      }
      return windows.map(({ wanted }, row) => {
        const scores = new Float32Array(wanted.length * config.labels);
        for (const [i, place] of wanted.entries()) {
          const at = (row * length + place) * config.labels;
          scores.set(data.subarray(at, at + config.labels), i * config.labels);
        }
        return scores;
      });
    },
  };
}
