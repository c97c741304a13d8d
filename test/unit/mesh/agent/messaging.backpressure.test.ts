/** What a full inbox, a fast sender, a long outbox and a person who changes their mind do to delivery. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { ENVELOPE_LIFETIME_MS, FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { INVARIANTS } from "../../../../mesh/delivery/invariants.ts";
import { writeMark } from "../../../../mesh/mailbox/mail-mark.ts";
import { QUEUED_RANGE } from "../../../../mesh/delivery/outbox-record.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import { startPair, stateOf } from "../../../support/messaging-pair.ts";

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

const pair = (worker?: NodeOptions) => startPair(world, worker);

const send = (node: TestNode, key: string, more: Record<string, unknown> = {}) =>
  node.call("task.send", { target: { targetRole: "marketing" }, task: key, idempotencyKey: key, ...more });
const waitingTasks = async (node: TestNode) =>
  (await node.call("inbox.list", {})).items.map((item) => (item.kind === "task" ? item.task : ""));

test("a full inbox answers busy, takes more when an item is done, and counts anew after a restart", async () => {
  const { finance, marketing } = await pair({ quota: { itemsPerSender: 2 } });
  const first = await send(finance, "one");
  await send(finance, "two");
  const third = await send(finance, "three");
  await world.clock.advance(60_000);
  expect((await waitingTasks(marketing)).sort()).toEqual(["one", "two"]);
  expect((await finance.call("outbox.list", {})).items).toMatchObject([{ lastError: "BUSY", nextAttemptAt: expect.any(String) }]);
  expect((await finance.messaging.counts()).busy).toMatchObject({ recipients: 1, away: 0 });
  expect((await marketing.messaging.counts()).busy.inbox).toMatchObject({ items: 2, answered: expect.any(Number) });
  const again = await marketing.restart();
  await world.clock.advance(60_000);
  expect(await stateOf(finance, third.taskId)).toBe("SUBMITTED");
  await again.call("inbox.complete", { taskId: first.taskId, result: "done" });
  await world.clock.advance(120_000);
  expect((await waitingTasks(again)).sort()).toEqual(["three", "two"]);
  expect((await again.messaging.counts()).busy.inbox.items).toBe(2);
});

test("a cancel passes a full inbox and makes room", async () => {
  const { finance, marketing } = await pair({ quota: { itemsPerSender: 1 } });
  const { taskId } = await send(finance, "one", { sessionId: "close" });
  await world.clock.advance(100);
  await send(finance, "two", { sessionId: "close" });
  await world.clock.advance(100);
  await finance.call("task.cancel", { taskId });
  await world.clock.advance(100);
  expect(await stateOf(finance, taskId)).toBe("CANCELED");
  await world.clock.advance(120_000);
  expect(await waitingTasks(marketing)).toEqual(["two"]);
});

test("quotas hold by bytes, too, and for all senders together", async () => {
  const { finance, marketing } = await pair({ quota: { bytesPerSender: 10_000, items: 2 } });
  await send(finance, "large", { task: "x".repeat(9_000) });
  await send(finance, "small");
  await world.clock.advance(1_000);
  expect(await waitingTasks(marketing)).toEqual(["small"]);
  const other = await startNode(world, world.addMember("hanna.okoye", "hr"));
  await send(other, "second");
  await send(other, "third");
  await world.clock.advance(60_000);
  expect((await waitingTasks(marketing)).sort()).toEqual(["second", "small"]);
});

test("on a full disk a worker's words on progress cost a try a second, results pass, and the newest word comes when there is room", async () => {
  let free = FREE_SPACE_FLOOR_BYTES;
  const { finance, marketing } = await startPair(world, {}, { freeBytes: () => free });
  const [{ taskId }, other] = [await send(finance, "one"), await send(finance, "two")];
  await world.clock.advance(1_000);
  const progressOf = async () => {
    const view = await finance.call("status.fetch", { id: taskId });
    return view.kind === "task" ? view.progress?.note : undefined;
  };
  free = 0;
  const before = world.network.state.frames;
  await marketing.call("inbox.progress", { taskId, note: "half" });
  await marketing.call("inbox.progress", { taskId, note: "nearly" });
  await marketing.call("inbox.complete", { taskId: other.taskId, result: "done" });
  await world.clock.advance(20_000);
  expect(await progressOf()).toBeUndefined();
  expect(await stateOf(finance, other.taskId)).toBe("COMPLETED");
  expect(world.network.state.frames - before).toBeLessThan(30);
  free = FREE_SPACE_FLOOR_BYTES;
  await world.clock.advance(2_000);
  expect(await progressOf()).toBe("nearly");
});

test("a run that could not begin on a full disk begins within a second of there being room, and once", async () => {
  let free = FREE_SPACE_FLOOR_BYTES;
  const { finance, marketing } = await pair({ skills: { report: "safe" }, freeBytes: () => free });
  const startAt = new Date(world.clock.now() + 5_000).toISOString();
  await send(finance, "later", { target: { targetRole: "marketing", skill: "report" }, startAt });
  await world.clock.advance(4_000);
  free = 0;
  await world.clock.advance(22_000);
  expect(marketing.state.started).toEqual([]);
  free = FREE_SPACE_FLOOR_BYTES;
  await world.clock.advance(1_000);
  expect(marketing.state.started).toHaveLength(1);
  await world.clock.advance(60_000);
  expect(marketing.state.started).toHaveLength(1);
});

test("answers pass at an asker whose disk is full, since they let running work end", async () => {
  let free = FREE_SPACE_FLOOR_BYTES;
  const { finance, marketing } = await startPair(world, {}, { freeBytes: () => free });
  const { taskId } = await send(finance, "one");
  await world.clock.advance(1_000);
  await marketing.call("inbox.accept", { taskId });
  await marketing.call("inbox.ask", { taskId, question: "Which month?" });
  await world.clock.advance(1_000);
  free = 0;
  await finance.call("task.answer", { taskId, answer: "October" });
  await world.clock.advance(1_000);
  expect(await marketing.call("status.fetch", { id: taskId })).toMatchObject({ answers: [{ answer: "October" }] });
});

test("a sender that is faster than its rate is told to come later; all arrive in the end, and nobody else waits", async () => {
  const { finance, marketing } = await pair({ rate: { perSecond: 1, burst: 2 } });
  for (let i = 0; i < 5; i++) await send(finance, `task-${i}`);
  const other = await startNode(world, world.addMember("hanna.okoye", "hr"));
  await send(other, "of another");
  await world.clock.advance(100);
  expect((await waitingTasks(marketing)).sort()).toEqual(["of another", "task-0", "task-1"]);
  await world.clock.advance(60_000);
  expect(await waitingTasks(marketing)).toHaveLength(6);
});

test("a message that was never sent is taken back at once; one that may have arrived is canceled by its worker", async () => {
  const { finance, marketing } = await pair();
  marketing.stop();
  const held = await send(finance, "held", { sessionId: "s" });
  const behind = await send(finance, "behind", { sessionId: "s" });
  await world.clock.advance(1_000);
  const { items } = await finance.call("outbox.list", {});
  const [tried, fresh] = items;
  expect(await finance.call("outbox.cancel", { id: fresh?.id ?? "" })).toEqual({ withdrawn: true });
  expect(await stateOf(finance, behind.taskId)).toBe("CANCELED");
  expect(await finance.call("outbox.cancel", { id: tried?.id ?? "" })).toEqual({ withdrawn: false });
  expect(await stateOf(finance, held.taskId)).toBe("SUBMITTED");
  const again = await marketing.restart();
  finance.messaging.peerConnected(again.self.agentId);
  await world.clock.advance(1_000);
  expect(await stateOf(finance, held.taskId)).toBe("CANCELED");
  await expect(again.call("status.fetch", { id: behind.taskId })).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(finance.call("outbox.cancel", { id: behind.taskId })).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a message that lies on the bootstrap node is not taken back, since its recipient may have it; its task is canceled", async () => {
  const { finance, marketing } = await pair();
  marketing.stop();
  await send(finance, "first", { sessionId: "s" });
  const { taskId } = await send(finance, "deposited", { sessionId: "s" });
  await world.clock.advance(1_000);
  const { items } = await finance.call("outbox.list", {});
  const id = items[1]?.id ?? "";
  await finance.queue.run((tx) => writeMark(tx, id, { v: 1, seq: 2, depositId: id, devices: "" }));
  expect(await finance.call("outbox.cancel", { id })).toEqual({ withdrawn: false });
  expect(await stateOf(finance, taskId)).toBe("SUBMITTED");
});

test("all dead letters are sent again at once, but for those whose work has ended", async () => {
  const { finance, marketing } = await pair();
  marketing.stop();
  const [one, two] = [
    await send(finance, "one"),
    await send(finance, "two", { expiresAt: new Date(world.clock.now() + 1_000).toISOString() }),
  ];
  world.clock.jump(ENVELOPE_LIFETIME_MS);
  await world.clock.advance(120_000);
  expect(await finance.call("dead.list", { limit: 1 })).toMatchObject({ items: [{}], total: 2 });
  expect(await finance.call("dead.retryAll", {})).toEqual({ sent: 1, kept: 1 });
  expect(await finance.call("dead.list", {})).toMatchObject({ total: 1 });
  expect(await finance.call("status.fetch", { id: one.taskId })).toMatchObject({ state: "SUBMITTED", delivery: "queued" });
  expect(await stateOf(finance, two.taskId)).toBe("FAILED");
});

test("messages of one session arrive in the order of sending, whatever their priority, also over a bad network", async () => {
  const { finance, marketing } = await pair();
  world.network.state.faults = { loseRequest: 0.3, loseAnswer: 0.3, repeat: 0.3, maxDelayMs: 400 };
  const keys = Array.from({ length: 12 }, (_, i) => `task-${String(i).padStart(2, "0")}`);
  for (const [i, key] of keys.entries()) await send(finance, key, { sessionId: "s", priority: i % 2 === 0 ? "P3" : "P0" });
  await world.clock.advance(3_600_000);
  const events = await marketing.chain.list({ fromSeq: 1, limit: 1_000 });
  const came = events.filter(({ action }) => action === "message.receive").map(({ details }) => String(details["ref"]));
  const asked = await Promise.all(came.map((id) => marketing.call("status.fetch", { id })));
  expect(asked.map((view) => (view.kind === "task" ? view.task : ""))).toEqual(keys);
});

test("a long outbox waits on the disk, is taken up after a restart, and is listed page by page", async () => {
  const { finance, marketing } = await pair();
  marketing.stop();
  const count = 520;
  await Promise.all(Array.from({ length: count }, (_, i) => send(finance, `task-${i}`)));
  const again = await finance.restart();
  expect(await again.store.range(QUEUED_RANGE)).toHaveLength(count);
  const listed = await again.call("outbox.list", { limit: 3 });
  expect(listed).toMatchObject({ total: count });
  expect(listed.items).toHaveLength(3);
  const worker = await marketing.restart();
  again.messaging.peerConnected(worker.self.agentId);
  await world.clock.advance(60_000);
  expect((await again.messaging.counts()).queued).toBe(0);
  expect((await worker.messaging.counts()).waiting).toBe(count);
});

test("a recipient that never answers delays nobody else, and holds no more than its window in flight", async () => {
  const { finance, marketing } = await pair();
  const other = await startNode(world, world.addMember("hanna.okoye", "hr"));
  let asked = 0;
  world.network.attach(marketing.self.agentId, () => {
    asked++;
    return new Promise(() => undefined);
  });
  for (let i = 0; i < 100; i++) await send(finance, `slow-${i}`, { priority: "P0" });
  const { taskId } = await send(finance, "quick", { target: { targetRole: "hr" }, priority: "P3" });
  await world.clock.advance(10);
  expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ delivery: "stored" });
  expect(await waitingTasks(other)).toEqual(["quick"]);
  expect(asked).toBe(32);
  await world.clock.advance(600_000);
  expect(asked, "one try at a time once it does not answer, at most one a minute in the end").toBeLessThan(32 + 20);
  expect((await finance.messaging.counts()).busy).toMatchObject({ away: 1 });
});

test("a message that is gone from the disk is a broken invariant: recorded once, and the others go on", async () => {
  const { finance, marketing } = await pair();
  marketing.stop();
  await send(finance, "lost");
  await send(finance, "kept");
  const again = await finance.restart();
  const [first] = await again.store.range({ ...QUEUED_RANGE, limit: 1 });
  await again.store.batch([{ type: "del", key: first?.[0] ?? "" }], { sync: true });
  const worker = await marketing.restart();
  again.messaging.peerConnected(worker.self.agentId);
  await world.clock.advance(300_000);
  expect(await waitingTasks(worker)).toEqual(["kept"]);
  const broken = (await again.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "delivery.broken");
  expect(broken.map(({ target, result }) => [target, result])).toEqual([["invariant:outbox.on-disk", "failed"]]);
  expect(again.state.errors).toHaveLength(1);
});

test("docs/delivery.md names every invariant that is checked", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/delivery.md"), "utf8");
  for (const [name, words] of Object.entries(INVARIANTS)) expect(page, name).toContain(`\`${name}\` ${words}`);
});
