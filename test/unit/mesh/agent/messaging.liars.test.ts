/** Members who don't keep to the protocol: their messages are well signed, and still change nothing that is not theirs. */
import { beforeEach, expect, test } from "vitest";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { FREE_SPACE_FLOOR_BYTES, MAX_FRAME_BYTES } from "../../../../mesh/contract/limits.ts";
import { type Message, type Receipt, receipt } from "../../../../mesh/contract/message.ts";
import { sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";
import { createWorld, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";

let world: World;
let fiona: TestMember;
let marco: TestMember;
let elena: TestMember;
let finance: TestNode;
let marketing: TestNode;
beforeEach(async () => {
  world = createWorld(3);
  fiona = world.addMember("fiona.berg", "finance");
  marco = world.addMember("marco.diaz", "marketing");
  elena = world.addMember("elena.novak", "engineering");
  finance = await startNode(world, fiona);
  marketing = await startNode(world, marco, { skills: { accruals: "safe" } });
});

/** Hands a well-signed message of a member to a node. */
async function say(from: TestMember, to: TestNode, message: Message, id = newUuid(world.clock.now(), world.random)): Promise<Receipt> {
  const ts = world.clock.now();
  const frame = sealEnvelope(
    {
      v: 1,
      id,
      ts,
      exp: ts + 60_000,
      org: world.org.org,
      from: from.principal.agentId,
      to: to.self.agentId,
      priority: "P2",
      policyHash: "a".repeat(64),
      traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
      credential: from.credential,
      message,
    },
    from.signer,
  );
  const answering = to.messaging.receiveFrame(frame, from.principal);
  await world.clock.advance(0);
  return receipt.parse(JSON.parse(Buffer.from(await answering).toString()));
}

async function askedTask(): Promise<string> {
  const target = { targetRole: "marketing", skill: "accruals" };
  const { taskId } = await finance.call("task.send", { target, task: "October", idempotencyKey: "k" });
  await world.clock.advance(100);
  return taskId;
}

const taskAt = async (node: TestNode, id: string) => node.call("status.fetch", { id });

test("an update about somebody else's task, or none, is refused with NOT_FOUND", async () => {
  const taskId = await askedTask();
  const update = { type: "task.update" as const, taskId, rev: 9, state: "COMPLETED" as const, result: "mine" };
  expect(await say(elena, finance, update)).toMatchObject({ status: "refused", code: "NOT_FOUND" });
  expect(await say(marco, finance, { ...update, taskId: newUuid(1, world.random) })).toMatchObject({
    status: "refused",
    code: "NOT_FOUND",
  });
  expect(await taskAt(finance, taskId)).toMatchObject({ state: "WORKING" });
});

test("an older state than the one known, and any after the end, change nothing", async () => {
  const taskId = await askedTask();
  expect(await say(marco, finance, { type: "task.update", taskId, rev: 5, state: "INPUT_REQUIRED", message: "Which?" })).toMatchObject({
    status: "stored",
  });
  expect(await say(marco, finance, { type: "task.update", taskId, rev: 4, state: "COMPLETED", result: "late" })).toMatchObject({
    status: "stored",
  });
  expect(await taskAt(finance, taskId)).toMatchObject({ state: "INPUT_REQUIRED", message: "Which?" });
  await say(marco, finance, { type: "task.update", taskId, rev: 6, state: "COMPLETED", result: "first" });
  await say(marco, finance, { type: "task.update", taskId, rev: 7, state: "FAILED", message: "after all" });
  expect(await taskAt(finance, taskId)).toMatchObject({ state: "COMPLETED", result: "first" });
});

test("another member can neither cancel nor answer a task, nor take its id", async () => {
  const taskId = await askedTask();
  expect(await say(elena, marketing, { type: "task.cancel", taskId, reason: "" })).toMatchObject({ status: "refused", code: "NOT_FOUND" });
  expect(await say(elena, marketing, { type: "task.answer", taskId, rev: 1, answer: "x" })).toMatchObject({
    status: "refused",
    code: "NOT_FOUND",
  });
  const request = { type: "task.request" as const, taskId, task: "mine", context: {}, policyHints: {}, idempotencyKey: "e" };
  expect(await say(elena, marketing, request)).toMatchObject({ status: "refused", code: "CONFLICT" });
  expect(await say(fiona, marketing, request)).toMatchObject({ status: "refused", code: "CONFLICT" });
  expect(await taskAt(marketing, taskId)).toMatchObject({ state: "WORKING", task: "October" });
});

test("an answer to an older question changes nothing", async () => {
  const taskId = await askedTask();
  await marketing.messaging.finishRun(taskId, 1, { state: "INPUT_REQUIRED", message: "Which?" });
  await say(fiona, marketing, { type: "task.answer", taskId, rev: 1, answer: "old" });
  expect(marketing.state.started).toHaveLength(1);
  await say(fiona, marketing, { type: "task.answer", taskId, rev: 2, answer: "new" });
  await say(fiona, marketing, { type: "task.answer", taskId, rev: 2, answer: "newer" });
  expect(marketing.state.started.map(({ answers }) => answers)).toEqual([[], [{ question: "Which?", answer: "new" }]]);
});

test("a cancel after the end is answered with the state that won, so that an asker who missed it learns it", async () => {
  const taskId = await askedTask();
  finance.stop();
  await marketing.messaging.finishRun(taskId, 1, { state: "COMPLETED", result: 1 });
  const before = (await marketing.call("outbox.list", {})).items.length;
  await say(fiona, marketing, { type: "task.cancel", taskId, reason: "" });
  expect((await marketing.call("outbox.list", {})).items).toHaveLength(before + 1);
  expect(await taskAt(marketing, taskId)).toMatchObject({ state: "COMPLETED" });
});

test("a member can't use up another's envelope id, and a refused envelope is refused again without another event", async () => {
  const id = newUuid(world.clock.now(), world.random);
  const note = { type: "notification" as const, message: "x", severity: "info" as const };
  expect(await say(elena, marketing, note, id)).toMatchObject({ status: "stored" });
  expect(await say(fiona, marketing, note, id)).toMatchObject({ status: "stored" });
  expect(await say(fiona, marketing, note, id)).toMatchObject({ status: "duplicate" });
  const bad = newUuid(world.clock.now(), world.random);
  const unknown = { type: "task.cancel" as const, taskId: bad, reason: "" };
  const first = await say(elena, marketing, unknown, bad);
  const { seq } = marketing.chain.head();
  expect(await say(elena, marketing, unknown, bad)).toEqual(first);
  expect(marketing.chain.head().seq).toBe(seq);
});

test("an approval whose hash is not that of its payload is refused", async () => {
  const approvalId = newUuid(1, world.random);
  const request = {
    type: "approval.request" as const,
    approvalId,
    payload: { total: "1.00" },
    payloadHash: "0".repeat(64),
    idempotencyKey: "a",
  };
  expect(await say(elena, marketing, request)).toMatchObject({ status: "refused", code: "ENVELOPE_INVALID" });
  expect((await marketing.call("inbox.list", {})).items).toEqual([]);
});

test("what is no envelope gets no answer and is counted, not recorded one by one", async () => {
  for (const frame of [Buffer.from("hello"), Buffer.alloc(0), Buffer.alloc(MAX_FRAME_BYTES + 1, 65)]) {
    await expect(marketing.messaging.receiveFrame(frame, elena.principal)).rejects.toMatchObject({
      code: expect.stringMatching(/ENVELOPE_INVALID|TOO_LARGE/),
    });
  }
  expect(marketing.state.refusals).toHaveLength(3);
  expect(marketing.chain.head().seq).toBe(0);
});

test("replay records are kept until the envelope could not be accepted any more, then removed", async () => {
  await say(elena, marketing, { type: "notification", message: "x", severity: "info" });
  const records = async () => (await marketing.store.range({ gte: "replay/", lt: "replay/~" })).length;
  expect(await records()).toBe(2);
  await world.clock.advance(60_000 + 86_400_000 - 600_000);
  expect(await records()).toBe(2);
  await world.clock.advance(1_800_000);
  expect(await records()).toBe(0);
});

test("a member can't fill the reserve of a nearly full disk with messages that are refused", async () => {
  let freeBytes = FREE_SPACE_FLOOR_BYTES;
  const sales = await startNode(world, world.addMember("sara.lund", "sales"), { freeBytes: () => freeBytes });
  freeBytes -= 1;
  const before = sales.chain.head().seq;
  const update = { type: "task.update" as const, taskId: newUuid(1, world.random), rev: 1, state: "WORKING" as const };
  expect(await say(elena, sales, update)).toMatchObject({ status: "busy" });
  expect(sales.chain.head().seq).toBe(before);
});

test("a request that was sent again, since its asker took it for undelivered, is answered with the state it has here", async () => {
  const taskId = newUuid(1, world.random);
  const request = { type: "task.request", taskId, task: "October", context: {}, policyHints: {}, idempotencyKey: "k" } as const;
  expect(await say(fiona, marketing, request)).toMatchObject({ status: "stored" });
  await marketing.call("inbox.complete", { taskId, result: 1 });
  const told = async () =>
    (await marketing.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "message.send").length;
  expect(await told()).toBe(1);
  expect(await say(fiona, marketing, request)).toMatchObject({ status: "stored" });
  expect(await told()).toBe(2);
  expect(await taskAt(marketing, taskId)).toMatchObject({ state: "COMPLETED", result: 1 });
});

test("an approval that is asked for again after it was decided is answered with the same decision", async () => {
  const approver = createSigner(generateSigningKey(world.random));
  const edward = world.addMember("edward.lindqvist", "executive");
  const roster = { approvers: [{ subject: "edward.lindqvist", role: "executive", key: approver.publicJwk }], stewards: [] };
  const executive = await startNode(world, edward, { trust: () => ({ ...world.org.manifest, roster }) });
  const approvalId = newUuid(1, world.random);
  const payloadHash = canonicalHash({ total: "100.00" });
  const request = { type: "approval.request", approvalId, payload: { total: "100.00" }, payloadHash, idempotencyKey: "k" } as const;
  expect(await say(fiona, executive, request)).toMatchObject({ status: "stored" });
  const statement = {
    v: 1 as const,
    org: world.org.org,
    approvalId,
    requester: fiona.principal.agentId,
    payloadHash,
    decision: "approved" as const,
    reason: "",
    approver: { subject: "edward.lindqvist", role: "executive" },
    decidedAt: new Date(world.clock.now()).toISOString(),
  };
  await executive.call("approval.decide", { approvalId, decision: signApproval({ signer: approver, statement }) });
  const told = async () =>
    (await executive.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "message.send").length;
  expect(await told()).toBe(1);
  expect(await say(fiona, executive, request)).toMatchObject({ status: "stored" });
  expect(await told()).toBe(2);
});
