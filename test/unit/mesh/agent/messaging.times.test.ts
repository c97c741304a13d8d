/** When a task is due, too late, read, and which of several goes first. */
import { beforeEach, expect, test } from "vitest";
import { createWorld, type NodeOptions, type TestNode, type World } from "../../../support/messaging-node.ts";
import { startPair, stateOf } from "../../../support/messaging-pair.ts";

const HOUR_MS = 3_600_000;
const DONE: NodeOptions["run"] = () => ({ outcome: { state: "COMPLETED", result: "done" }, delayMs: 500 });

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

const pair = (worker?: NodeOptions) => startPair(world, worker);

const RUNS: NodeOptions = { skills: { accruals: "safe" }, run: DONE };
const inMs = (ms: number): string => new Date(world.clock.now() + ms).toISOString();
const send = (node: TestNode, key: string, more: Record<string, unknown> = {}) =>
  node.call("task.send", { target: { targetRole: "marketing", skill: "accruals" }, task: "October", idempotencyKey: key, ...more });

test("a task with a later start is delivered at once and runs only when its time has come, also after a restart", async () => {
  const { finance, marketing } = await pair(RUNS);
  const { taskId } = await send(finance, "later", { startAt: inMs(HOUR_MS) });
  await world.clock.advance(HOUR_MS - 1_000);
  expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ state: "SUBMITTED", delivery: "stored" });
  const again = await marketing.restart();
  await world.clock.advance(500);
  expect(again.state.started).toEqual([]);
  await world.clock.advance(2_000);
  expect(await stateOf(finance, taskId)).toBe("COMPLETED");
});

test("a person sees a task with a later start among all items at once, and as due only from then on", async () => {
  const { finance, marketing } = await pair();
  await send(finance, "later", { startAt: inMs(HOUR_MS) });
  await world.clock.advance(1_000);
  expect((await marketing.call("inbox.list", {})).items).toEqual([]);
  expect((await marketing.call("inbox.list", { waiting: false })).items).toHaveLength(1);
  await world.clock.advance(HOUR_MS);
  expect((await marketing.call("inbox.list", {})).items).toHaveLength(1);
});

test("a clock that jumps ahead starts what is due by then, and one that jumps back starts nothing early", async () => {
  const { finance, marketing } = await pair(RUNS);
  const { taskId } = await send(finance, "a", { startAt: inMs(HOUR_MS) });
  await world.clock.advance(1_000);
  world.clock.jump(-HOUR_MS);
  await world.clock.advance(HOUR_MS + 60_000);
  expect(marketing.state.started).toEqual([]);
  world.clock.jump(HOUR_MS);
  await world.clock.advance(60_000);
  expect(await stateOf(finance, taskId)).toBe("COMPLETED");
});

test("a request that is not delivered by its end is a dead letter and FAILED, and can't be sent again", async () => {
  const { finance, marketing } = await pair(RUNS);
  marketing.stop();
  const { taskId } = await send(finance, "a", { expiresAt: inMs(HOUR_MS) });
  await world.clock.advance(HOUR_MS + 61_000);
  expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
    state: "FAILED",
    delivery: "dead",
    message: expect.stringContaining("ENVELOPE_EXPIRED"),
  });
  const [dead] = (await finance.call("dead.list", {})).items;
  await expect(finance.call("dead.retry", { id: dead?.id ?? "" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
});

test("a delivered task that nobody has begun by its end FAILED on both sides; one that was begun goes on", async () => {
  const { finance, marketing } = await pair();
  const idle = await send(finance, "idle", { expiresAt: inMs(HOUR_MS) });
  const begun = await send(finance, "begun", { expiresAt: inMs(HOUR_MS) });
  await world.clock.advance(1_000);
  await marketing.call("inbox.accept", { taskId: begun.taskId });
  await world.clock.advance(HOUR_MS + 60_000);
  expect(await Promise.all([finance, marketing].map((node) => stateOf(node, idle.taskId)))).toEqual(["FAILED", "FAILED"]);
  expect(await Promise.all([finance, marketing].map((node) => stateOf(node, begun.taskId)))).toEqual(["WORKING", "WORKING"]);
  await expect(marketing.call("inbox.accept", { taskId: idle.taskId })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
});

test("times that make no sense are refused", async () => {
  const { finance } = await pair();
  for (const times of [
    { expiresAt: inMs(-1) },
    { expiresAt: inMs(15 * 24 * HOUR_MS) },
    { startAt: inMs(91 * 24 * HOUR_MS) },
    { startAt: inMs(HOUR_MS), expiresAt: inMs(HOUR_MS) },
  ])
    await expect(send(finance, "x", times), JSON.stringify(times)).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("P0 overtakes what waits for a run, and never what runs", async () => {
  const { finance, marketing } = await pair({ ...RUNS, concurrency: 1 });
  const order: string[] = [];
  for (const [key, priority] of [
    ["first", "P3"],
    ["low", "P3"],
    ["middle", "P2"],
    ["urgent", "P0"],
  ] as const) {
    order.push((await send(finance, key, { priority })).taskId);
    await world.clock.advance(10);
  }
  await world.clock.advance(10_000);
  const [first, low, middle, urgent] = order;
  expect(marketing.state.started.map(({ taskId }) => taskId)).toEqual([first, urgent, middle, low]);
});

test("the asker sees when the receiver's person has opened a task, and hears of it once", async () => {
  const { finance, marketing } = await pair();
  const { taskId } = await send(finance, "a");
  await world.clock.advance(1_000);
  expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ delivery: "stored" });
  expect(await finance.call("status.fetch", { id: taskId })).not.toHaveProperty("readAt");
  await marketing.call("inbox.read", { id: taskId });
  await marketing.call("inbox.read", { id: taskId });
  await world.clock.advance(1_000);
  const view = await finance.call("status.fetch", { id: taskId });
  expect(view).toMatchObject({ state: "SUBMITTED", readAt: new Date(world.clock.now() - 1_000).toISOString() });
  const said = (await marketing.chain.list({ fromSeq: 1, limit: 100 })).filter(({ details }) => details["type"] === "task.read");
  expect(said.map(({ action }) => action).sort()).toEqual(["message.deliver", "message.send"]);
});
