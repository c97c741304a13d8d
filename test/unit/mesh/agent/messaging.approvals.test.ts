/** Approvals by several people, in time, and up the org chart, over the real messaging of every agent. */
import { beforeEach, describe, expect, it } from "vitest";
import type { DaemonParams } from "../../../../mesh/contract/daemon-api.ts";
import type { MessagingDeps } from "../../../../mesh/agent/messaging/messaging-types.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import { type Approval, MANAGERS, startApprovers, wantingApprovals } from "../../../support/approvers-world.ts";
import { createWorld, type NodeOptions, type TestNode, type World } from "../../../support/messaging-node.ts";

const HOUR = 3_600_000;
let world: World;
beforeEach(() => {
  world = createWorld(7);
});

const company = (allow: (question: PolicyQuestion) => boolean = () => true, options: NodeOptions = {}) =>
  startApprovers(world, { allow, ...options });
const inHours = (hours: number): string => new Date(world.clock.now() + hours * HOUR).toISOString();
const ask = async (node: TestNode, terms: Partial<DaemonParams<"approval.request">> = {}) => {
  const asked = await node.call("approval.request", {
    target: { targetRole: "executive" },
    payload: { pay: "1250.00" },
    stepId: "pay",
    idempotencyKey: "a1",
    ...terms,
  });
  await world.clock.advance(1_000);
  return asked;
};
const shown = async (node: TestNode, id: string): Promise<Approval> => (await node.call("status.fetch", { id })) as Approval;
const events = async (node: TestNode, action: string) =>
  (await node.chain.list({ fromSeq: 1, limit: 1_000 })).filter((event) => event.action === action);

describe("an approval by several people", () => {
  it("asks everybody of the role who can sign, and counts once as many different people as it needs have approved", async () => {
    const { finance, decide, waiting } = await company();
    const { approvalId, asked } = await ask(finance, { quorum: 2 });
    expect(asked?.map(({ subject }) => subject)).toEqual(["edward.lindqvist", "olga.nowak"]);
    await decide("edward.lindqvist");
    expect(await shown(finance, approvalId)).toMatchObject({ state: "PENDING", quorum: 2 });
    expect(await waiting("olga.nowak")).toMatchObject([{ quorum: 2 }]);
    await decide("olga.nowak");
    const done = await shown(finance, approvalId);
    expect(done).toMatchObject({ state: "APPROVED", approver: { subject: "olga.nowak" } });
    expect(done.asked?.map(({ to, decision }) => [to.subject, decision !== undefined])).toEqual([
      ["edward.lindqvist", true],
      ["olga.nowak", true],
    ]);
    expect((await events(finance, "approval.accept")).map(({ details }) => details["approver"])).toEqual([
      "edward.lindqvist",
      "olga.nowak",
    ]);
  });

  it("ends with the first no, and the others are told that nothing is left to decide", async () => {
    const { finance, decide, waiting, nodeOf } = await company();
    const { approvalId } = await ask(finance, { quorum: 2 });
    await decide("edward.lindqvist", "rejected");
    expect(await shown(finance, approvalId)).toMatchObject({ state: "REJECTED", approver: { subject: "edward.lindqvist" } });
    expect(await waiting("olga.nowak")).toEqual([]);
    expect(await shown(nodeOf("olga.nowak"), approvalId)).toMatchObject({ state: "ENDED" });
  });

  it("counts a person once: the same signed yes again, and another one of their other machine, change nothing", async () => {
    const { finance, decide, sign, sendPast } = await company();
    const { approvalId } = await ask(finance, { quorum: 2 });
    const item = await decide("edward.lindqvist");
    for (const reason of ["", "from my phone"]) {
      const decision = sign("edward.lindqvist", item, "approved", { reason });
      await sendPast("edward.lindqvist", approvalId, decision);
      await world.clock.advance(1_000);
    }
    expect(await shown(finance, approvalId)).toMatchObject({ state: "PENDING" });
    expect(await events(finance, "approval.accept")).toHaveLength(1);
  });

  it("is not asked for where fewer people can sign than it needs", async () => {
    const { finance } = await company();
    await expect(ask(finance, { quorum: 3 })).rejects.toMatchObject({
      code: "NO_ROUTE",
      message: expect.stringContaining("3 different people"),
    });
    await expect(ask(finance, { quorum: 2, target: { targetRole: "chair" } })).rejects.toMatchObject({ code: "NO_ROUTE" });
  });

  it("is not asked for where policy lets fewer be asked than it needs; who was denied is recorded", async () => {
    const { finance } = await company(({ action, target }) => action !== "approval.request" || target?.subject !== "olga.nowak");
    await expect(ask(finance, { quorum: 2 })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(await events(finance, "message.send")).toMatchObject([{ result: "denied" }]);
  });

  it("goes on after a crash of whoever asked, with what was counted before", async () => {
    const { finance, decide } = await company();
    const { approvalId } = await ask(finance, { quorum: 2 });
    await decide("edward.lindqvist");
    const again = await finance.restart();
    expect(await shown(again, approvalId)).toMatchObject({ state: "PENDING" });
    await decide("olga.nowak");
    expect(await shown(again, approvalId)).toMatchObject({ state: "APPROVED" });
  });
});

describe("an approval with a deadline", () => {
  it("counts where it is decided in time, with the deadline in what was signed", async () => {
    const { finance, decide } = await company();
    const deadline = inHours(2);
    const { approvalId } = await ask(finance, { deadline });
    const item = await decide("edward.lindqvist");
    expect(item.deadline).toBe(deadline);
    expect(await shown(finance, approvalId)).toMatchObject({ state: "APPROVED", deadline });
  });

  it("ends as EXPIRED on both sides once its time is over, and says so; nobody can decide then", async () => {
    const { finance, waiting, nodeOf, sign } = await company();
    const { approvalId } = await ask(finance, { deadline: inHours(2) });
    const [item] = await waiting("edward.lindqvist");
    await world.clock.advance(2 * HOUR);
    expect(await shown(finance, approvalId)).toMatchObject({ state: "EXPIRED", reason: expect.stringContaining("0 of 1") });
    expect(await waiting("edward.lindqvist")).toEqual([]);
    const edward = nodeOf("edward.lindqvist");
    expect(await shown(edward, approvalId)).toMatchObject({ state: "EXPIRED" });
    const decision = sign("edward.lindqvist", item as Approval, "approved");
    await expect(edward.call("approval.decide", { approvalId, decision })).rejects.toMatchObject({
      code: "STATE_CONFLICT",
      message: expect.stringContaining("time for this approval is over"),
    });
    expect(await events(finance, "approval.end")).toMatchObject([{ result: "failed", details: { state: "EXPIRED" } }]);
  });

  it("takes no yes that arrives later, also where it was signed in time, also after a crash over the deadline", async () => {
    const { finance, decide, nodeOf } = await company();
    const { approvalId } = await ask(finance, { deadline: inHours(2) });
    finance.stop();
    await decide("edward.lindqvist");
    world.clock.jump(2 * HOUR);
    const again = await finance.restart();
    await world.clock.advance(120_000);
    expect(await shown(again, approvalId)).toMatchObject({ state: "EXPIRED" });
    const theirs = await shown(nodeOf("edward.lindqvist"), approvalId);
    expect(theirs.state).toBe("APPROVED");
    expect(theirs.history.at(-1)?.note).toContain("ended as EXPIRED");
  });

  it("takes no decision without the deadline, with another one, or made after it, whatever the approver's daemon let pass", async () => {
    const { finance, sendPast, waiting, sign } = await company();
    const { approvalId } = await ask(finance, { deadline: inHours(2) });
    const [item] = await waiting("edward.lindqvist");
    for (const change of [{ deadline: undefined }, { deadline: inHours(3) }, { decidedAt: inHours(2) }]) {
      const decision = sign("edward.lindqvist", item as Approval, "approved", change);
      await sendPast("edward.lindqvist", approvalId, decision);
      await world.clock.advance(1_000);
    }
    expect(await shown(finance, approvalId)).toMatchObject({ state: "PENDING" });
    expect((await events(finance, "approval.accept")).map(({ result, details }) => [result, details["code"]])).toEqual(
      Array.from({ length: 3 }, () => ["denied", "APPROVAL_INVALID"]),
    );
  });

  it("has to be ahead, and not too far", async () => {
    const { finance } = await company();
    for (const deadline of [inHours(-1), inHours(24 * 91)])
      await expect(ask(finance, { deadline })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(ask(finance, { escalate: true })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("is not asked of an agent whose Gaggle can't show it: that is said at once", async () => {
    const { finance } = await company(undefined, { alter: (deps) => ({ ...deps, wireOf: () => 1 }) });
    const { approvalId } = await ask(finance, { deadline: inHours(2) });
    expect(await shown(finance, approvalId)).toMatchObject({ state: "FAILED", reason: expect.stringContaining("PEER_OUTDATED") });
  });
});

describe("an approval that escalates", () => {
  const escalating = () => ({ deadline: inHours(8), escalate: true });

  it("asks the manager once half the time is over, and their yes counts; who was asked, when and why is shown and recorded", async () => {
    const { finance, decide, waiting } = await company();
    const { approvalId } = await ask(finance, escalating());
    await world.clock.advance(3.9 * HOUR);
    expect(await waiting("nora.keller")).toEqual([]);
    await world.clock.advance(0.2 * HOUR);
    expect(await waiting("nora.keller")).toMatchObject([{ approvalId }]);
    const because = "edward.lindqvist did not decide in half of the time left";
    expect((await shown(finance, approvalId)).asked).toMatchObject([
      { to: { subject: "edward.lindqvist" }, because: "asked" },
      { to: { subject: "nora.keller" }, because },
    ]);
    expect(await events(finance, "approval.escalate")).toMatchObject([
      { target: `approval:${approvalId}`, result: "ok", details: { toSubject: "nora.keller", peerSubject: "edward.lindqvist", because } },
    ]);
    await decide("nora.keller");
    expect(await shown(finance, approvalId)).toMatchObject({ state: "APPROVED", approver: { subject: "nora.keller", role: "chair" } });
    expect(await waiting("edward.lindqvist")).toEqual([]);
  });

  it("still takes the yes of who was asked first", async () => {
    const { finance, decide, waiting } = await company();
    const { approvalId } = await ask(finance, escalating());
    await world.clock.advance(4.1 * HOUR);
    await decide("edward.lindqvist");
    expect(await shown(finance, approvalId)).toMatchObject({ state: "APPROVED", approver: { subject: "edward.lindqvist" } });
    expect(await waiting("nora.keller")).toEqual([]);
  });

  it("asks the manager after a quarter of the time where the first one's machine is off", async () => {
    const { finance, waiting, nodeOf } = await company();
    nodeOf("edward.lindqvist").stop();
    const { approvalId } = await ask(finance, escalating());
    await world.clock.advance(2.1 * HOUR);
    expect(await waiting("nora.keller")).toMatchObject([{ approvalId }]);
    expect((await shown(finance, approvalId)).asked?.[1]?.because).toBe("edward.lindqvist is away and has not got the request");
  });

  it("asks the manager at once where the request can't be delivered", async () => {
    const old = world;
    const { finance, waiting } = await company(undefined, {
      alter: (deps) => ({
        ...deps,
        wireOf: (id) => (id === old.members.find(({ principal }) => principal.subject === "edward.lindqvist")?.principal.agentId ? 1 : 2),
      }),
    });
    const { approvalId } = await ask(finance, escalating());
    await world.clock.advance(2_000);
    expect(await waiting("nora.keller")).toMatchObject([{ approvalId }]);
    expect(await shown(finance, approvalId)).toMatchObject({ state: "PENDING" });
  });

  it("never comes back to whoever asked, nor to anybody below them", async () => {
    const { finance, nodeOf } = await company();
    // Rita reports to Paul, who reports to Fiona, who reports to Edward.
    const { approvalId } = await ask(finance, { ...escalating(), target: { targetRole: "clerk" } });
    await world.clock.advance(4.1 * HOUR);
    expect((await shown(finance, approvalId)).asked?.map(({ to }) => to.subject)).toEqual(["rita.moss", "edward.lindqvist"]);
    expect((await nodeOf("paul.simon").call("inbox.list", { kind: "approval", waiting: false })).items).toEqual([]);
  });

  it("asks nobody whom policy does not let decide; the next above is asked, and that is recorded", async () => {
    const { finance } = await company(({ action, principal }) => action !== "approval.decide" || principal.subject !== "edward.lindqvist");
    const { approvalId } = await ask(finance, { ...escalating(), target: { targetRole: "clerk" } });
    await world.clock.advance(4.1 * HOUR);
    expect((await shown(finance, approvalId)).asked?.map(({ to }) => to.subject)).toEqual(["rita.moss", "nora.keller"]);
    expect(await events(finance, "approval.escalate")).toMatchObject([
      { result: "denied", details: { peerSubject: "edward.lindqvist", policy: "deny" } },
      { result: "ok", details: { toSubject: "nora.keller" } },
    ]);
  });

  it("goes on up, round by round, to the top, and ends as EXPIRED where nobody decides", async () => {
    const { finance } = await company();
    const { approvalId } = await ask(finance, { ...escalating(), target: { targetRole: "clerk" } });
    await world.clock.advance(8.1 * HOUR);
    const view = await shown(finance, approvalId);
    expect(view.state).toBe("EXPIRED");
    expect(view.asked?.map(({ to }) => to.subject)).toEqual(["rita.moss", "edward.lindqvist", "nora.keller"]);
    expect(view.history.some(({ note }) => note?.includes("nobody above them can be asked"))).toBe(true);
  });

  it("is taken up after a crash over the time of its escalation", async () => {
    const { finance, waiting } = await company();
    const { approvalId } = await ask(finance, escalating());
    finance.stop();
    world.clock.jump(4.5 * HOUR);
    await finance.restart();
    await world.clock.advance(60_000);
    expect(await waiting("nora.keller")).toMatchObject([{ approvalId }]);
  });
});

describe("a task that policy lets go only with approvals by several people, in time, and up the org chart", () => {
  const send = async (node: TestNode) => {
    const sent = await node.call("task.send", {
      target: { targetRole: "marketing" },
      task: "Pay the invoice",
      context: { amount: "1250.00" },
      idempotencyKey: "t1",
    });
    await world.clock.advance(1_000);
    return sent;
  };
  const tasks = async (node: TestNode) => (await node.call("inbox.list", { kind: "task" })).items;

  it("goes with all signatures once the quorum is there, and the receiver counts them itself", async () => {
    const { finance, marketing, decide } = await company(undefined, { alter: wantingApprovals({ quorum: 2 }) });
    const { taskId } = await send(finance);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "AUTH_REQUIRED",
      message: expect.stringContaining("2 people of executive"),
    });
    await decide("edward.lindqvist");
    expect(await tasks(marketing)).toEqual([]);
    await decide("olga.nowak");
    expect(await tasks(marketing)).toMatchObject([{ taskId }]);
    expect((await events(marketing, "approval.check")).map(({ result, details }) => [result, details["approver"]])).toEqual([
      ["ok", "edward.lindqvist"],
      ["ok", "olga.nowak"],
    ]);
  });

  it("is refused by a receiver whose policy wants more signatures than its sender's", async () => {
    const { finance, marketing, decide, trust } = await company(undefined, { alter: wantingApprovals({}, ["task.send"]) });
    const stricter = await marketing.restart(0, {
      alter: wantingApprovals({ quorum: 2 }, ["task.receive"]),
      managers: MANAGERS,
      trust,
    });
    const { taskId } = await send(finance);
    await decide("edward.lindqvist");
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "REJECTED",
      message: expect.stringContaining("2 people of executive"),
    });
    expect(await tasks(stricter)).toEqual([]);
  });

  it("ends as FAILED, in words, where its approval was not decided in time", async () => {
    const { finance, marketing } = await company(undefined, { alter: wantingApprovals({ withinMs: HOUR }) });
    const { taskId } = await send(finance);
    await world.clock.advance(1.1 * HOUR);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "FAILED",
      message: expect.stringContaining("Its time is over; 0 of 1"),
    });
    expect(await tasks(marketing)).toEqual([]);
  });

  it("goes with the manager's signature where policy lets it escalate", async () => {
    const { finance, marketing, decide } = await company(undefined, { alter: wantingApprovals({ withinMs: 8 * HOUR, escalates: true }) });
    const { taskId } = await send(finance);
    await world.clock.advance(4.1 * HOUR);
    await decide("nora.keller");
    expect(await tasks(marketing)).toMatchObject([{ taskId }]);
  });

  it("takes its request for approval back where it is called off, so that nobody decides for nothing", async () => {
    const { finance, decide, waiting } = await company(undefined, { alter: wantingApprovals({ quorum: 2 }) });
    const { taskId } = await send(finance);
    await decide("edward.lindqvist");
    await finance.call("task.cancel", { taskId });
    await world.clock.advance(1_000);
    expect(await waiting("olga.nowak")).toEqual([]);
  });

  it("is taken back from the one who was asked for it, too: their item is closed with the reason, and a decision is refused with it", async () => {
    const { finance, waiting, nodeOf, sign } = await company(undefined, { alter: wantingApprovals({}) });
    const { taskId } = await send(finance);
    const [item] = await waiting("edward.lindqvist");
    await finance.call("task.cancel", { taskId });
    await world.clock.advance(1_000);
    const edward = nodeOf("edward.lindqvist");
    expect(await waiting("edward.lindqvist")).toEqual([]);
    const id = item?.approvalId ?? "";
    expect(await shown(edward, id)).toMatchObject({ state: "ENDED", reason: "Whoever asked has called it off." });
    expect(await events(edward, "approval.end")).toMatchObject([{ details: { state: "FAILED", calledOff: true } }]);
    const decision = sign("edward.lindqvist", item as Approval, "approved");
    await expect(edward.call("approval.decide", { approvalId: id, decision })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });

  it("tells nobody that it is called off whose Gaggle does not know the word", async () => {
    const alter = (deps: MessagingDeps) => ({ ...wantingApprovals({})(deps), wireOf: () => 1 });
    const { finance, waiting } = await company(undefined, { alter });
    const { taskId } = await send(finance);
    await finance.call("task.cancel", { taskId });
    await world.clock.advance(1_000);
    expect(await waiting("edward.lindqvist")).toHaveLength(1);
    expect((await finance.call("dead.list", {})).items).toEqual([]);
    expect((await finance.call("outbox.list", {})).items).toEqual([]);
  });
});
