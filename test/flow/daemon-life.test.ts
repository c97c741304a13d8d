/** One daemon per home, whoever starts it and however it ends. Real processes from dist/. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import type { TaskView } from "../../mesh/contract/daemon-api.ts";
import { type DaemonWorld, foundWorld, INSTALL_DIR, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { startMcp } from "../support/mcp-process.ts";

const MESH = join(INSTALL_DIR, "dist", "extensions", "mesh.js");

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance", "marco.diaz": "marketing" } });
  [fiona, marco] = [world.agent("fiona.berg"), world.agent("marco.diaz")];
});
afterAll(() => world?.close());

const ask = (key: string) => fiona.call("task.send", { target: { targetRole: "marketing" }, task: `Look at ${key}.`, idempotencyKey: key });
const taskAt = (agent: WorldAgent, taskId: string): Promise<TaskView> =>
  until(`${agent.subject} has the task`, async () => {
    const { items } = await agent.call("inbox.list", { limit: 500 });
    const found = items.find((item) => item.kind === "task" && item.taskId === taskId);
    return found?.kind === "task" ? found : undefined;
  });
const isStored = async (taskId: string): Promise<boolean> => {
  const view = await fiona.call("status.fetch", { id: taskId });
  return view.kind === "task" && view.delivery === "stored";
};

describe("the daemon of a home", () => {
  it("is one, when eight extensions and commands start at once where none runs, and all of them are answered", async () => {
    expect(fiona.daemonPids()).toEqual([]);
    const extensions = Array.from({ length: 4 }, () => startMcp(MESH, fiona.env));
    const throughGoose = extensions.map(async (extension) => {
      await extension.initialize();
      return extension.callTool("list_agents", {});
    });
    const commands = ["status", "peers", "inbox", "outbox"].map((command) => fiona.gaggle(["--json", command]));
    // Only the daemon can say so: these calls name no session.
    for (const { content } of await Promise.all(throughGoose)) expect(content[0]?.text).toMatch(/^SESSION_UNKNOWN/);
    for (const { code, stderr } of await Promise.all(commands)) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [pid] = await until("the daemons that lost have ended", () => (fiona.daemonPids().length === 1 ? fiona.daemonPids() : undefined));
    expect((await fiona.call("daemon.status", {})).pid).toBe(pid);
    expect(await fiona.audit("daemon.start")).toHaveLength(1);
  });

  it("is shared by two Goose sessions of one person, whose traces differ", async () => {
    await marco.start();
    await world.meet(["fiona.berg", "marco.diaz"]);
    const { pid } = await fiona.call("daemon.status", {});
    const sessions = ["20261031_1", "20261031_2"];
    for (const sessionId of sessions) await fiona.call("session.register", { sessionId });
    const extensions = sessions.map(() => startMcp(MESH, fiona.env));
    await Promise.all(extensions.map((extension) => extension.initialize()));
    const sent = await Promise.all(
      extensions.map((extension, index) =>
        extension.callTool(
          "notify",
          { targetRole: "marketing", message: `from session ${index}` },
          { "agent-session-id": sessions[index], "agent-tool-call-request-id": `call-${index}` },
        ),
      ),
    );
    expect(sent.map(({ isError, content }) => ({ isError, content }))).not.toContainEqual(expect.objectContaining({ isError: true }));
    expect(fiona.daemonPids()).toEqual([pid]);
    const registered = (await fiona.audit("session.register")).slice(-2);
    expect(registered.map(({ target }) => target)).toEqual(sessions.map((id) => `session:${id}`));
    expect(new Set(registered.map(({ traceId }) => traceId)).size).toBe(2);
  });

  it("replaces the socket that a killed one left behind", async () => {
    await fiona.kill();
    expect(existsSync(socketPathFor(fiona.home))).toBe(true);
    const { code, stdout } = await fiona.gaggle(["--json", "status"]);
    expect(code).toBe(0);
    expect(fiona.daemonPids()).toEqual([(JSON.parse(stdout) as { pid: number }).pid]);
  });

  it("that is started a second time says that one serves the home already, and ends with 0", async () => {
    const [pid] = fiona.daemonPids();
    const { code, stdout } = await fiona.gaggle(["agent"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Another daemon serves this home already.\n" });
    expect(fiona.daemonPids()).toEqual([pid]);
  });
});

describe("a daemon that is killed", () => {
  it("has every task that it acknowledged after the next start, and so has the other side", async () => {
    await world.meet(["fiona.berg", "marco.diaz"]);
    const early = await Promise.all(["a", "b", "c"].map(ask));
    const inFlight = [ask("d"), ask("e"), ask("f")].map((sent) => sent.catch(() => undefined));
    const acknowledged = [...early, await inFlight[0]];
    await fiona.kill();
    const rest = await Promise.all(inFlight);
    await fiona.start();
    for (const sent of [...acknowledged, ...rest]) {
      if (sent === undefined) continue;
      expect(await fiona.call("status.fetch", { id: sent.taskId })).toMatchObject({ kind: "task", taskId: sent.taskId, side: "asker" });
      await taskAt(marco, sent.taskId);
      await until("the asker knows that it is stored", () => isStored(sent.taskId));
    }
    expect(new Set(acknowledged.map((sent) => sent?.taskId)).size).toBe(4);
  });

  it("gives the same task for the same key as before, and sends it once", async () => {
    const before = await ask("once");
    await fiona.kill();
    await fiona.start();
    expect((await ask("once")).taskId).toBe(before.taskId);
    await taskAt(marco, before.taskId);
    // What is asked later comes later, so a second one would be here by now.
    await taskAt(marco, (await ask("after once")).taskId);
    const received = (await marco.audit("message.receive")).filter(({ details }) => details["ref"] === before.taskId);
    expect(received).toHaveLength(1);
  });

  it("keeps what it told the sender it has, when it is the receiver", async () => {
    const sent = await Promise.all(Array.from({ length: 10 }, (_, index) => ask(`receiver ${index}`)));
    await until("some are stored", async () => (await Promise.all(sent.map(({ taskId }) => isStored(taskId)))).includes(true));
    const stored = (await Promise.all(sent.map(async ({ taskId }) => ((await isStored(taskId)) ? taskId : "")))).filter(Boolean);
    await marco.kill();
    await marco.start();
    for (const taskId of stored) expect(await marco.call("inbox.read", { id: taskId })).toMatchObject({ kind: "task", taskId });
    for (const { taskId } of sent) await taskAt(marco, taskId);
    const receipts = (await marco.audit("message.receive")).filter(({ details }) => sent.some(({ taskId }) => taskId === details["ref"]));
    expect(receipts).toHaveLength(sent.length);
  });
});

describe("without the bootstrap node", () => {
  it("agents that have met go on exchanging tasks, also after both have started anew", async () => {
    await world.meet(["fiona.berg", "marco.diaz"]);
    await world.bootstrap.kill();
    const first = await ask("no bootstrap node");
    await taskAt(marco, first.taskId);
    await Promise.all([fiona.stop(), marco.stop()]);
    await Promise.all([fiona.start(), marco.start()]);
    await world.meet(["fiona.berg", "marco.diaz"]);
    const second = await ask("no bootstrap node, new daemons");
    await taskAt(marco, second.taskId);
    await marco.call("inbox.accept", { taskId: second.taskId });
    await marco.call("inbox.complete", { taskId: second.taskId, result: { looked: true } });
    await until("fiona has the result", async () => {
      const view = await fiona.call("status.fetch", { id: second.taskId });
      return view.kind === "task" && view.state === "COMPLETED";
    });
    expect((await fiona.call("daemon.status", {})).bootstrap.reachable).toBe(false);
  });
});
