/** The small files of an agent's home: configuration, gateway token, keys of model and pseudonyms. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { homePaths, readAgentConfig, writeAgentConfig } from "../../../../mesh/agent/agent-config.ts";
import { chooseUpstream, removeUpstream } from "../../../../mesh/agent/choose-upstream.ts";
import { readOrMakeGatewayToken } from "../../../../mesh/agent/gateway-token.ts";
import { readModelKey, writeModelKey } from "../../../../mesh/agent/model-key.ts";
import { openPseudonymKeys, writePseudonymKey } from "../../../../mesh/agent/pseudonym-key.ts";
import { joinedHome } from "../../../support/joined-home.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("config.json", () => {
  it("is read as it was written, for the user alone", async () => {
    const home = join(tempFolder(), "home");
    const { config } = await joinedHome(home);
    expect(await readAgentConfig(home)).toEqual(config);
    expect(modeOf(homePaths(home).config)).toBe(0o600);
  });

  it("that is missing means that nobody has joined here, and says how to", async () => {
    await expect(readAgentConfig(tempFolder())).rejects.toMatchObject({
      code: "NOT_JOINED",
      message: expect.stringContaining("gaggle join"),
    });
  });

  it.each([
    ["half of one", (text: string) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["of another shape", (text: string) => text.replace('"gatewayPort"', '"gatewayPorts"')],
    ["with a port that is none", (text: string) => text.replace(/"gatewayPort": \d+/, '"gatewayPort": 70000')],
  ])("that is %s is an error that names the file", async (_, damage) => {
    const home = join(tempFolder(), "home");
    await joinedHome(home);
    const { config } = homePaths(home);
    writeFileSync(config, damage(readFileSync(config, "utf8")));
    await expect(readAgentConfig(home)).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining(config) });
  });

  it("is not believed where others can write it, or put another one there", async () => {
    const home = join(tempFolder(), "home");
    await joinedHome(home);
    for (const [path, mode] of [
      [homePaths(home).config, 0o600],
      [home, 0o700],
    ] as const) {
      chmodSync(path, mode | 0o020);
      await expect(readAgentConfig(home)).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
      chmodSync(path, mode);
    }
    await readAgentConfig(home);
  });

  it("is never written with what could not be read again", async () => {
    const home = join(tempFolder(), "home");
    const { config } = await joinedHome(home);
    await expect(writeAgentConfig(home, { ...config, listen: [] })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await readAgentConfig(home)).toEqual(config);
  });

  it("gets another model by choice, and the model's key goes into a file of its own", async () => {
    const home = join(tempFolder(), "home");
    const { config } = await joinedHome(home);
    mkdirSync(homePaths(home).keys, { mode: 0o700 });
    const upstream = { protocol: "openai", baseUrl: "http://127.0.0.1:11434/v1", local: true, model: "llama" } as const;
    await chooseUpstream(home, "default", upstream, "sk-secret");
    expect(await readAgentConfig(home)).toEqual({ ...config, upstreams: { default: upstream } });
    expect(readFileSync(homePaths(home).config, "utf8")).not.toContain("sk-secret");
    expect(await readModelKey(homePaths(home).modelKey("default"))).toBe("sk-secret");
  });

  it("holds several model servers by name, each with its own key, and forgets a key with its server", async () => {
    const home = join(tempFolder(), "home");
    const { config } = await joinedHome(home);
    mkdirSync(homePaths(home).keys, { mode: 0o700 });
    const cloud = { protocol: "anthropic", baseUrl: "https://api.anthropic.com/v1", local: false } as const;
    const key = () => readModelKey(homePaths(home).modelKey("claude"));
    await chooseUpstream(home, "claude", cloud, "sk-secret");
    expect((await readAgentConfig(home)).upstreams).toEqual({ ...config.upstreams, claude: cloud });
    await chooseUpstream(home, "claude", cloud, undefined);
    expect(await key()).toBe("sk-secret");
    await chooseUpstream(home, "claude", { ...cloud, baseUrl: "https://other.example/v1" }, undefined);
    expect(await key(), "a key went to a server that it was not given for").toBeUndefined();
    await chooseUpstream(home, "claude", cloud, "sk-secret");
    await removeUpstream(home, "claude");
    expect(await readAgentConfig(home)).toEqual(config);
    expect(await key()).toBeUndefined();
    await expect(removeUpstream(home, "claude")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("of version 1 is read, with its model as the default one", async () => {
    const home = join(tempFolder(), "home");
    const { config } = await joinedHome(home);
    const { upstreams: _, ...rest } = config;
    const write = (upstream: unknown) => writeFileSync(homePaths(home).config, JSON.stringify({ ...rest, v: 1, upstream }));
    write({ baseUrl: "http://127.0.0.1:9/v1", model: "m" });
    expect(await readAgentConfig(home)).toEqual(config);
    write(null);
    expect((await readAgentConfig(home)).upstreams).toEqual({});
  });
});

describe("the gateway's token", () => {
  it("is made once, long, and for the user alone", () => {
    const path = join(tempFolder(), "keys", "gateway-token");
    const token = readOrMakeGatewayToken(path);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(readOrMakeGatewayToken(path)).toBe(token);
    expect(modeOf(path)).toBe(0o600);
  });

  it("is not shown and not made where it only would be shown", () => {
    const folder = tempFolder();
    expect(readOrMakeGatewayToken(join(folder, "gateway-token"), true)).not.toMatch(/[A-Za-z0-9_-]{43}/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is one, when many programs make it at once", async () => {
    const path = join(tempFolder(), "keys", "gateway-token");
    const module = join(import.meta.dirname, "../../../../mesh/agent/gateway-token.ts");
    const code = `import { readOrMakeGatewayToken } from ${JSON.stringify(module)}; process.stdout.write(readOrMakeGatewayToken(${JSON.stringify(path)}));`;
    const make = () => promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
    const made = await Promise.all(Array.from({ length: 6 }, make));
    const tokens = new Set(made.map(({ stdout }) => stdout));
    expect([...tokens]).toEqual([readFileSync(path, "utf8")]);
  });
});

describe("the keys of model and pseudonyms", () => {
  const KEY = Buffer.alloc(32, 7).toString("base64url");

  it("are read as they were written, for the user alone", async () => {
    const keys = join(tempFolder(), "keys");
    await writePseudonymKey(join(keys, "pseudonym.json"), { epoch: 3, key: KEY });
    await writeModelKey(join(keys, "model.json"), "sk-secret");
    expect((await openPseudonymKeys(join(keys, "pseudonym.json"), { now: () => 0 })).epochs()).toEqual([
      { epoch: 3, key: Buffer.alloc(32, 7) },
    ]);
    expect(await readModelKey(join(keys, "model.json"))).toBe("sk-secret");
    expect([modeOf(keys), modeOf(join(keys, "pseudonym.json")), modeOf(join(keys, "model.json"))]).toEqual([0o700, 0o600, 0o600]);
  });

  it("that are missing: no key for a model that wants none, and no guard without the tenant's key", async () => {
    const keys = tempFolder();
    expect(await readModelKey(join(keys, "model.json"))).toBeUndefined();
    await expect(openPseudonymKeys(join(keys, "pseudonym.json"), { now: () => 0 })).rejects.toMatchObject({ code: "NOT_JOINED" });
  });

  it("that others could read are refused, and the message says how to mend it", async () => {
    const path = join(tempFolder(), "keys", "pseudonym.json");
    await writePseudonymKey(path, { epoch: 1, key: KEY });
    chmodSync(path, 0o640);
    await expect(openPseudonymKeys(path, { now: () => 0 })).rejects.toMatchObject({
      code: "CREDENTIAL_INVALID",
      message: expect.stringContaining("chmod 600"),
    });
  });

  it("that are damaged are an error that names the file and not the key", async () => {
    const path = join(tempFolder(), "keys", "pseudonym.json");
    await writePseudonymKey(path, { epoch: 1, key: KEY });
    writeFileSync(path, JSON.stringify({ v: 1, epoch: 1, key: `${KEY}x` }));
    const error = await openPseudonymKeys(path, { now: () => 0 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining(path) });
    expect((error as Error).message).not.toContain(KEY);
  });
});
