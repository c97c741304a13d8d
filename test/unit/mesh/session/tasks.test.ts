import { beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../mesh/contract/json.ts";
import { ENVELOPE_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import { startPair } from "../../../support/messaging-pair.ts";

const SCHEMA: JsonObject = { type: "object", required: ["total"], properties: { total: { type: "string" } } };

let world: World;
beforeEach(() => {
  world = createWorld(7);
});

const pair = (worker?: NodeOptions, asker?: NodeOptions) => startPair(world, worker, asker);

const send = (node: TestNode, more: Record<string, unknown> = {}) =>
  node.call("task.send", { target: { targetRole: "marketing", skill: "accruals" }, task: "October", idempotencyKey: "k1", ...more });
const taskAt = async (node: TestNode, id: string) => {
  const status = await node.call("status.fetch", { id });
  if (status.kind !== "task") throw new Error("not a task");
  return status;
};
const settle = (ms = 2_000) => world.clock.advance(ms);

describe("the result of a task", () => {
  it("of a run that is not in the form of the skill's recipe is FAILED on both sides, and never counts", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, resultSchema: SCHEMA });
    const { taskId } = await send(finance);
    await settle();
    await marketing.messaging.finishRun(taskId, 1, { state: "COMPLETED", result: { total: 3 } });
    await settle();
    for (const node of [finance, marketing]) {
      const task = await taskAt(node, taskId);
      expect(task).toMatchObject({ state: "FAILED", message: expect.stringContaining("total: ") });
      expect(task).not.toHaveProperty("result");
    }
    expect((await taskAt(finance, taskId)).resultSchema).toEqual(SCHEMA);
  });

  it("of a person has to fit the form that the asker named, and the task stays open until it does", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance, { resultSchema: SCHEMA });
    await settle();
    await expect(marketing.call("inbox.complete", { taskId, result: {} })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await taskAt(marketing, taskId)).toMatchObject({ state: "SUBMITTED" });
    await marketing.call("inbox.complete", { taskId, result: { total: "1.00" } });
    await settle();
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "COMPLETED", result: { total: "1.00" } });
  });

  it("that a worker sends against the form it told before is not taken by the asker", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(finance);
    await settle();
    const say = (update: object) =>
      marketing.messaging.send(() => ({
        to: finance.self,
        message: { type: "task.update", taskId, ...update } as never,
        priority: "P2",
        lane: taskId,
        traceId: "d".repeat(32),
      }));
    await say({ rev: 8, state: "WORKING", resultSchema: SCHEMA });
    await say({ rev: 9, state: "COMPLETED", result: { total: 1 }, resultSchema: {} });
    await settle();
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "FAILED", message: expect.stringContaining("form that was agreed") });
  });

  it("is refused before anything is sent where the form that is asked for can't be checked", async () => {
    const { finance } = await pair();
    const wide = { anyOf: Array.from({ length: 600 }, () => ({})) };
    await expect(send(finance, { resultSchema: wide })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect((await finance.call("outbox.list", {})).items).toEqual([]);
  });
});

describe("parts", () => {
  const PARTS = [
    { text: "Second page", filename: "notes.txt" },
    { data: { rows: [1, 2] }, mediaType: "application/json" },
    { url: "https://example.org/list" },
  ];

  it("go with a task to its run, and with a result back", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(finance, { parts: PARTS });
    await settle();
    expect(marketing.state.started[0]?.parts).toEqual(PARTS);
    await marketing.messaging.finishRun(taskId, 1, { state: "INPUT_REQUIRED", message: "Which?" });
    await marketing.call("inbox.complete", { taskId, result: {}, parts: [{ text: "more" }] });
    await settle();
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "COMPLETED", parts: PARTS, resultParts: [{ text: "more" }] });
  });

  it("of raw bytes stay in their department, in either direction", async () => {
    const { finance, marketing } = await pair();
    const raw = [{ raw: "AAEC", mediaType: "image/png" }];
    await expect(send(finance, { parts: raw })).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    const { taskId } = await send(finance);
    await settle();
    await expect(marketing.call("inbox.complete", { taskId, result: {}, parts: raw })).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    const colleague = world.addMember("mia.holm", "finance");
    const desk = await startNode(world, colleague);
    const own = await finance.call("task.send", { target: { agentId: desk.self.agentId }, task: "x", parts: raw, idempotencyKey: "own" });
    await settle();
    expect(await taskAt(desk, own.taskId)).toMatchObject({ parts: raw });
  });
});

describe("questions", () => {
  it("of a run come one after the other, each with its answer for the next attempt, and both sides keep them", async () => {
    const run: NodeOptions["run"] = ({ answers }) => ({
      outcome:
        answers.length < 3
          ? { state: "INPUT_REQUIRED", message: `Question ${answers.length}?` }
          : { state: "COMPLETED", result: answers.length },
      delayMs: 10,
    });
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, run });
    const { taskId } = await send(finance);
    for (let i = 0; i < 3; i++) {
      await settle();
      expect(await taskAt(finance, taskId)).toMatchObject({ state: "INPUT_REQUIRED", message: `Question ${i}?` });
      await finance.call("task.answer", { taskId, answer: `answer ${i}` });
    }
    await settle();
    const answers = [0, 1, 2].map((i) => ({ question: `Question ${i}?`, answer: `answer ${i}` }));
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "COMPLETED", result: 3, answers });
    expect(await taskAt(marketing, taskId)).toMatchObject({ answers });
  });

  it("without end are ended: the eleventh of a run fails its task", async () => {
    const run: NodeOptions["run"] = () => ({ outcome: { state: "INPUT_REQUIRED", message: "Again?" }, delayMs: 10 });
    const { finance } = await pair({ skills: { accruals: "safe" }, run });
    const { taskId } = await send(finance);
    for (let i = 0; i < 10; i++) {
      await settle();
      await finance.call("task.answer", { taskId, answer: "yes" });
    }
    await settle();
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "FAILED", message: expect.stringContaining("10 times") });
  });

  it("that nobody answered end with the task when it is canceled, and an answer after that is refused", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await settle();
    await marketing.call("inbox.ask", { taskId, question: "Gross?" });
    await settle();
    await finance.call("task.cancel", { taskId });
    await settle();
    for (const node of [finance, marketing]) expect(await taskAt(node, taskId)).toMatchObject({ state: "CANCELED" });
    await expect(finance.call("task.answer", { taskId, answer: "net" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });

  it("are no way for an asker to let an interrupted run go on: only its person may", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "ask" } });
    const { taskId } = await send(finance);
    await settle();
    const again = await marketing.restart();
    await settle();
    expect(await taskAt(finance, taskId)).toMatchObject({ state: "AUTH_REQUIRED" });
    await expect(finance.call("task.answer", { taskId, answer: "go on" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    expect(again.state.started).toEqual([]);
    await again.call("inbox.accept", { taskId });
    await settle();
    expect(again.state.started).toMatchObject([{ attempt: 2 }]);
  });
});

describe("progress", () => {
  const report = (node: TestNode, taskId: string, note: string, fraction?: number) =>
    node.call("inbox.progress", { taskId, note, ...(fraction === undefined ? {} : { fraction }) });
  const sentOf = async (node: TestNode) =>
    (await node.chain.list({ fromSeq: 1, limit: 1_000 })).filter(
      ({ action, details }) => action === "message.send" && details["type"] === "task.progress",
    ).length;

  it("of a person's work and of a run reaches the asker, wakes who waits, and ends with the task", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(finance);
    await settle();
    const waiting = finance.call("status.fetch", { id: taskId, waitMs: 20_000 });
    await marketing.messaging.reportProgress(taskId, "Uses ledger__accruals.");
    await settle(10);
    expect(await waiting).toMatchObject({ state: "WORKING", progress: { seq: 1, note: "Uses ledger__accruals." } });
    await settle();
    await report(marketing, taskId, "Half of it", 0.5);
    await settle();
    expect((await taskAt(finance, taskId)).progress).toMatchObject({ seq: 2, note: "Half of it", fraction: 0.5 });
    await marketing.messaging.finishRun(taskId, 1, { state: "COMPLETED", result: 1 });
    await settle();
    for (const node of [finance, marketing]) expect(await taskAt(node, taskId)).not.toHaveProperty("progress");
    await expect(report(marketing, taskId, "late")).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    await marketing.messaging.reportProgress(taskId, "late");
  });

  it("waits at most once: what was said meanwhile goes as the newest, and never holds up the task", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await settle();
    world.network.detach(finance.self.agentId);
    for (let i = 1; i <= 20; i++) await report(marketing, taskId, `step ${i}`);
    await settle(5_000);
    const types = (await marketing.call("outbox.list", {})).items.map(({ type }) => type);
    expect(types.filter((type) => type === "task.progress")).toHaveLength(1);
    expect(await sentOf(marketing)).toBe(1);
    const again = await finance.restart();
    marketing.messaging.peerConnected(finance.self.agentId);
    await settle(100);
    expect((await taskAt(again, taskId)).progress, "the newest is in the first message that leaves").toMatchObject({
      seq: 20,
      note: "step 20",
    });
    await marketing.call("inbox.complete", { taskId, result: 1 });
    await settle(100);
    expect(await taskAt(again, taskId)).toMatchObject({ state: "COMPLETED" });
  });

  it("that never arrives is no dead letter", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await settle();
    world.network.detach(finance.self.agentId);
    await report(marketing, taskId, "lost");
    world.clock.jump(ENVELOPE_LIFETIME_MS);
    await settle(120_000);
    const types = (await marketing.call("dead.list", {})).items.map(({ type }) => type);
    expect(types).not.toContain("task.progress");
    expect((await marketing.call("outbox.list", {})).items.map(({ type }) => type)).not.toContain("task.progress");
  });

  it("is bounded to a message a second, and the last word arrives", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await settle();
    for (let i = 1; i <= 30; i++) {
      await report(marketing, taskId, `step ${i}`);
      await settle(100);
    }
    await settle(3_000);
    expect((await taskAt(finance, taskId)).progress).toMatchObject({ note: "step 30" });
    expect(await sentOf(marketing)).toBeLessThanOrEqual(5);
  });

  it("counts only from the task's worker, and an older word never replaces a newer one", async () => {
    const { finance, marketing } = await pair();
    const elena = await startNode(world, world.addMember("elena.novak", "engineering"));
    const { taskId } = await send(finance);
    await settle();
    const say = (node: TestNode, seq: number, note: string) =>
      node.messaging.send(() => ({
        to: finance.self,
        message: { type: "task.progress", taskId, seq, note },
        priority: "P3",
        lane: `x${seq}`,
        traceId: "d".repeat(32),
      }));
    await say(marketing, 5, "five");
    await say(marketing, 4, "four");
    await say(elena, 9, "not mine");
    await settle();
    expect((await taskAt(finance, taskId)).progress).toMatchObject({ seq: 5, note: "five" });
  });
});
