import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { homePaths } from "../../../../../mesh/agent/agent-config.ts";
import { chooseUpstream } from "../../../../../mesh/agent/choose-upstream.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { goosePaths } from "../../../../../mesh/cli/setup/goose-paths.ts";
import { pluginFoldersIn } from "../../../../../mesh/cli/setup/plugin-folder.ts";
import { setup, type SetupRequest } from "../../../../../mesh/cli/setup/setup.ts";
import { sha256Hex } from "../../../../../mesh/contract/json.ts";
import { INSTALL_DIR, joinedHome } from "../../../../support/joined-home.ts";
import { tempFolder } from "../../../../support/temp-home.ts";

const CONFIG = "# mine\nGOOSE_PROVIDER: openai # for now\nextensions:\n    developer: {enabled: true, type: builtin, name: developer}\n";

interface Desk {
  readonly home: string;
  readonly root: string;
  readonly configFile: string;
  readonly port: number;
  run(change?: Partial<SetupRequest>): Promise<string>;
}

/** A joined home and a Goose root, with a `config.yaml` where one is given. */
async function desk(text?: string): Promise<Desk> {
  const folder = tempFolder();
  const root = join(folder, "goose");
  const { home, config } = await joinedHome(join(folder, "home"), { gooseRoot: root });
  const configFile = join(root, "config", "config.yaml");
  mkdirSync(dirname(configFile), { recursive: true });
  if (text !== undefined) writeFileSync(configFile, text, { mode: 0o644 });
  const run = async (change: Partial<SetupRequest> = {}): Promise<string> => {
    let written = "";
    const out = createOutput({ write: (chunk: string) => (written += chunk) }, false);
    const request = {
      home,
      print: false,
      remove: false,
      installDir: INSTALL_DIR,
      node: process.execPath,
      env: { HOME: folder },
      now: Date.now,
    };
    await setup({ ...request, ...change }, out);
    return written;
  };
  return { home, root, configFile, port: config.gatewayPort, run };
}

/** The plugin's folder in a Goose root; there is exactly one. */
function pluginIn(root: string): string {
  const [folder, ...others] = pluginFoldersIn(goosePaths(root, {}));
  expect(others).toEqual([]);
  return folder ?? "";
}
const read = (...path: string[]): string => readFileSync(join(...path), "utf8");
/** Every file below a folder with its text. */
const files = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => [join(one.parentPath, one.name).slice(folder.length), read(one.parentPath, one.name)]),
  );

describe("setup", () => {
  it("writes the extensions with absolute paths, the provider, and the home", async () => {
    const { configFile, run, home } = await desk(CONFIG);
    await run();
    const config = parse(read(configFile)) as { extensions: Record<string, object> };
    expect(config).toMatchObject({ GOOSE_PROVIDER: "privacy_guard", GOOSE_MODEL: "m" });
    expect(Object.keys(config.extensions)).toEqual(["developer", "mesh", "privacy-guard", "policy"]);
    expect(config.extensions["mesh"]).toMatchObject({
      enabled: true,
      type: "stdio",
      cmd: process.execPath,
      args: [join(INSTALL_DIR, "dist", "extensions", "mesh.js")],
      envs: { GAGGLE_HOME: home },
      available_tools: expect.arrayContaining(["send_task", "fetch_status"]) as unknown,
    });
  });

  it("names the home only where it is not the default one", async () => {
    const { configFile, run, home } = await desk(CONFIG);
    await run({ env: { XDG_DATA_HOME: dirname(home), HOME: "/nowhere" } });
    expect(read(configFile)).toContain("GAGGLE_HOME");
    const folder = tempFolder();
    const standard = await joinedHome(join(folder, "gaggle"), { gooseRoot: join(folder, "goose") });
    const out = createOutput({ write: () => undefined }, false);
    const env = { XDG_DATA_HOME: folder, HOME: "/nowhere" };
    await setup(
      { home: standard.home, print: false, remove: false, installDir: INSTALL_DIR, node: process.execPath, env, now: Date.now },
      out,
    );
    expect(read(folder, "goose", "config", "config.yaml")).not.toContain("GAGGLE_HOME");
    expect(read(pluginIn(join(folder, "goose")), "hooks", "hooks.json")).not.toContain("--home");
  });

  it("leads Goose to the gateway with the token that only the user can read", async () => {
    const { root, port, home, run } = await desk(CONFIG);
    await run();
    const file = join(root, "config", "custom_providers", "privacy_guard.json");
    const token = read(homePaths(home).gatewayToken);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(homePaths(home).gatewayToken).mode & 0o777).toBe(0o600);
    expect(JSON.parse(read(file))).toMatchObject({
      name: "privacy_guard",
      base_url: `http://127.0.0.1:${port}/v1/chat/completions`,
      headers: { Authorization: `Bearer ${token}` },
    });
  });

  it("lets Goose speak the Anthropic API where the model behind the guard does", async () => {
    const { root, port, home, run } = await desk(CONFIG);
    const upstream = { protocol: "anthropic", baseUrl: "https://api.anthropic.com/v1", local: false, model: "claude" } as const;
    await chooseUpstream(home, "default", upstream, undefined);
    await run();
    expect(JSON.parse(read(root, "config", "custom_providers", "privacy_guard.json"))).toMatchObject({
      engine: "anthropic",
      base_url: `http://127.0.0.1:${port}`,
      models: [{ name: "claude" }],
    });
  });

  it("writes the plugin, whose hooks fail closed, with the role's hints in the skill", async () => {
    const { root, run } = await desk();
    await run();
    const plugin = pluginIn(root);
    const { hooks } = JSON.parse(read(plugin, "hooks", "hooks.json")) as {
      hooks: Record<string, { hooks: { command: string; on_failure: string }[] }[]>;
    };
    expect(Object.keys(hooks)).toEqual(["SessionStart", "UserPromptSubmit", "PreToolUse", "Stop"]);
    // A turn that could not end because the daemon is away would help nobody.
    expect(hooks["Stop"]?.[0]?.hooks[0]).not.toHaveProperty("on_failure");
    expect(hooks["PreToolUse"]?.[0]?.hooks[0]).toMatchObject({
      on_failure: "block",
      command: expect.stringContaining("dist/hook.js") as unknown,
    });
    expect(read(plugin, "skills", "gaggle", "SKILL.md")).toContain("You work for the finance department of Northwind Optics.");
    expect(JSON.stringify(files(plugin))).not.toContain("{{");
  });

  it("names the plugin's folder so that no project can know it, the same each time, and takes out one of another name", async () => {
    const { root, run, home } = await desk();
    const before = join(root, ".agents", "plugins", "gaggle");
    mkdirSync(before, { recursive: true });
    await run();
    const plugin = pluginIn(root);
    expect(plugin).toMatch(/gaggle-[0-9a-f]{12}$/);
    expect(existsSync(before)).toBe(false);
    await run();
    expect(pluginIn(root)).toBe(plugin);
    rmSync(homePaths(home).gatewayToken);
    await run();
    expect(pluginIn(root)).not.toBe(plugin);
  });

  it("closes the folders in which Goose keeps raw text, also before Goose has made them", async () => {
    const { root, run } = await desk();
    await run();
    for (const folder of [join(root, "state", "logs"), join(root, "data", "sessions")]) expect(statSync(folder).mode & 0o777).toBe(0o700);
    chmodSync(join(root, "state", "logs"), 0o755);
    await run();
    expect(statSync(join(root, "state", "logs")).mode & 0o777).toBe(0o700);
  });

  it("marks the provider of unattended runs, whose session ids are those of chats too, and no other", async () => {
    const { root, run } = await desk();
    const headers = (): object =>
      (JSON.parse(read(root, "config", "custom_providers", "privacy_guard.json")) as { headers: object }).headers;
    await run();
    expect(Object.keys(headers())).toEqual(["Authorization"]);
    await run({ unattended: true });
    expect(headers()).toMatchObject({ "x-gaggle-run": "1" });
  });

  it("renders the role's recipes from the signed text and says from which", async () => {
    const { root, run } = await desk();
    await run();
    const recipe = read(root, "config", "recipes", "month-end-close.yaml");
    const signed = read(INSTALL_DIR, "recipes", "finance", "month-end-close.yaml");
    expect(recipe).toContain("# bundle version: 3\n");
    expect(recipe).toContain(`# sha256: ${sha256Hex(signed)}\n`);
    expect(recipe).toContain(join(INSTALL_DIR, "dist", "extensions", "ledger.js"));
    expect(recipe).not.toContain("recipe_dir");
  });

  it("does not touch a recipe of the user's with the same name", async () => {
    const { root, run } = await desk();
    const recipes = join(root, "config", "recipes");
    mkdirSync(recipes, { recursive: true });
    writeFileSync(join(recipes, "month-end-close.yaml"), "title: mine\n");
    await run();
    expect(read(recipes, "month-end-close.yaml")).toBe("title: mine\n");
    expect(read(recipes, "gaggle-month-end-close.yaml")).toContain("Month-end close");
    await run({ remove: true });
    expect(readdirSync(recipes)).toEqual(["month-end-close.yaml"]);
  });

  it("changes nothing when it is run again", async () => {
    const { root, run } = await desk(CONFIG);
    await run();
    const first = files(root);
    await run();
    expect(files(root)).toEqual(first);
  });

  it("keeps the mode of config.yaml and follows a symlink in its place", async () => {
    const { root, configFile, run } = await desk();
    const dotfile = join(root, "dotfile.yaml");
    writeFileSync(dotfile, CONFIG, { mode: 0o640 });
    symlinkSync(dotfile, configFile);
    await run();
    expect(readlinkSync(configFile)).toBe(dotfile);
    expect(read(dotfile)).toContain("privacy_guard");
    expect(statSync(dotfile).mode & 0o777).toBe(0o640);
    await run({ remove: true });
    expect(readlinkSync(configFile)).toBe(dotfile);
    expect(read(dotfile)).toBe(CONFIG);
  });

  it("refuses a config.yaml that is not valid, naming line and file, and writes nothing at all", async () => {
    const { root, configFile, home, run } = await desk("a: 1\nb: [secret\n");
    const before = files(root);
    await expect(run()).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(/config\.yaml.*line \d.*Mend/) as unknown,
    });
    await expect(run()).rejects.not.toMatchObject({ message: expect.stringContaining("secret") as unknown });
    expect(files(root)).toEqual(before);
    expect(existsSync(join(home, "goose-setup.json"))).toBe(false);
    expect(read(configFile)).toBe("a: 1\nb: [secret\n");
  });

  it("refuses a config.yaml that is no UTF-8, which it could only write back damaged, and writes nothing", async () => {
    const { root, configFile, run } = await desk();
    writeFileSync(configFile, Buffer.from("# Gr\xfc\xdfe\nGOOSE_MODE: auto\n", "latin1"));
    const before = readFileSync(configFile);
    const names = Object.keys(files(root));
    await expect(run()).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(/config\.yaml is no UTF-8 text\. Save it/) as unknown,
    });
    expect(readFileSync(configFile).equals(before)).toBe(true);
    expect(Object.keys(files(root))).toEqual(names);
  });

  it("needs a joined home", async () => {
    const { run } = await desk();
    await expect(run({ home: join(tempFolder(), "none") })).rejects.toMatchObject({ code: "NOT_JOINED" });
  });
});

describe("setup --print", () => {
  it("shows every file and writes none, nor the token", async () => {
    const { root, home, run } = await desk(CONFIG);
    const before = [files(root), files(home)];
    const shown = await run({ print: true });
    for (const part of ["config.yaml", "privacy_guard.json", "hooks.json", "SKILL.md", "month-end-close.yaml", "available_tools"]) {
      expect(shown).toContain(part);
    }
    expect([files(root), files(home)]).toEqual(before);
  });

  it("hides a token that is there", async () => {
    const { home, run } = await desk(CONFIG);
    await run();
    expect(await run({ print: true })).not.toContain(read(homePaths(home).gatewayToken));
  });
});

describe("setup --remove", () => {
  it.each([
    ["a config.yaml of the user's", CONFIG],
    ["one in flow style", '{GOOSE_PROVIDER: "openai", extensions: {}} # all of it\n'],
    ["an empty one", ""],
    ["none", undefined],
  ])("leaves Goose as it was with %s, byte for byte", async (_name, text) => {
    const { root, run } = await desk(text);
    const before = files(root);
    await run();
    expect(files(root)).not.toEqual(before);
    await run({ remove: true });
    expect(files(root)).toEqual(before);
  });

  it("keeps what the user changed between two setups", async () => {
    const { configFile, run } = await desk(CONFIG);
    await run();
    writeFileSync(configFile, read(configFile).replace("# mine\n", "# mine, changed\nGOOSE_MODE: auto\n"));
    await run();
    await run({ remove: true });
    expect(read(configFile)).toBe(CONFIG.replace("# mine\n", "# mine, changed\nGOOSE_MODE: auto\n"));
  });

  it("keeps what the user changed before a second round", async () => {
    const { configFile, run } = await desk(CONFIG);
    await run();
    writeFileSync(configFile, `${read(configFile)}GOOSE_MODE: auto\n`);
    await run({ remove: true });
    await run();
    await run({ remove: true });
    expect(read(configFile)).toBe(`${CONFIG}GOOSE_MODE: auto\n`);
  });

  it("works after the home is gone", async () => {
    const { root, configFile, run } = await desk("GOOSE_MODE: auto\n");
    await run();
    await run({ remove: true, home: join(tempFolder(), "gone"), gooseRoot: root });
    expect(parse(read(configFile))).toMatchObject({ GOOSE_MODE: "auto" });
    expect(read(configFile)).not.toMatch(/privacy_guard|gaggle|mesh/);
    expect(pluginFoldersIn(goosePaths(root, {}))).toEqual([]);
  });

  it("without a setup before changes nothing", async () => {
    const { root, run } = await desk(CONFIG);
    const before = files(root);
    await run({ remove: true });
    expect(files(root)).toEqual(before);
  });

  it("leaves a backup while the file is another one than before", async () => {
    const { configFile, run } = await desk(CONFIG);
    await run();
    expect(read(`${configFile}.before-gaggle`)).toBe(CONFIG);
    expect(statSync(`${configFile}.before-gaggle`).mode & 0o777).toBe(0o600);
  });
});
