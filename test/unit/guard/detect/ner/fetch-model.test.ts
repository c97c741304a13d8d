import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createBlockCache } from "../../../../../guard/detect/block-cache.ts";
import { fetchModel } from "../../../../../guard/detect/ner/fetch-model.ts";
import { loadRecogniser } from "../../../../../guard/detect/ner/recogniser.ts";
import { sha256Hex } from "../../../../../mesh/contract/json.ts";

const MODEL = join(import.meta.dirname, "..", "..", "..", "..", "fixtures", "ner-model");
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A hub on this machine that has these files of the small model, by their place there. */
const hubOf = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const server = createServer(({ url = "" }, response) => {
    const file = files[url.slice("/some/model/".length)];
    if (file === undefined) response.writeHead(404).end();
    else response.end(readFileSync(join(MODEL, file)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/model`;
};
const freshFolder = (): string => {
  const parent = mkdtempSync(join(tmpdir(), "gaggle-model-"));
  closers.push(() => rmSync(parent, { recursive: true }));
  return join(parent, "model");
};

describe("a model that is fetched", () => {
  it("works, and is noted with its address and digests", async () => {
    const url = await hubOf({
      "config.json": "config.json",
      "tokenizer.json": "tokenizer.json",
      "onnx/model_quantized.onnx": "model.onnx",
    });
    const folder = freshFolder();
    const files = await fetchModel({ fetch }, { url: `${url}/`, folder });
    expect(files.map(({ file }) => file)).toEqual(["config.json", "tokenizer.json", "onnx/model_quantized.onnx"]);
    expect(files[2]?.sha256).toBe(sha256Hex(readFileSync(join(MODEL, "model.onnx"))));
    expect(JSON.parse(readFileSync(join(folder, "fetched.json"), "utf8"))).toEqual({ url, files });
    const recogniser = await loadRecogniser(folder, { threads: 1, windowTokens: 128, cache: createBlockCache(new Uint8Array(32), "", 10) });
    expect((await recogniser.recognise("Anna Schmidt", () => false)).map(({ label }) => label)).toEqual(["PERSON"]);
  });

  it.each([
    ["no model in ONNX form", { "config.json": "config.json", "tokenizer.json": "tokenizer.json" }],
    ["no tokenizer.json", { "config.json": "config.json", "model.onnx": "model.onnx" }],
  ])("leaves nothing behind where the hub has %s, and says so", async (what, files) => {
    const folder = freshFolder();
    await expect(fetchModel({ fetch }, { url: await hubOf(files), folder })).rejects.toThrow(what);
    expect(existsSync(folder) || existsSync(`${folder}.part`)).toBe(false);
  });

  it("may not be larger than the limit", async () => {
    const url = await hubOf({ "config.json": "config.json", "tokenizer.json": "tokenizer.json", "model.onnx": "model.onnx" });
    const folder = freshFolder();
    await expect(fetchModel({ fetch }, { url, folder, maxBytes: 3_000 })).rejects.toThrow(/larger than 3000 bytes/);
    expect(existsSync(`${folder}.part`)).toBe(false);
  });

  it.each(["http://models.example/x", "ftp://models.example/x", "models/x"])("does not come from %s", async (url) => {
    await expect(fetchModel({ fetch }, { url, folder: freshFolder() })).rejects.toThrow(/https/);
  });
});
