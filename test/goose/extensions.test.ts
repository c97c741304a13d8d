/** The built extensions: spoken to in raw JSON-RPC, and started by the real Goose with a scripted model. The daemon is a stand-in on a real socket. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { secureSocketFolder, socketPathFor } from "../../mesh/client/socket-path.ts";
import { INSTALL_DIR } from "../support/joined-home.ts";
import { type McpProcess, startMcp, type ToolAnswer } from "../support/mcp-process.ts";
import { gooseRoot, useModel } from "../support/real-goose.ts";
import { type ScriptStep, startScriptedModel } from "../support/scripted-model.ts";
import { type StandInDaemon, type StandInHandlers, startStandIn } from "../support/stand-in-daemon.ts";
import { tempFolder } from "../support/temp-home.ts";

const script = (name: string): string => join(INSTALL_DIR, "dist", "extensions", `${name}.js`);
const SESSION = { "agent-session-id": "20261120_1", "agent-tool-call-request-id": "call-1", "agent-working-dir": "/work" };

const TOOLS: Readonly<Record<string, readonly string[]>> = {
  mesh: [
    "send_task",
    "request_approval",
    "notify",
    "fetch_status",
    "cancel_task",
    "answer_task",
    "list_inbox",
    "read_inbox_item",
    "accept_task",
    "reject_task",
    "complete_task",
    "update_progress",
    "ask_back",
    "open_approval",
    "open_session",
    "share_context",
    "session_status",
    "hand_off",
    "leave_session",
    "close_session",
    "list_agents",
    "list_skills",
  ],
  "privacy-guard": ["detect", "process", "restore"],
  policy: ["whoami", "check"],
};

beforeAll(() => {
  for (const name of Object.keys(TOOLS)) expect(existsSync(script(name)), `${script(name)} is built`).toBe(true);
});

interface Desk {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  daemon(change?: Partial<StandInHandlers>): Promise<StandInDaemon>;
  start(name: string): Promise<McpProcess>;
}

function desk(): Desk {
  const home = join(tempFolder(), "home");
  mkdirSync(home);
  const env = { ...process.env, GAGGLE_HOME: home, XDG_CACHE_HOME: join(home, "cache") };
  return {
    home,
    env,
    async daemon(change) {
      const path = socketPathFor(home);
      secureSocketFolder(dirname(path));
      const daemon = await startStandIn(path, change);
      onTestFinished(() => daemon.close());
      return daemon;
    },
    async start(name) {
      const server = startMcp(script(name), env);
      await server.initialize();
      server.notify("notifications/initialized");
      return server;
    },
  };
}

const textOf = ({ content }: ToolAnswer): string => content.map((part) => part.text).join("\n");

describe.each(Object.keys(TOOLS))("the extension %s", (name) => {
  it("answers server/discover with -32601 before initialize, then initializes and lists its tools without a daemon", async () => {
    const server = startMcp(script(name), desk().env);
    expect((await server.request("server/discover")).error?.code).toBe(-32_601);
    expect((await server.initialize()).result).toMatchObject({
      protocolVersion: "2025-11-25",
      serverInfo: { name, version: "0.1.0" },
      capabilities: { tools: {} },
    });
    server.notify("notifications/initialized");
    const { tools } = (await server.request("tools/list")).result as {
      tools: { name: string; inputSchema: object; annotations: object }[];
    };
    expect(tools.map((tool) => tool.name)).toEqual(TOOLS[name]);
    for (const tool of tools) {
      expect(tool.inputSchema).toMatchObject({ type: "object", additionalProperties: false });
      expect(tool).toMatchObject({ outputSchema: { type: "object" }, description: expect.stringMatching(/.{40}/) as unknown });
      expect(tool.annotations).toMatchObject({ readOnlyHint: expect.any(Boolean) as unknown, title: expect.any(String) as unknown });
    }
  });

  it("says only JSON-RPC on stdout and ends with code 0 when stdin closes", async () => {
    const server = await desk().start(name);
    await server.request("tools/list");
    await server.request("nope");
    await server.callTool("nope", {});
    expect(await server.end()).toBe(0);
    expect(server.stdout.every((line) => (JSON.parse(line) as { jsonrpc: string }).jsonrpc === "2.0")).toBe(true);
    expect(server.stdout).toHaveLength(4);
    expect(server.stderr()).toBe("");
  });

  it("tells in a tool error what to do where no agent has joined", async () => {
    const server = await desk().start(name);
    const tool = { mesh: "list_agents", "privacy-guard": "detect", policy: "whoami" }[name] ?? "";
    const answer = await server.callTool(tool, name === "privacy-guard" ? { text: "a" } : {});
    expect(answer).toMatchObject({ isError: true });
    expect(textOf(answer)).toMatch(/^NOT_JOINED: .*gaggle join/);
  });
});

describe("mesh", () => {
  it("sends a task, waits for it, and gives data and text", async () => {
    const { daemon, start } = desk();
    const { state } = await daemon();
    const mesh = await start("mesh");
    const sent = await mesh.callTool("send_task", { skill: "accruals", task: "Report", context: { period: "2026-10" } }, SESSION);
    const { taskId } = sent.structuredContent as { taskId: string };
    expect(JSON.parse(sent.content[1]?.text ?? "")).toEqual(sent.structuredContent);
    expect(state.tasks.get(taskId)).toMatchObject({ skill: "accruals", context: { period: "2026-10" }, sessionId: "20261120_1" });
    const waiting = mesh.callTool("fetch_status", { taskId, waitSeconds: 20 });
    const second = await start("mesh");
    await second.callTool("complete_task", { taskId, result: { total: "12.00" } });
    expect((await waiting).structuredContent).toMatchObject({
      kind: "task",
      state: "COMPLETED",
      finished: true,
      result: { total: "12.00" },
    });
  });

  it("does the same call once: by the caller's key, else by session and call", async () => {
    const { daemon, start } = desk();
    const { state } = await daemon();
    const mesh = await start("mesh");
    const send = async (input: object, meta: object): Promise<unknown> =>
      (await mesh.callTool("send_task", { targetRole: "marketing", task: "a", ...input }, meta)).structuredContent?.["taskId"];
    const other = { ...SESSION, "agent-tool-call-request-id": "call-2" };
    const ids = [
      await send({}, SESSION),
      await send({}, SESSION),
      await send({}, other),
      await send({ task: "b" }, SESSION),
      await send({}, {}),
      await send({}, {}),
    ];
    expect(new Set(ids).size).toBe(5);
    expect(await send({ idempotencyKey: "k" }, SESSION)).toBe(await send({ idempotencyKey: "k" }, other));
    expect(state.tasks.size).toBe(6);
  });

  it("asks for an approval, and shows it to the approver with the command that decides", async () => {
    const { daemon, start } = desk();
    const { state } = await daemon();
    const mesh = await start("mesh");
    const asked = await mesh.callTool("request_approval", { targetRole: "executive", stepId: "post", payload: { total: "1.00" } }, SESSION);
    const { approvalId } = asked.structuredContent as { approvalId: string };
    const view = state.approvals.get(approvalId);
    if (view === undefined) throw new Error("the approval was not stored");
    state.approvals.set(approvalId, { ...view, side: "approver" });
    const opened = await mesh.callTool("open_approval", { approvalId });
    expect(opened.structuredContent).toMatchObject({
      payload: { total: "1.00" },
      payloadHash: view.payloadHash,
      decideWith: `gaggle approve ${approvalId}`,
    });
    expect(textOf(await mesh.callTool("fetch_status", {}, SESSION))).toContain("NOT_FOUND");
    state.sessions.set("20261120_1", "/work");
    expect((await mesh.callTool("fetch_status", {}, SESSION)).structuredContent).toMatchObject({
      kind: "session",
      approvals: [{ approvalId }],
    });
  });

  it("runs through the life of a task in the inbox", async () => {
    const { daemon, start } = desk();
    await daemon();
    const mesh = await start("mesh");
    const { taskId } = (await mesh.callTool("send_task", { targetRole: "marketing", task: "Do it" })).structuredContent as {
      taskId: string;
    };
    expect((await mesh.callTool("list_inbox", {})).structuredContent).toMatchObject({ items: [{ taskId, state: "SUBMITTED" }] });
    expect((await mesh.callTool("read_inbox_item", { id: taskId })).structuredContent).toMatchObject({ item: { task: "Do it" } });
    const states: unknown[] = [];
    for (const [tool, input] of [
      ["accept_task", {}],
      ["ask_back", { question: "Which month?" }],
      ["answer_task", { answer: "October" }],
      ["reject_task", { reason: "no" }],
      ["cancel_task", {}],
    ] as const) {
      states.push((await mesh.callTool(tool, { taskId, ...input })).structuredContent?.["state"]);
    }
    expect(states).toEqual(["WORKING", "INPUT_REQUIRED", "WORKING", "REJECTED", "CANCELED"]);
  });

  it("works with sessions: opens, shares, looks, hands over, leaves and closes, and says each in words", async () => {
    const { daemon, start } = desk();
    await daemon();
    const mesh = await start("mesh");
    const opened = await mesh.callTool(
      "open_session",
      { purpose: "Close", participants: [{ targetRole: "marketing", agentId: null }] },
      SESSION,
    );
    const { sessionId } = opened.structuredContent as { sessionId: string };
    expect(textOf(opened)).toMatch(/you own it[\s\S]*marco\.diaz joined/);
    const shard = { sessionId, id: "plan", title: "Plan", body: { a: 1 }, roles: ["marketing"], classes: ["internal"] };
    expect((await mesh.callTool("share_context", shard)).structuredContent).toMatchObject({
      shards: [{ id: "plan", version: 1, visibility: { roles: ["marketing"] } }],
    });
    expect((await mesh.callTool("session_status", { sessionId, shardId: "plan" })).structuredContent).toMatchObject({
      session: { sessionId },
    });
    expect(textOf(await mesh.callTool("session_status", {}))).toContain("No session is open here.");
    expect(textOf(await mesh.callTool("hand_off", { sessionId, targetRole: "marketing" }))).toContain("offered to marco.diaz");
    expect((await mesh.callTool("leave_session", { sessionId })).structuredContent).toMatchObject({ participation: "left" });
    expect((await mesh.callTool("close_session", { sessionId })).structuredContent).toMatchObject({ state: "CLOSED" });
    expect(textOf(await mesh.callTool("open_session", { purpose: "x", participants: [{}] }))).toMatch(/^INVALID_INPUT/);
  });

  it("shows agents and skills, and leaves messages", async () => {
    const { daemon, start } = desk();
    const { state } = await daemon();
    const mesh = await start("mesh");
    expect((await mesh.callTool("list_agents", { role: "marketing" })).structuredContent).toMatchObject({
      agents: [{ subject: "marco.diaz" }],
    });
    expect((await mesh.callTool("list_agents", { role: "sales" })).structuredContent).toEqual({ agents: [] });
    expect((await mesh.callTool("list_skills", {})).structuredContent).toEqual({
      skills: [{ skill: "accruals", descriptions: ["Accruals of a month"], roles: ["marketing"], online: 1 }],
    });
    await mesh.callTool("notify", { targetRole: "marketing", message: "Closed." });
    expect(state.notes).toMatchObject([{ message: "Closed.", severity: "info" }]);
  });

  it("takes null for what is left out, as models write it", async () => {
    const { daemon, start } = desk();
    await daemon();
    const mesh = await start("mesh");
    const input = { targetRole: "marketing", agentId: null, skill: null, task: "a", context: null, priority: null, idempotencyKey: null };
    expect(await mesh.callTool("send_task", input)).toMatchObject({ structuredContent: { state: "SUBMITTED" } });
  });

  it.each([
    ["an unknown argument", { targetRole: "marketing", task: "a", whatever: 1 }, /^INVALID_INPUT: send_task .*whatever/],
    ["a missing one", { targetRole: "marketing" }, /^INVALID_INPUT: send_task .*task/],
    ["nobody to ask", { task: "secret text" }, /^INVALID_INPUT: .*list_agents/],
    ["a role that is none", { targetRole: "No Role", task: "a" }, /^INVALID_INPUT: .*targetRole/],
    ["what policy denies", { targetRole: "legal", task: "secret text" }, /^POLICY_DENIED: .*Ask your admin/],
  ])("answers %s with a tool error that says what to do", async (_name, input, expected) => {
    const { daemon, start } = desk();
    await daemon();
    const answer = await (await start("mesh")).callTool("send_task", input);
    expect(answer.isError).toBe(true);
    expect(textOf(answer)).toMatch(expected);
    expect(textOf(answer)).not.toContain("secret text");
  });

  it("stops waiting when Goose cancels the call", async () => {
    const { daemon, start } = desk();
    await daemon({ "status.fetch": () => new Promise(() => undefined) });
    const mesh = await start("mesh");
    const { id } = mesh.start("tools/call", { name: "fetch_status", arguments: { id: "x", waitSeconds: 20 } });
    mesh.notify("notifications/cancelled", { requestId: id });
    expect((await mesh.callTool("list_agents", {})).isError).toBeUndefined();
    expect(await mesh.end()).toBe(0);
  });

  it("finds a daemon that was restarted under it", async () => {
    const { daemon, start } = desk();
    const first = await daemon();
    const mesh = await start("mesh");
    await mesh.callTool("list_agents", {});
    await first.close();
    await daemon();
    expect((await mesh.callTool("list_agents", {})).isError).toBeUndefined();
  });
});

describe("privacy-guard", () => {
  it("detects, masks and restores, and never says a value in its sentences", async () => {
    const { daemon, start } = desk();
    await daemon();
    const guard = await start("privacy-guard");
    const found = await guard.callTool("detect", { text: "ask ada@example.com" });
    expect(found.structuredContent).toEqual({ entities: [{ start: 4, end: 19, label: "email", score: 1, detector: "rule" }] });
    expect(textOf(found)).not.toContain("ada@");
    const masked = await guard.callTool("process", { text: "ask ada@example.com" }, SESSION);
    expect(masked.structuredContent).toMatchObject({ masked: "ask [[EMAIL_1]]", mapRef: "map-1" });
    const restored = await guard.callTool("restore", { masked: "[[EMAIL_1]]", mapRef: "map-1" }, SESSION);
    expect(restored.structuredContent).toEqual({ text: "ada@example.com" });
  });

  it("masks only within a session", async () => {
    const { daemon, start } = desk();
    await daemon();
    const answer = await (await start("privacy-guard")).callTool("process", { text: "a" });
    expect(textOf(answer)).toMatch(/^SESSION_UNKNOWN: /);
  });
});

describe("policy", () => {
  it("tells who this agent is and what it may do", async () => {
    const { daemon, start } = desk();
    await daemon();
    const policy = await start("policy");
    expect((await policy.callTool("whoami", {})).structuredContent).toMatchObject({ subject: "fiona.berg", role: "finance", level: 2 });
    expect((await policy.callTool("check", { action: "task.send", targetRole: "marketing" })).structuredContent).toMatchObject({
      allowed: true,
    });
    expect(textOf(await policy.callTool("check", { action: "audit.export" }))).toMatch(/^Not allowed: No rule allows it/);
    expect(textOf(await policy.callTool("check", { action: "fly" }))).toMatch(/^INVALID_INPUT: check .*action/);
  });
});

describe("the real Goose", () => {
  /** Runs Goose with all extensions and the hook, against a scripted model. */
  async function runGoose(scriptSteps: readonly ScriptStep[], home: string): Promise<Awaited<ReturnType<typeof startScriptedModel>>> {
    const goose = gooseRoot(tempFolder());
    const model = await startScriptedModel(scriptSteps);
    useModel(goose, model.url);
    const entry = (name: string): object => ({
      enabled: true,
      type: "stdio",
      name,
      description: name,
      cmd: process.execPath,
      args: [script(name)],
      envs: { GAGGLE_HOME: home },
      timeout: 30,
    });
    const extensions = Object.fromEntries(Object.keys(TOOLS).map((name) => [name, entry(name)]));
    writeFileSync(goose.configFile, stringify({ GOOSE_PROVIDER: "scripted", GOOSE_MODEL: "m", GOOSE_MODE: "auto", extensions }));
    const run = await goose.run(["run", "-q", "-t", "Go.", "--no-session", "--max-turns", "10"]);
    expect(run.code, run.stderr).toBe(0);
    return model;
  }

  it("lists every tool under its extension's name, and calls them with the session's id", async () => {
    const { daemon, home } = desk();
    const { state } = await daemon();
    const model = await runGoose(
      [
        {
          calls: [
            { tool: "mesh__send_task", input: { skill: "accruals", task: "Report", context: { period: "2026-10" } } },
            { tool: "policy__whoami", input: {} },
            { tool: "privacy-guard__process", input: { text: "ask ada@example.com" } },
          ],
        },
        { calls: [{ tool: "mesh__send_task", input: { targetRole: "legal", task: "Report" } }] },
      ],
      home,
    );
    const names = model.requests[0]?.tools?.map((tool) => tool.function.name) ?? [];
    expect(names).toEqual(
      expect.arrayContaining(Object.entries(TOOLS).flatMap(([name, tools]) => tools.map((tool) => `${name}__${tool}`))),
    );
    const [sent, me, masked, denied] = model.results();
    const [task] = [...state.tasks.values()];
    expect(sent).toContain(`{"taskId":"${task?.taskId}"`);
    expect(task?.sessionId).toMatch(/^\d{8}_\d+$/);
    expect(me).toContain("This is the agent of fiona.berg");
    expect(masked).toContain('"masked":"ask [[EMAIL_1]]"');
    expect(denied).toContain("POLICY_DENIED: The policy does not let finance ask legal. Ask your admin.");
  });

  it("goes on when no daemon can be reached: the model hears what to do", async () => {
    const { home } = desk();
    const model = await runGoose([{ calls: [{ tool: "mesh__list_agents", input: {} }] }], home);
    expect(model.results()[0]).toContain("NOT_JOINED");
  });
});
