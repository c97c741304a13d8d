/** Brings another token-classification model from a hub into a folder, when the user asks for it. Nothing is ever fetched by itself. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import { isTrustworthyUrl } from "../../../mesh/contract/loopback.ts";

/** Which model, and where to. */
export interface FetchModelConfig {
  /** Address of the folder that the files lie in at the hub, without the slash at the end; `https`, or a server on this machine. */
  readonly url: string;
  /** Folder that is made for it; it must not exist. */
  readonly folder: string;
  /** Bytes that one file may have. Default 1 GiB. */
  readonly maxBytes?: number;
}

/** A file that came. */
export interface FetchedFile {
  readonly file: string;
  readonly bytes: number;
  /** SHA-256, 64 hex digits. */
  readonly sha256: string;
}

const REQUIRED = ["config.json", "tokenizer.json"];
const OPTIONAL = ["tokenizer_config.json"];
/** The first one that is there is taken: the smaller ones first. */
const MODELS = ["onnx/model_quantized.onnx", "onnx/model_int8.onnx", "model.onnx", "onnx/model.onnx"];
const GIBIBYTE = 1_073_741_824;

const failed = (what: string, cause?: unknown): GaggleError =>
  new GaggleError("UPSTREAM_FAILED", `The model could not be fetched: ${what} Check the address, or copy the model's folder by hand.`, {
    cause,
  });

function checked(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && isTrustworthyUrl(url)) return address.replace(/\/+$/, "");
  throw new GaggleError("INVALID_INPUT", "The model's address must begin with https://, so that nobody can change the model on its way.");
}

/** Writes one file and counts it; undefined where the hub has none of this name. */
async function fetchFile(
  fetch: typeof globalThis.fetch,
  file: string,
  from: string,
  to: string,
  maxBytes: number,
): Promise<FetchedFile | undefined> {
  const response = await fetch(`${from}/${file}`).catch((cause: unknown) => {
    throw failed("the server does not answer.", cause);
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok || response.body === null) throw failed(`the server answers ${response.status} for ${file}.`);
  const hash = createHash("sha256");
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > maxBytes ? failed(`${file} is larger than ${maxBytes} bytes.`) : null, chunk);
    },
  });
  await mkdir(dirname(join(to, file)), { recursive: true, mode: 0o700 });
  await pipeline(Readable.fromWeb(response.body), count, createWriteStream(join(to, file), { mode: 0o600 }));
  return { file, bytes, sha256: hash.digest("hex") };
}

/**
 * Fetches a model: its files and `fetched.json`, which has the address and the SHA-256 of each. The folder appears whole or not at all.
 * @returns the files that came
 * @throws GaggleError INVALID_INPUT for an address that is not `https`, UPSTREAM_FAILED where the hub doesn't have or give what is needed
 */
export async function fetchModel({ fetch }: { fetch: typeof globalThis.fetch }, config: FetchModelConfig): Promise<FetchedFile[]> {
  const from = checked(config.url);
  const partial = `${config.folder}.part`;
  const one = (file: string): Promise<FetchedFile | undefined> => fetchFile(fetch, file, from, partial, config.maxBytes ?? GIBIBYTE);
  await rm(partial, { recursive: true, force: true });
  try {
    const files: FetchedFile[] = [];
    for (const file of [...REQUIRED, ...OPTIONAL]) {
      const fetched = await one(file);
      if (fetched !== undefined) files.push(fetched);
      else if (REQUIRED.includes(file)) throw failed(`there is no ${file}.`);
    }
    const before = files.length;
    for (const file of MODELS) if (files.length === before) files.push(...[await one(file)].filter((fetched) => fetched !== undefined));
    if (files.length === before) throw failed("there is no model in ONNX form.");
    await writeFile(join(partial, "fetched.json"), `${JSON.stringify({ url: from, files }, null, 2)}\n`, { mode: 0o600 });
    await rename(partial, config.folder);
    return files;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
