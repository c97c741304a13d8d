/** A token-classification model's folder: `model.onnx`, `tokenizer.json`, `config.json` and, where there is one, `tokenizer_config.json`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { dataClass } from "../../../mesh/contract/data-class.ts";
import { GaggleError, systemCode } from "../../../mesh/contract/errors.ts";
import { parseAs, parseJson } from "../../../mesh/contract/json.ts";

/** What we need of a model's `config.json`. `gaggle` is ours: how certain a word must be by class, and our classes for the model's own names. */
const modelConfig = z.object({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()),
  max_position_embeddings: z.int().min(64).optional(),
  gaggle: z
    .object({
      thresholds: z.partialRecord(dataClass, z.number().gt(0).lt(1)).default({}),
      labels: z.record(z.string(), dataClass.nullable()).default({}),
    })
    .default({ thresholds: {}, labels: {} }),
});

/** A model's files, read. */
export interface ModelFiles {
  readonly model: Uint8Array;
  readonly config: z.infer<typeof modelConfig>;
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
}

/** Where a folder from a hub keeps its model; the small one first. */
const MODEL_FILES = ["model.onnx", "onnx/model_quantized.onnx", "onnx/model_int8.onnx", "onnx/model.onnx"];

const missing = (folder: string, file: string, cause?: unknown): GaggleError =>
  new GaggleError(
    "GUARD_REFUSED",
    `The privacy guard's model can't be read: there is no ${file} in ${folder}. Install Gaggle again, or set another model folder.`,
    { cause },
  );

function readBytes(folder: string, file: string): Buffer {
  try {
    return readFileSync(join(folder, file));
  } catch (cause) {
    throw systemCode(cause) === undefined ? cause : missing(folder, file, cause);
  }
}

const readObject = (folder: string, file: string): object =>
  parseAs(z.record(z.string(), z.unknown()), parseJson(readBytes(folder, file).toString("utf8"), file), file);

/**
 * Reads a model folder.
 * @throws GaggleError GUARD_REFUSED for a missing file, INVALID_INPUT for one of another shape
 */
export function readModelFolder(folder: string): ModelFiles {
  const model = MODEL_FILES.find((file) => existsSync(join(folder, file)));
  if (model === undefined) throw missing(folder, "model.onnx");
  return {
    model: readBytes(folder, model),
    config: parseAs(modelConfig, readObject(folder, "config.json"), "config.json"),
    tokenizer: readObject(folder, "tokenizer.json"),
    tokenizerConfig: existsSync(join(folder, "tokenizer_config.json")) ? readObject(folder, "tokenizer_config.json") : {},
  };
}

/**
 * What tells one model from another: SHA-256 over its files, 64 hex digits; of a folder that can't be read, over its name.
 * It is part of what the cache remembers findings by.
 */
export function modelId(folder: string): string {
  const hash = createHash("sha256").update(folder);
  for (const file of [...MODEL_FILES, "tokenizer.json", "config.json"]) {
    if (existsSync(join(folder, file))) hash.update(file).update(readFileSync(join(folder, file)));
  }
  return hash.digest("hex");
}
