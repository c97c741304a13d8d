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
  /** As {@link modelId} gives it, of exactly these files. */
  readonly id: string;
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

/** The files by what they are for; the tokenizer's configuration may be missing. */
function readFiles(folder: string) {
  const model = MODEL_FILES.find((file) => existsSync(join(folder, file)));
  if (model === undefined) throw missing(folder, "model.onnx");
  const tokenizerConfig = existsSync(join(folder, "tokenizer_config.json")) ? readBytes(folder, "tokenizer_config.json") : undefined;
  return {
    model: readBytes(folder, model),
    tokenizer: readBytes(folder, "tokenizer.json"),
    config: readBytes(folder, "config.json"),
    tokenizerConfig,
  };
}

/** SHA-256 over the SHA-256 of each file, in the order model, tokenizer, configuration, tokenizer's configuration. */
function idOf({ model, tokenizer, config, tokenizerConfig }: ReturnType<typeof readFiles>): string {
  const hash = createHash("sha256");
  for (const file of [model, tokenizer, config, tokenizerConfig ?? Buffer.alloc(0)])
    hash.update(createHash("sha256").update(file).digest());
  return hash.digest("hex");
}

const objectIn = (bytes: Buffer, file: string): object =>
  parseAs(z.record(z.string(), z.unknown()), parseJson(bytes.toString("utf8"), file), file);

/**
 * Reads a model folder.
 * @throws GaggleError GUARD_REFUSED for a missing file, INVALID_INPUT for one of another shape
 */
export function readModelFolder(folder: string): ModelFiles {
  const files = readFiles(folder);
  return {
    id: idOf(files),
    model: files.model,
    config: parseAs(modelConfig, objectIn(files.config, "config.json"), "config.json"),
    tokenizer: objectIn(files.tokenizer, "tokenizer.json"),
    tokenizerConfig: files.tokenizerConfig === undefined ? {} : objectIn(files.tokenizerConfig, "tokenizer_config.json"),
  };
}

/**
 * What tells one model from another wherever it lies: 64 hex digits over all its files; of a folder that can't be read, over its name. It is part of
 * what the cache remembers findings by, and what an organisation's lists allow models by.
 */
export function modelId(folder: string): string {
  try {
    return idOf(readFiles(folder));
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
    return createHash("sha256").update(folder).digest("hex");
  }
}
