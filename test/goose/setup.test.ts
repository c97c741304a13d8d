/** `gaggle setup` with the real Goose: what it wrote works, and goes away again. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { setup } from "../../mesh/cli/setup/setup.ts";
import { secureSocketFolder, socketPathFor } from "../../mesh/client/socket-path.ts";
import { INSTALL_DIR, joinedHome } from "../support/joined-home.ts";
import { type GooseRoot, gooseRoot } from "../support/real-goose.ts";
import { type ScriptedModel, type ScriptStep, startScriptedModel } from "../support/scripted-model.ts";
import { type StandInDaemon, startStandIn } from "../support/stand-in-daemon.ts";
import { tempFolder } from "../support/temp-home.ts";

const USER_CONFIG = "# mine\nGOOSE_PROVIDER: openai # for now\nGOOSE_MODEL: gpt-4o\nGOOSE_MODE: auto\n";

interface Desk {
  readonly goose: GooseRoot;
  readonly home: string;
  readonly model: ScriptedModel;
  setup(remove?: boolean): Promise<void>;
  daemon(): Promise<StandInDaemon>;
  chat(): ReturnType<GooseRoot["run"]>;
}

/** A desk whose gateway is a scripted model, and whose paths need quoting. */
async function desk(script: readonly ScriptStep[]): Promise<Desk> {
  const folder = tempFolder();
  const goose = gooseRoot(join(folder, "goose root"));
  writeFileSync(goose.configFile, USER_CONFIG);
  const model = await startScriptedModel(script);
  const { home } = await joinedHome(join(folder, "it's home"), { gooseRoot: goose.root, gatewayPort: model.port });
  const out = createOutput({ write: () => undefined }, false);
  const request = { home, print: false, installDir: INSTALL_DIR, node: process.execPath, env: { HOME: folder }, now: Date.now };
  return {
    goose,
    home,
    model,
    setup: (remove = false) => setup({ ...request, remove }, out),
    async daemon() {
      const path = socketPathFor(home);
      secureSocketFolder(dirname(path));
      const daemon = await startStandIn(path);
      onTestFinished(() => daemon.close());
      return daemon;
    },
    chat: () => goose.run(["run", "-q", "-t", "Go.", "--no-session", "--max-turns", "6"]),
  };
}

describe("after setup, the real Goose", () => {
  it("reaches the gateway with the token and has the allowed tools of all extensions and no others of them", async () => {
    const { setup, daemon, chat, model, home } = await desk([{ calls: [{ tool: "policy__whoami", input: {} }] }]);
    await setup();
    await daemon();
    const run = await chat();
    expect(run.code, run.stdout + run.stderr).toBe(0);
    expect([...model.authorizations]).toEqual([`Bearer ${readFileSync(homePaths(home).gatewayToken, "utf8")}`]);
    const names = model.requests[0]?.tools?.map((tool) => tool.function.name) ?? [];
    expect(names).toEqual(expect.arrayContaining(["mesh__send_task", "privacy-guard__detect", "policy__check"]));
    // The role profile of finance does not list it.
    expect(names).not.toContain("mesh__open_approval");
    expect(model.results()[0]).toContain("fiona.berg");
  });

  it("asks the hook before each tool call, and a no reaches the model with its reason", async () => {
    const { setup, daemon, chat, model } = await desk([
      { calls: [{ tool: "delegate", input: { instructions: "x" } }] },
      { calls: [{ tool: "policy__whoami", input: {} }] },
    ]);
    await setup();
    const { state } = await daemon();
    await chat();
    expect(state.asked).toEqual(["delegate", "policy__whoami"]);
    expect([...state.sessions.keys()]).toEqual([expect.stringMatching(/^\d{8}_\d+$/)]);
    expect(model.results()[0]).toContain("The role may not use this tool.");
    expect(model.results()[1]).toContain("fiona.berg");
  });

  it("runs no tool at all while the daemon can't be reached", async () => {
    const { setup, chat, model, goose, home } = await desk([{ calls: [{ tool: "shell", input: { command: "touch escaped" } }] }]);
    await setup();
    // A home that has left its organisation starts no daemon.
    rmSync(homePaths(home).config);
    await chat();
    expect(existsSync(join(goose.root, "escaped"))).toBe(false);
    for (const result of model.results()) expect(result).toContain("NOT_JOINED");
  });

  it("finds the role's recipe by its name", async () => {
    const { setup, goose } = await desk([]);
    await setup();
    const run = await goose.run(["run", "--recipe", "month-end-close", "--explain"]);
    expect(run.stdout + run.stderr).toContain("Month-end close");
    const validated = await goose.run(["recipe", "validate", join(goose.root, "config", "recipes", "month-end-close.yaml")]);
    expect(validated.code, validated.stdout + validated.stderr).toBe(0);
  });

  it("is as before after remove, whatever Goose wrote into its configuration meanwhile", async () => {
    const { setup, daemon, chat, goose } = await desk([]);
    await setup();
    await daemon();
    await chat();
    appendFileSync(goose.configFile, "GOOSE_CLI_THEME: dark\n");
    await setup(true);
    const left = readFileSync(goose.configFile, "utf8");
    expect(parse(left)).toMatchObject({ ...(parse(USER_CONFIG) as object), GOOSE_CLI_THEME: "dark" });
    expect(left).not.toContain("gaggle");
    const run = await goose.run(["run", "-q", "-t", "Go.", "--no-session"], { OPENAI_API_KEY: "k", OPENAI_HOST: "http://127.0.0.1:9" });
    expect(run.stdout + run.stderr).not.toContain("privacy_guard");
    const info = await goose.run(["info", "-v"]);
    expect(info.stdout).toContain("openai");
  });
});
