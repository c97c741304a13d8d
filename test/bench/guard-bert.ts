/**
 * The guard beside what others run: a BERT-base-size token classifier through transformers.js's own pipeline, at the same text. The library and the
 * model are no part of Gaggle: they are fetched and made on demand in a folder for temporary files, and stay there for the next run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Detection } from "../../guard/detect/detection.ts";
import { fetchPackages, runProgram } from "./fetch-packages.ts";
import { type Figures, inTurn, timed } from "./figures.ts";
import { createPrompts } from "./guard-prompts.ts";

const TRANSFORMERS = "@huggingface/transformers@4.3.1";
const LABELS = ["O", ...["PERSON", "ORG", "LOCATION", "ADDRESS", "DATE"].flatMap((label) => [`B-${label}`, `I-${label}`])];
/** A text that BERT's 512 tokens hold nearly whole; what is beyond them, the pipeline leaves out unseen. */
const TEXT_BYTES = 2_048;

const GUARD = "guard: rules, model and lists";
const KINDS = { int8: "q8", fp32: "fp32" } as const;

/** Both sides' times for one text, in milliseconds. */
export interface BertComparison {
  readonly figures: Readonly<Record<string, Figures>>;
  /** How many times the guard's median the pipeline's is. */
  readonly ratios: Readonly<Record<keyof typeof KINDS, number>>;
  /** Tokens that the pipeline looked at, of the last text. */
  readonly tokens: number;
}

/** What could not be had, in words. */
export interface NoBert {
  readonly missing: string;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Makes the model with random weights, and gives it the words of the guard's own model, which are BERT's. */
async function makeModel(folder: string, python: string, guardModel: string): Promise<void> {
  const model = join(folder, "models", "bert-base");
  if (await exists(join(model, "onnx"))) return;
  const making = join(folder, "making");
  await runProgram(python, [join(import.meta.dirname, "make_bert_base.py"), "--out", making], {}, folder);
  await mkdir(model, { recursive: true });
  await copyFile(join(guardModel, "tokenizer.json"), join(model, "tokenizer.json"));
  await writeFile(
    join(model, "tokenizer_config.json"),
    JSON.stringify({ tokenizer_class: "BertTokenizer", model_max_length: 512, do_lower_case: true }),
  );
  const id2label = Object.fromEntries(LABELS.map((label, id) => [id, label]));
  const label2id = Object.fromEntries(LABELS.map((label, id) => [label, id]));
  await writeFile(
    join(model, "config.json"),
    JSON.stringify({ model_type: "bert", architectures: ["BertForTokenClassification"], id2label, label2id }),
  );
  await rm(join(model, "onnx"), { recursive: true, force: true });
  await rename(making, join(model, "onnx"));
}

/** Asks the other program for one text after the other. */
function askPipeline(child: ChildProcess): (kind: keyof typeof KINDS, text: string) => Promise<{ ms: number; tokens: number }> {
  if (child.stdin === null || child.stdout === null) throw new Error("The pipeline's process has no standard streams.");
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (kind, text) => {
    stdin.write(`${JSON.stringify({ dtype: KINDS[kind], text })}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error("The pipeline's process ended; run the bench again with --json to see what it said.");
    return JSON.parse(value) as { ms: number; tokens: number };
  };
}

/** Where things are. */
export interface BertSetting {
  readonly detection: Pick<Detection, "detect">;
  readonly guardModel: string;
  /** A Python with torch, onnx and onnxruntime. */
  readonly python: string;
  readonly rounds: number;
  say(line: string): void;
}

async function compare(folder: string, { detection, rounds, say }: BertSetting): Promise<BertComparison> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "guard-bert-process.ts"), folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ask = askPipeline(child);
  const prompts = createPrompts();
  let text = "";
  let tokens = 0;
  const pipeline = (kind: keyof typeof KINDS) => async () => {
    const answer = await ask(kind, text);
    tokens = answer.tokens;
    return { [`BERT-base ${kind}, transformers.js`]: answer.ms };
  };
  const guard = async (): Promise<Record<string, number>> => {
    text = prompts.next(TEXT_BYTES);
    return timed(GUARD, () => detection.detect([text]))();
  };
  try {
    say("Comparing with a BERT-base-size token classifier …");
    // The guard's turn makes the text that the others get, whichever goes first: they only repeat it.
    const figures = await inTurn([guard, pipeline("int8"), pipeline("fp32")], { rounds, warmUp: 3 });
    const ratio = (kind: keyof typeof KINDS): number =>
      (figures[`BERT-base ${kind}, transformers.js`]?.p50 ?? Number.NaN) / (figures[GUARD]?.p50 ?? Number.NaN);
    return { figures, ratios: { int8: ratio("int8"), fp32: ratio("fp32") }, tokens };
  } finally {
    child.kill();
  }
}

/** Compares; where library or model can't be had, says why instead. */
export async function compareWithBert(setting: BertSetting): Promise<BertComparison | NoBert> {
  let folder: string;
  try {
    setting.say(`Getting ${TRANSFORMERS} and making the model, which stay in the folder for temporary files …`);
    folder = await fetchPackages("bert", [TRANSFORMERS]);
    await makeModel(folder, setting.python, setting.guardModel);
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
  return compare(folder, setting);
}
