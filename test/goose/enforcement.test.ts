/** What a real Goose of a member can't do, however it is started: real daemon, guard and hooks; only the model is scripted. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { goosePaths } from "../../mesh/cli/setup/goose-paths.ts";
import { pluginFoldersIn } from "../../mesh/cli/setup/plugin-folder.ts";
import { acpChat, startAcp } from "../support/acp-chat.ts";
import { type DaemonWorld, foundWorld } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { type PersonsDesk, personsDesk } from "../support/persons-desk.ts";
import type { ScriptTurn } from "../support/scripted-model.ts";

let world: DaemonWorld;
let fiona: PersonsDesk;

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance", "marco.diaz": "marketing" } });
  fiona = await personsDesk(world.agent("fiona.berg"));
  await fiona.agent.gaggle(["status"]);
});
afterAll(() => world?.close());

const call = (tool: string, input: object = {}): ScriptTurn => ({ calls: [{ tool, input }] });
const escaped = (): string => join(fiona.goose.root, "escaped");
const touch = (): ScriptTurn => call("shell", { command: `touch ${escaped()}` });
const env = (): NodeJS.ProcessEnv => ({ ...fiona.goose.env, ...fiona.env });
beforeEach(() => rmSync(escaped(), { force: true }));

/** Ways in which people start Goose, each in mode `auto`. */
const WAYS: Readonly<Record<string, (cwd?: string) => Promise<unknown>>> = {
  run: () => fiona.goose.run(["run", "-q", "-t", "Go.", "--no-session", "--max-turns", "9"], fiona.env, 90_000),
  session: () => fiona.goose.run(["session"], fiona.env, 90_000, "Go.\n/exit\n"),
  ACP: (cwd = fiona.goose.root) => acpChat({ env: env(), cwd, mode: "auto", prompt: "Go." }),
};
const ways = Object.keys(WAYS);

/** The model's turns by one way; gives the tools' results as the model got them. */
async function play(way: string, script: readonly ScriptTurn[], cwd?: string): Promise<readonly string[]> {
  fiona.model.play(script);
  await WAYS[way]?.(cwd);
  return fiona.model.results();
}

/** Goose with other extensions than before, until `work` is over. */
async function withExtensions(change: Record<string, object>, work: () => Promise<void>): Promise<void> {
  const { configFile } = fiona.goose;
  const before = readFileSync(configFile, "utf8");
  const config = parse(before) as { extensions: Record<string, object> };
  writeFileSync(configFile, stringify({ ...config, extensions: { ...config.extensions, ...change } }));
  try {
    await work();
  } finally {
    writeFileSync(configFile, before);
  }
}

/** Another text in our `hooks.json`, until `work` is over. */
async function withHooks(change: (text: string) => string, work: () => Promise<void>): Promise<void> {
  const file = join(pluginFoldersIn(goosePaths(fiona.goose.root, {}))[0] ?? "", "hooks", "hooks.json");
  const before = readFileSync(file, "utf8");
  writeFileSync(file, change(before));
  try {
    await work();
  } finally {
    writeFileSync(file, before);
  }
}

const CODE_MODE = { enabled: true, type: "platform", name: "code_execution", description: "d", bundled: true };

describe.each(ways)("by goose %s in auto mode", (way) => {
  it("no shell, no subagent and no change of extensions", async () => {
    const results = await play(way, [
      touch(),
      call("delegate", { instructions: `touch ${escaped()}`, extensions: ["developer"] }),
      call("extensionmanager__manage_extensions", { action: "enable", extension_name: "memory" }),
      call("policy__whoami"),
    ]);
    expect(existsSync(escaped())).toBe(false);
    expect(results).toHaveLength(4);
    for (const result of results.slice(0, 3)) expect(result).toMatch(/polic/i);
    expect(results[3]).toContain("This is the agent of");
  });

  it("no code that calls tools", () =>
    withExtensions({ code_execution: CODE_MODE }, async () => {
      const code = `async function run() { return await Developer.shell({ command: "touch ${escaped()}" }); }`;
      const [result] = await play(way, [call("execute_typescript", { code })]);
      expect(result).toMatch(/polic/i);
      expect(existsSync(escaped())).toBe(false);
    }));
});

describe("a project of another's", () => {
  it("can neither replace the plugin nor switch it off, since it can't know its name", async () => {
    const project = join(world.dir, "project");
    const twin = join(project, ".agents", "plugins", "gaggle");
    mkdirSync(join(twin, "hooks"), { recursive: true });
    writeFileSync(join(twin, "plugin.json"), JSON.stringify({ name: "gaggle", version: "9.0.0", description: "d" }));
    writeFileSync(join(twin, "hooks", "hooks.json"), JSON.stringify({ hooks: {} }));
    mkdirSync(join(project, ".config", "goose"), { recursive: true });
    writeFileSync(join(project, ".config", "goose", "settings.json"), JSON.stringify({ disabledPlugins: ["gaggle"] }));
    const [result] = await play("ACP", [touch()], project);
    expect(result).toMatch(/polic/i);
    expect(existsSync(escaped())).toBe(false);
  });
});

describe("without the hooks", () => {
  const plugin = (): string => pluginFoldersIn(goosePaths(fiona.goose.root, {}))[0] ?? "";
  /** The plugin away, as where a user removed it, until `work` is over. */
  async function withoutPlugin(work: () => Promise<void>): Promise<void> {
    const folder = plugin();
    const aside = join(world.dir, "plugin-aside");
    cpSync(folder, aside, { recursive: true });
    rmSync(folder, { recursive: true });
    try {
      await work();
    } finally {
      cpSync(aside, folder, { recursive: true });
      rmSync(aside, { recursive: true });
    }
  }

  it.each(ways)("goose %s never gets to the model: the guard refuses a session that did not register", (way) =>
    withoutPlugin(async () => {
      const refusals = () => fiona.agent.audit("guard.refuse");
      const before = (await refusals()).length;
      fiona.model.play([touch()]);
      // Over ACP Goose answers the prompt with an error.
      await WAYS[way]?.().catch(() => undefined);
      expect(fiona.model.requests).toEqual([]);
      expect(existsSync(escaped())).toBe(false);
      // Recorded once the answer is out.
      const refused = await until("the refusal is recorded", async () => (await refusals())[before]);
      expect(refused).toMatchObject({ details: { code: "SESSION_UNKNOWN" } });
    }),
  );

  it("an ACP client's direct call, which no hook sees, is refused by the MCP server in a session that did not register", async () => {
    const goose = await startAcp({ env: env(), cwd: fiona.goose.root });
    const sessionId = await goose.open("auto");
    const direct = (name: string): Promise<unknown> =>
      goose.call("_goose/unstable/tools/call", { sessionId, extensionName: "policy", name, toolName: name, arguments: {} });
    await until("the extension is up", async () => JSON.stringify(await direct("policy__whoami")).includes("SESSION_UNKNOWN"));
    fiona.model.play([]);
    await goose.prompt(sessionId, "Hello.");
    expect(JSON.stringify(await direct("policy__whoami"))).toContain("This is the agent of fiona.berg");
    expect((await fiona.agent.audit("tool.call")).at(-1)).toMatchObject({ target: "tool:policy__whoami", details: { pastHooks: true } });
    goose.end();
  });
});

describe("hooks that were damaged", () => {
  const withToolHook =
    (command: string) =>
    (text: string): string => {
      const { hooks } = JSON.parse(text) as { hooks: Record<string, { matcher?: string; hooks: object[] }[]> };
      const [first] = hooks["PreToolUse"]?.[0]?.hooks ?? [];
      return JSON.stringify({ hooks: { ...hooks, PreToolUse: [{ matcher: ".*", hooks: [{ ...first, command, timeout: 2 }] }] } });
    };

  it.each([
    ["is killed", "kill -9 $$"],
    ["is too slow", "sleep 20"],
    ["is gone", "/nowhere/hook"],
  ])("a tool is not run where its hook %s", (_what, command) =>
    withHooks(withToolHook(command), async () => {
      expect(await play("run", [touch()])).toHaveLength(1);
      expect(existsSync(escaped())).toBe(false);
    }),
  );

  it("a file that Goose can't read is as good as none: the guard refuses the session", () =>
    withHooks(
      () => "{",
      async () => {
        fiona.model.play([touch()]);
        await WAYS["run"]?.();
        expect(fiona.model.requests).toEqual([]);
        expect(existsSync(escaped())).toBe(false);
      },
    ));

  it("a broken file of a project's plugin takes nothing from ours", async () => {
    const project = join(world.dir, "broken");
    const other = join(project, ".agents", "plugins", "other");
    mkdirSync(join(other, "hooks"), { recursive: true });
    writeFileSync(join(other, "plugin.json"), JSON.stringify({ name: "other", version: "1.0.0", description: "d" }));
    writeFileSync(join(other, "hooks", "hooks.json"), "{");
    const [result] = await play("ACP", [touch()], project);
    expect(result).toMatch(/polic/i);
    expect(existsSync(escaped())).toBe(false);
  });
});

describe("a session that goes on", () => {
  it("in another Goose, for which no start is told, registers with its prompt; also after a restart of the daemon", async () => {
    const first = await startAcp({ env: env(), cwd: fiona.goose.root });
    const sessionId = await first.open("auto");
    fiona.model.play([]);
    await first.prompt(sessionId, "Hello.");
    first.end();
    await fiona.agent.kill();
    await fiona.agent.gaggle(["status"]);
    const second = await startAcp({ env: env(), cwd: fiona.goose.root });
    await second.call("session/load", { sessionId, cwd: fiona.goose.root, mcpServers: [] });
    fiona.model.play([call("policy__whoami")]);
    expect(await second.prompt(sessionId, "Who am I?")).toMatchObject({ stopReason: "end_turn" });
    expect(fiona.model.results()[0]).toContain("This is the agent of");
    second.end();
  });
});

describe("what waits in the inbox", () => {
  let n = 0;
  /** A message from Marco that waits at Fiona's; gives its id. */
  async function message(): Promise<string> {
    const marco = world.agent("marco.diaz");
    await marco.gaggle(["status"]);
    await world.meet(["fiona.berg", "marco.diaz"]);
    n += 1;
    const text = `Secret number ${n}.`;
    await marco.call("notify", { target: { targetRole: "finance" }, message: text, idempotencyKey: `message-${n}` });
    const waiting = async (): Promise<string | undefined> => {
      const { items } = await fiona.agent.call("inbox.list", { kind: "notification" });
      return items.flatMap((item) => (item.kind === "notification" && item.message === text ? [item.id] : []))[0];
    };
    return await until("the message is there", waiting);
  }

  /** Goose gives our hook five seconds at the end of a turn, which a starved machine may need to start it. */
  const patientAtTheEnd = (text: string): string => {
    const { hooks } = JSON.parse(text) as { hooks: { Stop: { hooks: object[] }[] } };
    const Stop = hooks.Stop.map((one) => ({ ...one, hooks: one.hooks.map((hook) => ({ ...hook, timeout: 60 })) }));
    return JSON.stringify({ hooks: { ...hooks, Stop } });
  };

  it("is told to the chat that ends next, once, by sender and not by text, and never where a recipe's result would be lost", async () => {
    const id = await message();
    // Looking at it through the API counts as told, so the daemon has to forget that it was looked at: another item is sent unseen.
    const unseen = world.agent("marco.diaz").call("notify", {
      target: { targetRole: "finance" },
      message: "Unseen secret.",
      idempotencyKey: "unseen",
    });
    await unseen;
    await until("both are there", async () => (await fiona.agent.call("daemon.status", {})).inbox.waiting >= 2);
    const recipe = join(fiona.goose.root, "typed.yaml");
    writeFileSync(recipe, stringify({ version: "1.0.0", title: "T", description: "D", prompt: "Go", response: { json_schema: SCHEMA } }));
    fiona.model.play([call("recipe__final_output", { status: "ok" })]);
    const typed = await fiona.goose.run(
      ["run", "-q", "--recipe", recipe, "--no-session", "--max-turns", "4", "--output-format", "json"],
      fiona.env,
    );
    expect(typed.stdout).toContain('{\\"status\\":\\"ok\\"}');
    expect(fiona.model.requests).toHaveLength(1);
    fiona.model.play([]);
    await withHooks(patientAtTheEnd, async () => void (await WAYS["session"]?.()));
    const told = JSON.stringify(fiona.model.requests.at(-1)?.messages.at(-1));
    expect(told).toContain("New in the inbox");
    expect(told).not.toMatch(/secret/i);
    expect(told).not.toContain(id);
    fiona.model.play([]);
    await WAYS["session"]?.();
    expect(fiona.model.requests).toHaveLength(1);
  });
});

const SCHEMA = { type: "object", properties: { status: { type: "string" } }, required: ["status"] };

describe("with the daemon dead and kept from starting", () => {
  it("goose run, session and ACP get no answer from a model and run nothing", async () => {
    await fiona.agent.kill();
    const { env: own } = fiona;
    own["GAGGLE_AUTOSTART"] = "never";
    try {
      fiona.model.play([touch()]);
      const ended = Promise.all(Object.values(WAYS).map((way) => way().catch(() => undefined)));
      await Promise.race([ended, until("the model is asked", () => fiona.model.requests.length > 0, 8_000).catch(() => undefined)]);
      expect(fiona.model.requests).toEqual([]);
      expect(existsSync(escaped())).toBe(false);
    } finally {
      delete own["GAGGLE_AUTOSTART"];
    }
  });
});
