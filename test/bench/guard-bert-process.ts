/**
 * A token classifier through transformers.js's own pipeline, as a program of its own: reads one JSON line {"dtype", "text"}, answers one line
 * {"ms", "tokens"}. Run by the guard's bench, with the folder where transformers.js and the model lie.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

/** The part of transformers.js that is used. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(task: "token-classification", model: string, options: { dtype: string }): Promise<Classify>;
}

interface Classify {
  (text: string): Promise<unknown[]>;
  tokenizer(
    text: string,
    options: { truncation: boolean },
  ): Promise<{ input_ids: { dims: readonly number[] } }> | { input_ids: { dims: readonly number[] } };
}

const [folder = ""] = process.argv.slice(2);
const entry = createRequire(join(folder, "package.json")).resolve("@huggingface/transformers");
const { env, pipeline } = (await import(pathToFileURL(entry).href)) as Transformers;
env.allowRemoteModels = false;
env.localModelPath = join(folder, "models");

const loaded = new Map<string, Promise<Classify>>();
const load = (dtype: string): Promise<Classify> => {
  const classifier = loaded.get(dtype) ?? pipeline("token-classification", "bert-base", { dtype });
  loaded.set(dtype, classifier);
  return classifier;
};

for await (const line of createInterface({ input: process.stdin })) {
  const { dtype, text } = JSON.parse(line) as { dtype: string; text: string };
  const classify = await load(dtype);
  const startedAt = performance.now();
  await classify(text);
  const ms = performance.now() - startedAt;
  const { input_ids } = await classify.tokenizer(text, { truncation: true });
  process.stdout.write(`${JSON.stringify({ ms, tokens: input_ids.dims.at(-1) })}\n`);
}
