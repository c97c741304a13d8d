import { beforeEach, describe, expect, test } from "vitest";
import type { Fanout } from "../../../../mesh/contract/daemon-api.ts";
import type { TargetRoute } from "../../../../mesh/session/ports.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";

const NAMES = ["marco.diaz", "ingrid.sandberg", "nils.ekstrom"];

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

type Ending = "COMPLETED" | "FAILED" | "never";

/** How long each worker's run takes and how it ends. */
const ends = (state: Ending, delayMs: number): NonNullable<NodeOptions["run"]> =>
  state === "never"
    ? () => undefined
    : () => ({ outcome: state === "COMPLETED" ? { state, result: { after: delayMs } } : { state, message: "no" }, delayMs });

/** An asker and three workers of one role; the route is all of them, in this order. */
async function team(endings: readonly (readonly [Ending, number])[]) {
  const asker = world.addMember("fiona.berg", "finance");
  const members = NAMES.slice(0, endings.length).map((name) => world.addMember(name, "marketing"));
  const ranked = members.map(({ principal }) => ({ principal }));
  const [first] = ranked;
  if (first === undefined) throw new Error("nobody");
  const other = { principal: asker.principal, because: "is this agent itself" };
  // As the directory's router does: everybody but the first with why, and all of them in order.
  const later = ranked.slice(1).map(({ principal }) => ({ principal, because: "comes later by name" }));
  const route = (): TargetRoute => ({ to: first.principal, because: "online, first by name", notChosen: [...later, other], ranked });
  const finance = await startNode(world, asker, { route });
  const workers: TestNode[] = [];
  for (const [i, member] of members.entries()) {
    const [state, delayMs] = endings[i] ?? ["never", 0];
    workers.push(await startNode(world, member, { skills: { accruals: "safe" }, run: ends(state, delayMs) }));
  }
  return { finance, workers };
}

const ask = (node: TestNode, fanout?: Fanout, key = "k") =>
  node.call("task.send", {
    target: { skill: "accruals", ...(fanout === undefined ? {} : { fanout }) },
    task: "October",
    idempotencyKey: key,
  });

const taskOf = async (node: TestNode, id: string) => {
  const view = await node.call("status.fetch", { id });
  if (view.kind !== "task") throw new Error("not a task");
  return view;
};

const states = async (node: TestNode, id: string) => (await taskOf(node, id)).group?.children.map(({ state }) => state);

describe("one task asked of several people", () => {
  test("all: ends when each has ended, with the result of each", async () => {
    const { finance } = await team([
      ["COMPLETED", 100],
      ["COMPLETED", 900],
    ]);
    const sent = await ask(finance, { mode: "all" });
    expect(sent.children).toHaveLength(2);
    await world.clock.advance(500);
    expect(await taskOf(finance, sent.taskId)).toMatchObject({ state: "WORKING", message: "1 of 2 have completed it." });
    await world.clock.advance(2_000);
    const done = await taskOf(finance, sent.taskId);
    expect(done.state).toBe("COMPLETED");
    expect(done.result).toMatchObject([
      { subject: "marco.diaz", result: { after: 100 } },
      { subject: "ingrid.sandberg", result: { after: 900 } },
    ]);
  });

  test("all: fails where one fails, and the results of the others are kept", async () => {
    const { finance } = await team([
      ["COMPLETED", 100],
      ["FAILED", 200],
    ]);
    const { taskId } = await ask(finance, { mode: "all" });
    await world.clock.advance(3_000);
    expect(await taskOf(finance, taskId)).toMatchObject({ state: "FAILED", result: [{ subject: "marco.diaz" }] });
  });

  test("any: the first to accept has it, and the others are called off", async () => {
    const { finance, workers } = await team([
      ["never", 0],
      ["COMPLETED", 600],
      ["COMPLETED", 600],
    ]);
    // The first is off, so the second or third accepts.
    workers[0]?.stop();
    const { taskId } = await ask(finance, { mode: "any" });
    await world.clock.advance(5_000);
    const view = await taskOf(finance, taskId);
    expect(view).toMatchObject({ state: "COMPLETED", result: { after: 600 } });
    expect(view.group?.children.filter(({ state }) => state === "COMPLETED")).toHaveLength(1);
    expect(view.group?.children.filter(({ state }) => state === "CANCELED")).toHaveLength(1);
  });

  test("any: goes on with the others where one refuses or fails before anyone accepts, and fails when nobody is left", async () => {
    const { finance } = await team([
      ["FAILED", 100],
      ["FAILED", 100],
    ]);
    const { taskId } = await ask(finance, { mode: "any" });
    await world.clock.advance(3_000);
    expect((await taskOf(finance, taskId)).state).toBe("FAILED");
  });

  test("quorum: ends when enough have completed, and calls the rest off", async () => {
    const { finance, workers } = await team([
      ["COMPLETED", 100],
      ["COMPLETED", 300],
      ["never", 0],
    ]);
    const { taskId } = await ask(finance, { mode: "quorum", n: 2 });
    await world.clock.advance(5_000);
    expect(await taskOf(finance, taskId)).toMatchObject({ state: "COMPLETED" });
    expect(await states(finance, taskId)).toEqual(["COMPLETED", "COMPLETED", "CANCELED"]);
    expect(workers[2]?.state.stopped).toHaveLength(1);
  });

  test("quorum: fails as soon as too few are left, and is refused where it can't be reached at all", async () => {
    const { finance } = await team([
      ["FAILED", 100],
      ["FAILED", 200],
      ["never", 0],
    ]);
    const { taskId } = await ask(finance, { mode: "quorum", n: 2 });
    await world.clock.advance(5_000);
    expect((await taskOf(finance, taskId)).state).toBe("FAILED");
    await expect(ask(finance, { mode: "quorum", n: 4 }, "k2")).rejects.toMatchObject({ code: "NO_ROUTE" });
  });

  test("canceling the group cancels each", async () => {
    const { finance } = await team([
      ["never", 0],
      ["never", 0],
    ]);
    const { taskId } = await ask(finance, { mode: "all" });
    await world.clock.advance(1_000);
    await finance.call("task.cancel", { taskId });
    await world.clock.advance(2_000);
    expect((await taskOf(finance, taskId)).state).toBe("CANCELED");
    expect(await states(finance, taskId)).toEqual(["CANCELED", "CANCELED"]);
  });

  test("is sent once per idempotency key, and is there again after a crash", async () => {
    const { finance } = await team([
      ["COMPLETED", 5_000],
      ["COMPLETED", 5_000],
    ]);
    const sent = await ask(finance, { mode: "all" });
    expect(await ask(finance, { mode: "all" })).toEqual(sent);
    const again = await finance.restart();
    expect(await ask(again, { mode: "all" })).toMatchObject({ taskId: sent.taskId, children: sent.children });
    await world.clock.advance(10_000);
    expect(await states(again, sent.taskId)).toEqual(["COMPLETED", "COMPLETED"]);
  });
});

describe("the choice of an agent", () => {
  test("is told with the task and in one audit event, with why the others were not chosen", async () => {
    const { finance } = await team([
      ["COMPLETED", 100],
      ["never", 0],
    ]);
    const { taskId, children } = await ask(finance);
    expect(children).toBeUndefined();
    const { route } = await taskOf(finance, taskId);
    expect(route).toMatchObject({
      because: "online, first by name",
      notChosen: [
        { subject: "ingrid.sandberg", because: "comes later by name" },
        { subject: "fiona.berg", because: "is this agent itself" },
      ],
    });
    const { taskId: groupId } = await ask(finance, { mode: "all" }, "k2");
    const events = (await finance.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "task.route");
    expect(events.map(({ target, details }) => ({ target, ...details }))).toMatchObject([
      { target: `task:${taskId}`, mode: "one", chosen: "marco.diaz", agents: 1, wanted: "skill accruals" },
      { target: `task:${groupId}`, mode: "all", chosen: "marco.diaz,ingrid.sandberg", agents: 2 },
    ]);
    expect(events[0]?.details).toMatchObject({ because: "online, first by name", notChosen: expect.stringMatching(/^ingrid.*fiona/) });
    expect(events[1]?.details["notChosen"]).toBe("fiona.berg: is this agent itself");
    const created = (await finance.chain.list({ fromSeq: 1, limit: 100 })).filter(({ details }) => details["group"] === groupId);
    expect(created.map(({ action, details }) => [action, details["toSubject"]])).toEqual([
      ["task.create", "marco.diaz"],
      ["task.create", "ingrid.sandberg"],
    ]);
    // The router says of everybody but the first why: whoever is asked too was chosen all the same.
    expect((await taskOf(finance, groupId)).route?.notChosen.map(({ subject }) => subject)).toEqual(["fiona.berg"]);
  });
});
