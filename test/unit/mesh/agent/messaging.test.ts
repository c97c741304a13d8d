import { beforeEach, describe, expect, test } from "vitest";
import { continueChain, EMPTY_CHAIN } from "../../../../mesh/audit/chain.ts";
import { ENVELOPE_LIFETIME_MS, FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import type { Signer } from "../../../../mesh/contract/ports.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import { statementOn } from "../../../support/approval-statement.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import { startPair } from "../../../support/messaging-pair.ts";

const DONE: NodeOptions["run"] = () => ({ outcome: { state: "COMPLETED", result: { accrued: "12.50" } }, delayMs: 500 });

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

const pair = (worker?: NodeOptions, asker?: NodeOptions) => startPair(world, worker, asker);

const send = (node: TestNode, key = "k1", more: Record<string, unknown> = {}) =>
  node.call("task.send", { target: { targetRole: "marketing", skill: "accruals" }, task: "October", idempotencyKey: key, ...more });
const statusOf = (node: TestNode, id: string) => node.call("status.fetch", { id });
const actions = async (node: TestNode) =>
  (await node.chain.list({ fromSeq: 1, limit: 1_000 })).map(({ action, result }) => `${action} ${result}`);

describe("a task that may run alone", () => {
  test("runs at the worker and ends COMPLETED with its result at the asker", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, run: DONE });
    const { taskId, state } = await send(finance);
    expect(state).toBe("SUBMITTED");
    await world.clock.advance(2_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "COMPLETED", result: { accrued: "12.50" }, delivery: "stored" });
    expect(marketing.state.started).toMatchObject([{ taskId, attempt: 1, skill: "accruals", asker: { subject: "fiona.berg" } }]);
    const [mine, theirs] = [await actions(finance), await actions(marketing)];
    expect(mine).toEqual(
      expect.arrayContaining(["task.create ok", "message.send ok", "message.deliver ok", "message.receive ok", "task.state ok"]),
    );
    expect(theirs).toEqual(expect.arrayContaining(["message.receive ok", "run.start ok", "run.finish ok", "message.send ok"]));
    expect([...finance.state.errors, ...marketing.state.errors]).toEqual([]);
  });

  test("both sides' policy decisions are in their audit chains under the same envelope and trace", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, run: DONE });
    await send(finance);
    await world.clock.advance(2_000);
    const sent = (await finance.chain.list({ fromSeq: 1, limit: 100 })).find(({ action }) => action === "message.send");
    const got = (await marketing.chain.list({ fromSeq: 1, limit: 100 })).find(({ action }) => action === "message.receive");
    expect(got?.target).toBe(sent?.target);
    expect(got?.traceId).toBe(sent?.traceId);
    expect(sent?.details).toMatchObject({ policy: "allow", toSubject: "marco.diaz", type: "task.request" });
    expect(got?.details).toMatchObject({ policy: "allow", fromSubject: "fiona.berg", senderPolicyHash: sent?.details["policyHash"] });
    const update = (await marketing.chain.list({ fromSeq: 1, limit: 100 })).find(({ action }) => action === "message.send");
    expect(update?.details["type"], "no rule is asked about an update, so none is said to have allowed it").toBe("task.update");
    expect(Object.keys(update?.details ?? {}).sort()).toEqual(["policyHash", "ref", "to", "toSubject", "type"]);
    expect(continueChain(EMPTY_CHAIN, await finance.chain.list({ fromSeq: 1, limit: 100 }))).toEqual(finance.chain.head());
  });

  test("no more than the configured number run at a time, and all of them in the end", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, concurrency: 2, run: DONE });
    for (let i = 0; i < 5; i++) await send(finance, `k${i}`);
    await world.clock.advance(100);
    expect(marketing.state.started).toHaveLength(2);
    await world.clock.advance(500);
    expect(marketing.state.started).toHaveLength(4);
    await world.clock.advance(2_000);
    expect(marketing.state.started).toHaveLength(5);
  });

  test("after a crash a safe one is begun again, and the outcome of the old attempt does not count", async () => {
    const pairOf = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(pairOf.finance);
    await world.clock.advance(100);
    const old = pairOf.marketing.state.started[0];
    const again = await pairOf.marketing.restart();
    await world.clock.advance(100);
    expect(again.state.started).toMatchObject([{ taskId, attempt: 2 }]);
    expect(await again.messaging.finishRun(taskId, old?.attempt ?? 0, { state: "COMPLETED", result: "old" })).toBe(false);
    expect(await again.messaging.finishRun(taskId, 2, { state: "COMPLETED", result: "new" })).toBe(true);
    expect(await again.messaging.finishRun(taskId, 2, { state: "COMPLETED", result: "twice" })).toBe(false);
    await world.clock.advance(1_000);
    expect(await statusOf(pairOf.finance, taskId)).toMatchObject({ state: "COMPLETED", result: "new" });
  });

  test("after a crash one that is not safe waits for a person, who may let it run again", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "ask" } });
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    const again = await marketing.restart(0, { skills: { accruals: "ask" }, run: DONE });
    await world.clock.advance(1_000);
    expect(again.state.started).toEqual([]);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "AUTH_REQUIRED" });
    expect((await again.call("inbox.list", {})).items).toMatchObject([{ kind: "task", taskId }]);
    await again.call("inbox.accept", { taskId });
    await world.clock.advance(2_000);
    expect(again.state.started).toMatchObject([{ attempt: 2 }]);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "COMPLETED" });
  });

  test("a question of the run reaches the asker, and the answer starts the next attempt", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    await marketing.messaging.finishRun(taskId, 1, { state: "INPUT_REQUIRED", message: "Which cost centre?" });
    await world.clock.advance(1_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "INPUT_REQUIRED", message: "Which cost centre?" });
    await finance.call("task.answer", { taskId, answer: "4711" });
    await expect(finance.call("task.answer", { taskId, answer: "4712" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    await world.clock.advance(1_000);
    expect(marketing.state.started[1]).toMatchObject({ attempt: 2, answers: [{ question: "Which cost centre?", answer: "4711" }] });
  });

  test("a result that is too large for a message fails the task with a reason", async () => {
    const run: NodeOptions["run"] = () => ({ outcome: { state: "COMPLETED", result: "x".repeat(900_000) }, delayMs: 10 });
    const { finance } = await pair({ skills: { accruals: "safe" }, run });
    const { taskId } = await send(finance);
    await world.clock.advance(2_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "FAILED", message: expect.stringContaining("too large") });
  });
});

describe("a task for a person", () => {
  test("waits in the inbox, is accepted, asked back, answered and completed", async () => {
    const { finance, marketing } = await pair({ allow: ({ action }) => action !== "task.run", skills: { accruals: "safe" } });
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    expect((await marketing.call("inbox.list", {})).items).toMatchObject([{ taskId, state: "SUBMITTED", side: "worker" }]);
    expect(await marketing.call("inbox.accept", { taskId })).toMatchObject({ state: "WORKING" });
    expect(await marketing.call("inbox.ask", { taskId, question: "Gross or net?" })).toMatchObject({ state: "INPUT_REQUIRED" });
    expect((await marketing.call("inbox.list", {})).items).toEqual([]);
    await world.clock.advance(100);
    await finance.call("task.answer", { taskId, answer: "net" });
    await world.clock.advance(100);
    expect(await marketing.call("inbox.complete", { taskId, result: { net: "10.00" } })).toMatchObject({ state: "COMPLETED" });
    await world.clock.advance(100);
    const seen = await statusOf(finance, taskId);
    expect(seen).toMatchObject({ state: "COMPLETED", result: { net: "10.00" } });
    expect(seen.kind === "task" && seen.history.map(({ state, note }) => note ?? state)).toEqual([
      "SUBMITTED",
      "WORKING",
      "INPUT_REQUIRED",
      "answered",
      "WORKING",
      "COMPLETED",
    ]);
    await expect(marketing.call("inbox.reject", { taskId, reason: "late" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });

  test("is rejected with a reason", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    await marketing.call("inbox.reject", { taskId, reason: "Ask engineering." });
    await world.clock.advance(100);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "REJECTED", message: "Ask engineering." });
  });
});

describe("cancel", () => {
  test("wins over a run that is at work, which is then stopped and fenced", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    await finance.call("task.cancel", { taskId });
    await world.clock.advance(1_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "CANCELED" });
    expect(marketing.state.stopped).toEqual([`${taskId}/1`]);
    expect(await marketing.messaging.finishRun(taskId, 1, { state: "COMPLETED", result: 1 })).toBe(false);
    expect(await statusOf(marketing, taskId)).toMatchObject({ state: "CANCELED" });
  });

  test("loses against a task that has ended, and the result stays", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    world.network.state.faults = { ...world.network.state.faults, maxDelayMs: 50 };
    await Promise.all([marketing.call("inbox.complete", { taskId, result: "done" }), finance.call("task.cancel", { taskId })]);
    await world.clock.advance(5_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "COMPLETED", result: "done" });
    expect(await statusOf(marketing, taskId)).toMatchObject({ state: "COMPLETED" });
  });

  test("that overtakes nothing: a recipient that was off gets request and cancel in order", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" } });
    marketing.stop();
    const { taskId } = await send(finance);
    await finance.call("task.cancel", { taskId });
    const again = await marketing.restart();
    finance.messaging.peerConnected(again.self.agentId);
    await world.clock.advance(5_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "CANCELED" });
    expect(await statusOf(again, taskId)).toMatchObject({ state: "CANCELED" });
  });
});

describe("idempotency keys", () => {
  test("the same call twice is one task, also when both are made at once and after a crash", async () => {
    const { finance, marketing } = await pair();
    const [one, two] = await Promise.all([send(finance), send(finance)]);
    const again = await finance.restart();
    const three = await send(again);
    await world.clock.advance(1_000);
    expect(new Set([one.taskId, two.taskId, three.taskId]).size).toBe(1);
    expect((await marketing.call("inbox.list", {})).items).toHaveLength(1);
  });

  test("the same key from another chat is the same request", async () => {
    const { finance } = await pair();
    const first = await send(finance, "k", { sessionId: "monday" });
    expect(await send(finance, "k", { sessionId: "tuesday" })).toMatchObject({ taskId: first.taskId });
  });

  test("the same key with other content is a CONFLICT", async () => {
    const { finance } = await pair();
    await send(finance);
    await expect(send(finance, "k1", { task: "November" })).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("policy", () => {
  test("a send that the sender's policy denies is recorded and goes nowhere", async () => {
    const { finance, marketing } = await pair({}, { allow: ({ action }) => action !== "task.send" });
    await expect(send(finance)).rejects.toMatchObject({ code: "POLICY_DENIED" });
    await world.clock.advance(1_000);
    expect(await actions(finance)).toEqual(["message.send denied"]);
    expect(await actions(marketing)).toEqual([]);
  });

  test("what the receiver's policy denies ends REJECTED at the asker, once recorded by the receiver", async () => {
    const { finance, marketing } = await pair({ allow: ({ action }) => action !== "task.receive" });
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    expect(await statusOf(finance, taskId)).toMatchObject({
      state: "REJECTED",
      delivery: "dead",
      message: expect.stringContaining("POLICY_DENIED"),
    });
    expect(await actions(marketing)).toEqual(["message.receive denied"]);
    const [dead] = (await finance.call("dead.list", {})).items;
    expect(dead).toMatchObject({ type: "task.request", lastError: "POLICY_DENIED" });
    await expect(finance.call("dead.retry", { id: dead?.id ?? "" })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });
});

describe("delivery", () => {
  test("a message waits for a recipient that is off, and goes at once when it connects", async () => {
    const { finance, marketing } = await pair();
    marketing.stop();
    const { taskId } = await send(finance);
    await world.clock.advance(3_600_000);
    expect((await finance.call("outbox.list", {})).items).toMatchObject([{ type: "task.request", lastError: "PEER_UNREACHABLE" }]);
    const again = await marketing.restart();
    finance.messaging.peerConnected(again.self.agentId);
    await world.clock.advance(1);
    expect(await statusOf(finance, taskId)).toMatchObject({ delivery: "stored" });
    expect((await finance.call("outbox.list", {})).items).toEqual([]);
  });

  test("one that expires is a dead letter, ends its task, and a person can send it again", async () => {
    const { finance, marketing } = await pair({ skills: { accruals: "safe" }, run: DONE });
    marketing.stop();
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    world.clock.jump(ENVELOPE_LIFETIME_MS);
    await world.clock.advance(120_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "FAILED", delivery: "dead" });
    const [dead] = (await finance.call("dead.list", {})).items;
    expect(dead).toMatchObject({ lastError: "ENVELOPE_EXPIRED" });
    await expect(finance.call("dead.retry", { id: taskId })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await finance.call("dead.retry", { id: dead?.id ?? "" });
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "SUBMITTED", delivery: "queued" });
    expect((await finance.call("dead.list", {})).items).toEqual([]);
  });

  test("a message that is refused for a passing reason arrives once the reason has passed", async () => {
    let expired = true;
    const skills = {
      get accruals() {
        if (expired) throw new GaggleError("BUNDLE_EXPIRED", "The profile bundle has expired.");
        return "safe" as const;
      },
    };
    const { finance, marketing } = await pair({ skills, run: DONE });
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    expect((await finance.call("outbox.list", {})).items).toMatchObject([{ lastError: "BUNDLE_EXPIRED" }]);
    expect(marketing.state.refusals).toContain(`${finance.self.agentId} BUNDLE_EXPIRED`);
    expired = false;
    await world.clock.advance(120_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "COMPLETED" });
  });

  test("a dead letter is sent again only where policy still allows it, under the rule that does", async () => {
    let allowed = true;
    const { finance, marketing } = await pair({}, { allow: () => allowed });
    marketing.stop();
    const { taskId } = await send(finance);
    world.clock.jump(ENVELOPE_LIFETIME_MS);
    await world.clock.advance(120_000);
    const [dead] = (await finance.call("dead.list", {})).items;
    allowed = false;
    await expect(finance.call("dead.retry", { id: dead?.id ?? "" })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "FAILED", delivery: "dead" });
    allowed = true;
    await finance.call("dead.retry", { id: dead?.id ?? "" });
    const sends = (await finance.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "message.send");
    expect(sends.map(({ result, details }) => [result, details["policy"], details["rules"]])).toEqual([
      ["ok", "allow", "test-rule"],
      ["denied", "deny", ""],
      ["ok", "allow", "test-rule"],
    ]);
  });

  test("a receiver with a full disk answers busy, and the message comes later", async () => {
    let free = 0;
    const { finance, marketing } = await pair({ freeBytes: () => free });
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    expect((await finance.call("outbox.list", {})).items).toMatchObject([{ lastError: "BUSY" }]);
    await world.clock.advance(60_000);
    free = FREE_SPACE_FLOOR_BYTES;
    await world.clock.advance(2_000);
    expect(await statusOf(finance, taskId)).toMatchObject({ delivery: "stored" });
    expect((await marketing.call("inbox.list", {})).items).toHaveLength(1);
  });

  test("a member revoked at the receiver is refused although its credential was verified before", async () => {
    const revocations = { seq: 0, agents: [] as string[], subjects: [] as string[], keys: [] };
    const { finance, marketing } = await pair({ trust: () => ({ ...world.org.manifest, revocations }) });
    await send(finance, "k1");
    await world.clock.advance(100);
    revocations.subjects.push("fiona.berg");
    revocations.seq = 1;
    const { taskId } = await send(finance, "k2");
    await world.clock.advance(100);
    expect(await statusOf(finance, taskId)).toMatchObject({ state: "FAILED", message: expect.stringContaining("REVOKED") });
    expect(marketing.state.refusals).toEqual([`${finance.self.agentId} REVOKED`]);
  });

  test.each([
    { what: "whose cancel waited already", before: true },
    { what: "that nobody had called off", before: false },
  ])(
    "a task $what ends at its asker's word once its worker is revoked, and what that one says later changes nothing",
    async ({ before }) => {
      const revocations = { seq: 0, agents: [] as string[], subjects: [] as string[], keys: [] };
      const trust = () => ({ ...world.org.manifest, revocations });
      const { finance, marketing } = await startPair(world, {}, { trust });
      const { taskId } = await send(finance);
      await world.clock.advance(100);
      await marketing.call("inbox.accept", { taskId });
      await world.clock.advance(100);
      marketing.stop();
      if (before) await finance.call("task.cancel", { taskId });
      await world.clock.advance(60_000);
      expect(await statusOf(finance, taskId)).toMatchObject({ state: "WORKING" });
      revocations.agents.push(marketing.self.agentId);
      revocations.seq = 1;
      await finance.call("task.cancel", { taskId });
      expect(await statusOf(finance, taskId)).toMatchObject({
        state: "CANCELED",
        history: expect.arrayContaining([expect.objectContaining({ note: expect.stringContaining("revoked") })]),
      });
      expect((await finance.call("outbox.list", {})).total).toBe(1);
      expect((await actions(finance)).filter((one) => one.startsWith("task.state"))).toHaveLength(2);
      revocations.agents.pop();
      const again = await marketing.restart();
      finance.messaging.peerConnected(again.self.agentId);
      await world.clock.advance(5_000);
      expect(await statusOf(again, taskId)).toMatchObject({ state: "CANCELED" });
      expect(await statusOf(finance, taskId)).toMatchObject({ state: "CANCELED" });
    },
  );

  test("a frame sent twice has one effect and the answer duplicate", async () => {
    const { finance, marketing } = await pair();
    world.network.state.faults = { ...world.network.state.faults, repeat: 1 };
    await send(finance);
    await world.clock.advance(100);
    expect(world.network.state.frames).toBe(2);
    expect((await marketing.call("inbox.list", {})).items).toHaveLength(1);
    expect(await actions(marketing)).toEqual(["message.receive ok", "task.state ok"]);
  });
});

describe("approvals", () => {
  /** `believed`: a key that the approver's daemon takes for the approver's, and nobody else does; `allow`: the requester's policy. */
  async function withApprover(believed?: Signer, allow: NonNullable<NodeOptions["allow"]> = () => true) {
    const approvalSigner = createSigner(generateSigningKey(world.random));
    const edward = world.addMember("edward.lindqvist", "executive");
    const fiona = world.addMember("fiona.berg", "finance");
    const newKeys: Signer["publicJwk"][] = [];
    const trustAlso = ({ publicJwk }: Signer): void => void newKeys.push(publicJwk);
    const trusting = ({ publicJwk: key }: Signer): NodeOptions => {
      const approver = { subject: "edward.lindqvist", role: "executive" };
      return {
        trust: () => ({
          ...world.org.manifest,
          roster: { approvers: [key, ...newKeys].map((one) => ({ ...approver, key: one })), stewards: [] },
        }),
      };
    };
    const finance = await startNode(world, fiona, { ...trusting(approvalSigner), allow });
    const executive = await startNode(world, edward, trusting(believed ?? approvalSigner));
    const asked = await finance.call("approval.request", {
      target: { targetRole: "executive" },
      payload: { entries: 3, total: "100.00" },
      stepId: "post",
      sessionId: "close-2026-10",
      idempotencyKey: "approve",
    });
    await world.clock.advance(100);
    const sign = (change: Record<string, unknown> = {}, signer = approvalSigner) =>
      signApproval({
        signer,
        statement: statementOn(
          { ...asked, peer: finance.self },
          { org: world.org.org, subject: "edward.lindqvist", role: "executive", now: world.clock.now() },
          change,
        ),
      });
    return { finance, executive, ...asked, sign, trustAlso };
  }

  test("a signed decision of the person who was asked is APPROVED on both sides", async () => {
    const { finance, executive, approvalId, payloadHash, sign } = await withApprover();
    expect((await executive.call("inbox.list", { kind: "approval" })).items).toMatchObject([{ approvalId, state: "PENDING" }]);
    expect(await executive.call("approval.open", { approvalId })).toMatchObject({ payload: { entries: 3, total: "100.00" }, payloadHash });
    const waiting = finance.call("status.fetch", { id: approvalId, waitMs: 20_000 });
    await executive.call("approval.decide", { approvalId, decision: sign() });
    await world.clock.advance(1_000);
    expect(await waiting).toMatchObject({ state: "APPROVED", approver: { subject: "edward.lindqvist" }, decision: expect.any(String) });
    expect((await executive.call("inbox.list", {})).items).toEqual([]);
    await expect(executive.call("approval.decide", { approvalId, decision: sign() })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    expect(await actions(finance)).toEqual(expect.arrayContaining(["approval.request ok", "approval.accept ok"]));
    expect(await actions(executive)).toEqual(expect.arrayContaining(["approval.receive ok", "approval.open ok", "approval.decide ok"]));
  });

  test("a decision about another payload, by another key, or that says another person is refused before it is sent", async () => {
    const { executive, approvalId, sign } = await withApprover();
    const stranger = createSigner(generateSigningKey(world.random));
    for (const decision of [
      sign({ payloadHash: "0".repeat(64) }),
      sign({}, stranger),
      sign({ approver: { subject: "fiona.berg", role: "finance" } }),
      "x",
    ]) {
      await expect(executive.call("approval.decide", { approvalId, decision })).rejects.toMatchObject({ code: "APPROVAL_INVALID" });
    }
  });

  test("a decision that the requester's own policy does not let this role make is recorded, refused, and changes nothing", async () => {
    const { finance, executive, approvalId, sign } = await withApprover(undefined, ({ action, principal, targetRole }) => {
      return action !== "approval.decide" || principal.role !== "executive" || targetRole !== "finance";
    });
    await executive.call("approval.decide", { approvalId, decision: sign() });
    await world.clock.advance(1_000);
    expect(await statusOf(finance, approvalId)).toMatchObject({ state: "PENDING" });
    expect(await actions(finance)).toContain("approval.accept denied");
    expect((await executive.call("dead.list", {})).items).toMatchObject([{ type: "approval.decision", lastError: "POLICY_DENIED" }]);
  });

  test("a decision by a key that the requester's roster does not name is recorded once, changes nothing, and counts once a newer bundle names it", async () => {
    const newer = createSigner(generateSigningKey(world.random));
    const { finance, executive, approvalId, sign, trustAlso } = await withApprover(newer);
    await executive.call("approval.decide", { approvalId, decision: sign({}, newer) });
    await world.clock.advance(120_000);
    expect(await statusOf(finance, approvalId)).toMatchObject({ state: "PENDING" });
    expect((await actions(finance)).filter((action) => action === "approval.accept denied")).toHaveLength(1);
    expect((await executive.call("outbox.list", {})).items).toMatchObject([{ type: "approval.decision", lastError: "ROSTER_OLDER" }]);
    trustAlso(newer);
    executive.messaging.trustChanged();
    await world.clock.advance(100);
    expect(await statusOf(finance, approvalId)).toMatchObject({ state: "APPROVED" });
    expect(await executive.call("outbox.list", {})).toEqual({ items: [], total: 0 });
  });
});

describe("notifications", () => {
  test("arrive in the inbox, count as waiting until they are read, and are sent once per key", async () => {
    const { finance, marketing } = await pair();
    const call = () =>
      finance.call("notify", { target: { targetRole: "marketing" }, message: "Books close at 18:00.", idempotencyKey: "n1" });
    const sent = await call();
    expect(sent.delivery).toBe("queued");
    await world.clock.advance(100);
    expect(await call()).toEqual({ ...sent, delivery: "stored" });
    await world.clock.advance(100);
    const { items } = await marketing.call("inbox.list", {});
    expect(items).toMatchObject([{ kind: "notification", message: "Books close at 18:00.", severity: "info" }]);
    expect((await marketing.messaging.counts()).waiting).toBe(1);
    await marketing.call("inbox.read", { id: items[0]?.kind === "notification" ? items[0].id : "" });
    expect((await marketing.messaging.counts()).waiting).toBe(0);
    expect((await marketing.call("inbox.list", { waiting: false })).items).toHaveLength(1);
  });
});

describe("status", () => {
  test("of a session holds its tasks and waits for the next change of any of them", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance, "k1", { sessionId: "close/2026-10" });
    await send(finance, "k2", { sessionId: "close/2026-10" });
    await world.clock.advance(100);
    const waiting = finance.call("status.fetch", { id: "close/2026-10", waitMs: 20_000 });
    await world.clock.advance(1_000);
    await marketing.call("inbox.complete", { taskId, result: 1 });
    await world.clock.advance(1_000);
    const status = await waiting;
    expect(status.kind === "session" && status.tasks.map(({ state }) => state).sort()).toEqual(["COMPLETED", "SUBMITTED"]);
  });

  test("comes after the wait when nothing changes, at once when nothing can, and NOT_FOUND for what is unknown", async () => {
    const { finance, marketing } = await pair();
    const { taskId } = await send(finance);
    await world.clock.advance(100);
    let answered = false;
    const waiting = finance.call("status.fetch", { id: taskId, waitMs: 5_000 }).then(() => (answered = true));
    await world.clock.advance(4_999);
    expect(answered).toBe(false);
    await world.clock.advance(1);
    await waiting;
    await marketing.call("inbox.complete", { taskId, result: 1 });
    await world.clock.advance(100);
    expect(await finance.call("status.fetch", { id: taskId, waitMs: 5_000 })).toMatchObject({ state: "COMPLETED" });
    await expect(statusOf(finance, "no-such-session")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
