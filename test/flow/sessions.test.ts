/** One session of three real daemons from dist/: shards seen, masked and not seen, a task with live progress, a hand-off with kill -9 in between, the end. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TaskView } from "../../mesh/contract/daemon-api.ts";
import type { SessionView } from "../../mesh/contract/session.ts";
import type { DaemonWorld, WorldAgent } from "../support/daemon-world.ts";
import { startThree } from "../support/running-three.ts";
import { until } from "../support/until.ts";

/** The first text of another department waits for the guard's model to be loaded, which is seconds of work, and is sent again meanwhile. */
const MODEL_MS = 90_000;
const PLAN = { contact: "Anna Schmidt", mail: "anna.schmidt@example.org", steps: ["bank", "accruals"] };

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
let edward: WorldAgent;
let sessionId: string;

beforeAll(async () => {
  ({ world, fiona, marco, edward } = await startThree());
});
afterAll(() => world?.close());

const look = (agent: WorldAgent, shard?: string): Promise<SessionView> =>
  agent.call("session.status", { sessionId, ...(shard === undefined ? {} : { shard }) });
/** Ids mean something in the owner's department alone, so shards are known by their titles. */
const titlesAt = async (agent: WorldAgent): Promise<string[]> => (await look(agent)).shards.map(({ title }) => title).toSorted();
const has = (agent: WorldAgent, titles: readonly string[]) =>
  until(
    `${agent.subject} has ${titles.join(", ")}`,
    async () => {
      expect(await titlesAt(agent)).toEqual(titles.toSorted());
      return true;
    },
    MODEL_MS,
  );
const shardOf = async (agent: WorldAgent, called: string) => {
  const id = (await look(agent)).shards.find(({ title }) => title === called)?.id ?? expect.unreachable();
  return (await look(agent, id)).shards.find((one) => one.id === id) ?? expect.unreachable();
};
const said = async (agent: WorldAgent, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await agent.gaggle(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  return stdout;
};

describe("a session of three daemons", () => {
  it("is opened and joined, and each sees the shards that policy and visibility allow, masked where nothing may be restored", async () => {
    const opened = JSON.parse(
      await said(fiona, "--json", "session", "open", "Close October", "--with", "marketing,executive"),
    ) as SessionView;
    sessionId = opened.sessionId;
    await until("both have joined", async () => (await look(fiona)).participants.every(({ state }) => state === "joined"));
    const file = join(world.dir, "plan.json");
    writeFileSync(file, JSON.stringify(PLAN));
    await said(fiona, "session", "share", sessionId, "plan", file, "--title", "Plan");
    await said(fiona, "session", "share", sessionId, "campaign", file, "--title", "Campaign", "--departments", "marketing");
    await said(fiona, "session", "share", sessionId, "wages", file, "--title", "Wages", "--classes", "payroll");
    await has(marco, ["Campaign", "Plan"]);
    // Its title may be masked, too.
    const { id } = await until("edward has one", async () => (await look(edward)).shards[0]);
    expect((await shardOf(marco, "Plan")).body).toEqual(PLAN);
    const masked = JSON.stringify((await look(edward, id)).shards);
    expect(id).toBe((await shardOf(marco, "Plan")).id);
    expect(masked).not.toMatch(/Anna|Schmidt|anna\.schmidt/);
    expect(masked).toMatch(/PERSON_\w{10}.*EMAIL_\w{10}/);
    const withheld = (await fiona.audit("session.withhold")).map(({ details }) => `${details["shard"]} ${details["toSubject"]}`);
    expect(new Set(withheld)).toEqual(new Set(["wages marco.diaz", "wages edward.lindqvist"]));
  });

  it("carries a task with references only, whose progress the asker sees while it waits", async () => {
    const target = ["--role", "marketing", "--session", sessionId];
    let shown = "";
    const waiting = fiona.gaggle(["send", "Look through the plan.", ...target, "--wait"], "", fiona.env, (text) => {
      shown += text;
    });
    const { taskId } = await until("marco has the task", async () => {
      const { items } = await marco.call("inbox.list", {});
      return items.find((item) => item.kind === "task" && item.task === "Look through the plan.") as TaskView | undefined;
    });
    await marco.call("inbox.accept", { taskId });
    for (const page of [2, 3]) {
      await marco.call("inbox.progress", { taskId, note: `Reading page ${page}`, fraction: 0.5 });
      await until("the waiting command shows it", () => {
        expect(shown).toContain(`Reading page ${page}`);
        return true;
      });
    }
    const item = await marco.call("inbox.read", { id: taskId });
    const { id } = await shardOf(marco, "Plan");
    expect(id).toMatch(/^shard-/);
    expect(item).toMatchObject({ session: { id: sessionId, shards: expect.arrayContaining([{ id, version: 1 }]) } });
    expect(JSON.stringify(item)).not.toMatch(/Anna|"plan"/);
    await marco.call("inbox.complete", { taskId, result: { read: true } });
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(stdout).toMatch(/WORKING · Reading page \d \(50 %\)[\s\S]*COMPLETED[\s\S]*"read": true/);
    expect((await look(fiona)).totals.tasks).toEqual({ COMPLETED: 1 });
  });

  it("is handed over though both sides are killed in between: exactly one owns it in the end, and all know who", async () => {
    // An owner sees all of a session, so what marketing may not see goes first.
    const refused = await fiona.gaggle(["session", "hand", sessionId, "marketing"]);
    expect(refused.stderr).toContain("wages");
    await fiona.call("session.share", { sessionId, id: "wages", title: "Wages", classes: ["internal"], visibility: {}, body: {} });
    await has(marco, ["Campaign", "Plan", "Wages"]);
    await said(fiona, "session", "hand", sessionId, "marketing");
    await until("it is offered", async () => (await look(marco)).offered);
    await fiona.kill();
    expect(await said(marco, "session", "accept", sessionId)).toContain("you");
    await marco.kill();
    await fiona.start();
    await marco.start();
    for (const agent of [fiona, marco, edward])
      await until(`${agent.subject} knows the owner`, async () => (await look(agent)).owner.subject === "marco.diaz", 60_000);
    const views = await Promise.all([fiona, marco, edward].map((agent) => look(agent)));
    expect(views.map(({ mine, epoch }) => `${mine} ${epoch}`)).toEqual(["participant 2", "owner 2", "participant 2"]);
    await has(fiona, ["Plan", "Wages"]);
    expect((await fiona.gaggle(["session", "close", sessionId])).stderr).toContain("owner");
    const { id } = await shardOf(marco, "Plan");
    await marco.call("session.share", { sessionId, id, title: "Plan", body: { by: "marco" } });
    await until("fiona has the new version", async () => (await shardOf(fiona, "Plan")).version === 2, 60_000);
  });

  it("ends for all at its close: nothing that was shared stays, and every chain has it", async () => {
    expect(await said(fiona, "status", sessionId)).toMatch(/OPEN[\s\S]*owner +marco\.diaz/);
    await said(marco, "session", "close", sessionId);
    for (const agent of [fiona, marco, edward]) {
      await until(`${agent.subject} sees the end`, async () => (await look(agent)).state === "CLOSED", 30_000);
      expect(await titlesAt(agent)).toEqual([]);
      expect(await agent.audit("session.close")).toMatchObject([{ result: "ok" }]);
    }
    expect(await said(fiona, "session", "list")).toContain("No session is open here.");
  });
});
