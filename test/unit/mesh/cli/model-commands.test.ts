/** `gaggle model` as a process, on a joined home. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { homePaths, readAgentConfig } from "../../../../mesh/agent/agent-config.ts";
import { readModelKey } from "../../../../mesh/agent/model-key.ts";
import { joinedHome } from "../../../support/joined-home.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const MAIN = join(import.meta.dirname, "../../../../mesh/cli/main.ts");
let home: string;

async function model(...args: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, GAGGLE_HOME: home, VENDOR_KEY: "sk-secret", NO_COLOR: "1" };
  const child = spawn(process.execPath, [MAIN, "model", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, error };
}
const upstreams = async () => (await readAgentConfig(home)).upstreams;

beforeEach(async () => {
  home = join(tempFolder(), "home");
  await joinedHome(home);
  mkdirSync(homePaths(home).keys, { mode: 0o700 });
});

describe("gaggle model", { timeout: 60_000 }, () => {
  it("chooses the default model, whose key comes from the environment and is shown nowhere", async () => {
    const { code, out } = await model("--url", "https://api.openai.com/v1/", "--name", "gpt-4.1", "--key-env", "VENDOR_KEY");
    expect(code).toBe(0);
    expect(await upstreams()).toEqual({
      default: { protocol: "openai", baseUrl: "https://api.openai.com/v1", local: false, model: "gpt-4.1" },
    });
    expect(await readModelKey(homePaths(home).modelKey("default"))).toBe("sk-secret");
    expect(out + (await model("list")).out + (await model("list", "--json")).out).not.toContain("sk-secret");
    expect(readFileSync(homePaths(home).config, "utf8")).not.toContain("sk-secret");
  });

  it("adds, lists and removes servers by name; one of this machine is local", async () => {
    expect(await model("add", "ollama", "--url", "http://127.0.0.1:11434/v1")).toMatchObject({ code: 0, error: "" });
    const claude = ["add", "claude", "--protocol", "anthropic", "--url", "https://api.anthropic.com/v1", "--key-env", "VENDOR_KEY"];
    expect(await model(...claude)).toMatchObject({ code: 0 });
    const { default: own, ...added } = await upstreams();
    expect(own).toBeDefined();
    expect(added).toEqual({
      ollama: { protocol: "openai", baseUrl: "http://127.0.0.1:11434/v1", local: true },
      claude: { protocol: "anthropic", baseUrl: "https://api.anthropic.com/v1", local: false },
    });
    const listed = JSON.parse((await model("list", "--json")).out) as { upstreams: unknown[] };
    expect(listed.upstreams).toContainEqual({ name: "claude", ...added["claude"], key: true });
    expect(await model("remove", "claude")).toMatchObject({ code: 0 });
    expect(await upstreams()).toEqual({ default: own, ollama: added["ollama"] });
    expect(readdirSync(homePaths(home).keys)).toEqual([]);
  });

  it.each([
    [["--url", "https://api.openai.com/v1"], "--name"],
    [["add", "Not A Name", "--url", "http://x.example"], "model server's name"],
    [["add", "x", "--url", "nonsense"], "URL is none"],
    [["add", "x", "--url", "http://x.example", "--key-env", "MISSING"], "MISSING is not set"],
    [["remove", "x"], "There is no model server x"],
  ])("refuses %j and changes nothing", async (args, message) => {
    const before = await upstreams();
    const { code, error } = await model(...args);
    expect(code).not.toBe(0);
    expect(error).toContain(message);
    expect(await upstreams()).toEqual(before);
  });
});
