import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readAgentConfig } from "../../../../../mesh/agent/agent-config.ts";
import { fetchAndTakeModel, showModel, takeModel } from "../../../../../mesh/cli/guard/model-command.ts";
import { sha256Hex } from "../../../../../mesh/contract/json.ts";
import { captureOutput } from "../../../../support/captured-output.ts";
import { INSTALL_DIR, joinedHome } from "../../../../support/joined-home.ts";

const MODEL = join(INSTALL_DIR, "test", "fixtures", "ner-model");

let home: string;
const context = (json = false) => {
  const output = captureOutput(json);
  return { ...output, context: { env: {}, home, installDir: INSTALL_DIR, node: process.execPath, out: output.out } };
};
const chosen = async (): Promise<string | undefined> => (await readAgentConfig(home)).guardModel;

/** A hub on this machine; resolves with the address of its model and the files that were asked for. */
async function startHub(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    const file = url.slice("/some/model/".length);
    asked.push(file);
    if (existsSync(join(MODEL, file))) response.end(readFileSync(join(MODEL, file)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/model`, asked };
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "gaggle-"));
  await joinedHome(home);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("gaggle guard model", { timeout: 60_000 }, () => {
  it("takes another model that works, says which one it is, and goes back to the shipped one", async () => {
    await takeModel(context().context, MODEL);
    expect(await chosen()).toBe(MODEL);
    const shown = context(true);
    await showModel(shown.context);
    expect(shown.result()).toEqual({ folder: MODEL, shipped: false, id: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await takeModel(context().context, undefined);
    expect(await chosen()).toBeUndefined();
  });

  it("leaves the old one where the new one can't be used", async () => {
    await takeModel(context().context, MODEL);
    await expect(takeModel(context().context, join(home, "nothing"))).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    expect(await chosen()).toBe(MODEL);
  });

  it("fetches one into a new folder, shows the digests of its files and takes it", async () => {
    const folder = join(home, "models", "other");
    const { url } = await startHub();
    const output = context();
    await fetchAndTakeModel(output.context, url, folder);
    expect(output.text()).toContain(`sha256 ${sha256Hex(readFileSync(join(MODEL, "model.onnx")))}`);
    expect(await chosen()).toBe(folder);
  });

  it("fetches nothing into a folder that is there, without a folder, or for a machine that has not joined", async () => {
    const { url, asked } = await startHub();
    await expect(fetchAndTakeModel(context().context, url, home)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(fetchAndTakeModel(context().context, url, undefined)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    rmSync(home, { recursive: true });
    await expect(fetchAndTakeModel(context().context, url, join(home, "new"))).rejects.toMatchObject({ code: "NOT_JOINED" });
    expect(asked).toEqual([]);
  });
});
