import { beforeEach, describe, expect, it } from "vitest";
import type { Message, MessageOf } from "../../../../mesh/contract/message.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { SessionView } from "../../../../mesh/contract/session.ts";
import type { OpenedEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { signHandOff } from "../../../../mesh/session/broker/hand-off-proof.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";

let world: World;
beforeEach(() => {
  world = createWorld(11);
});

/** Payroll is for HR and executives alone, by policy on both sides. */
const allow = ({ action, targetRole, resource }: PolicyQuestion): boolean =>
  action !== "session.share" || resource !== "payroll" || targetRole === "hr" || targetRole === "executive";

async function desks(options: NodeOptions = { allow }) {
  const [fiona, marco, hanna] = [
    world.addMember("fiona.berg", "finance"),
    world.addMember("marco.diaz", "marketing"),
    world.addMember("hanna.okoye", "hr"),
  ];
  return {
    finance: await startNode(world, fiona, options),
    marketing: await startNode(world, marco, options),
    hr: await startNode(world, hanna, options),
  };
}

const settle = (ms = 3_000) => world.clock.advance(ms);
const open = (node: TestNode, more: Record<string, unknown> = {}) =>
  node.call("session.open", {
    purpose: "Close October",
    participants: [{ targetRole: "marketing" }, { targetRole: "hr" }],
    idempotencyKey: "s1",
    ...more,
  });
const share = (node: TestNode, sessionId: string, id: string, more: Record<string, unknown> = {}) =>
  node.call("session.share", { sessionId, id, title: `Shard ${id}`, body: { of: id }, ...more });
const look = (node: TestNode, sessionId: string, shard?: string): Promise<SessionView> =>
  node.call("session.status", { sessionId, ...(shard === undefined ? {} : { shard }) });
const shardsAt = async (node: TestNode, sessionId: string) =>
  (await look(node, sessionId)).shards.map(({ id, version }) => `${id}@${version}`).toSorted();
const actions = async (node: TestNode) =>
  (await node.chain.list({ fromSeq: 1, limit: 2_000 })).map(({ action, result }) => `${action} ${result}`);

describe("a session", () => {
  it("is joined by those who are invited, and shared context comes to all of them, each version in its turn", async () => {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "plan");
    await settle();
    expect((await look(finance, sessionId)).participants.map(({ subject, state }) => `${subject} ${state}`)).toEqual([
      "marco.diaz joined",
      "hanna.okoye joined",
    ]);
    await share(finance, sessionId, "plan", { body: { of: "plan", more: 1 } });
    await share(finance, sessionId, "plan", { body: { of: "plan", more: 1 } });
    await settle();
    for (const node of [marketing, hr]) {
      expect(await look(node, sessionId, "plan")).toMatchObject({
        mine: "participant",
        purpose: "Close October",
        owner: { subject: "fiona.berg" },
        shards: [{ id: "plan", version: 2, body: { of: "plan", more: 1 } }],
      });
    }
    const delivered = (await look(finance, sessionId)).participants.map(({ shards }) => shards);
    expect(delivered).toEqual([[{ id: "plan", version: 2, delivery: "stored" }], [{ id: "plan", version: 2, delivery: "stored" }]]);
    expect(await open(finance)).toMatchObject({ sessionId });
  });

  it("gives each participant only what visibility and policy allow, and takes back what it may no longer see", async () => {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "for-hr", { visibility: { roles: ["hr"] } });
    await share(finance, sessionId, "for-marco", { visibility: { participants: [marketing.self.agentId] } });
    await share(finance, sessionId, "wages", { classes: ["payroll"] });
    await share(finance, sessionId, "all");
    await settle();
    expect(await shardsAt(marketing, sessionId)).toEqual(["all@1", "for-marco@1"]);
    expect(await shardsAt(hr, sessionId)).toEqual(["all@1", "for-hr@1", "wages@1"]);
    expect(await actions(finance)).toContain("session.withhold denied");
    await share(finance, sessionId, "all", { visibility: { departments: ["hr"] } });
    await settle();
    expect(await shardsAt(marketing, sessionId)).toEqual(["for-marco@1"]);
    expect([...(await marketing.store.range({ gte: "broker/shard/", lt: "broker/shard0" }))]).toHaveLength(1);
    expect(await shardsAt(hr, sessionId)).toContain("all@2");
  });

  it("keeps out a shard that the receiver's own policy does not allow, whatever its owner's says", async () => {
    const fiona = world.addMember("fiona.berg", "finance");
    const marco = world.addMember("marco.diaz", "marketing");
    const finance = await startNode(world, fiona, { allow: () => true });
    const marketing = await startNode(world, marco, { allow });
    const { sessionId } = await open(finance, { participants: [{ targetRole: "marketing" }] });
    await settle();
    await share(finance, sessionId, "wages", { classes: ["payroll"] });
    await settle();
    expect(await shardsAt(marketing, sessionId)).toEqual([]);
    expect(await actions(marketing)).toContain("session.withhold denied");
    expect((await look(finance, sessionId)).participants[0]?.shards).toEqual([{ id: "wages", version: 1, delivery: "dead" }]);
  });

  it("is refused by a participant whose policy does not let it join, and the owner sees so", async () => {
    const fiona = world.addMember("fiona.berg", "finance");
    const marco = world.addMember("marco.diaz", "marketing");
    const finance = await startNode(world, fiona);
    const marketing = await startNode(world, marco, { allow: ({ action }) => action !== "session.join" });
    const { sessionId } = await open(finance, { participants: [{ targetRole: "marketing" }] });
    await share(finance, sessionId, "plan");
    await settle();
    expect((await look(finance, sessionId)).participants).toMatchObject([{ state: "refused", shards: [] }]);
    await expect(look(marketing, sessionId)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const denied = await startNode(world, world.addMember("elena.novak", "engineering"), {
      allow: ({ action }) => action !== "session.join",
    });
    await expect(open(denied, { participants: [{ targetRole: "marketing" }] })).rejects.toMatchObject({ code: "POLICY_DENIED" });
  });

  it("stays within its scope: other classes and other skills are refused on both sides", async () => {
    const { finance, marketing } = await desks();
    const { sessionId } = await open(finance, { scope: { skills: ["accruals"], classes: ["internal"] } });
    await settle();
    await expect(share(finance, sessionId, "x", { classes: ["legal"] })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    const ask = (skill: string) =>
      finance.call("task.send", { target: { targetRole: "marketing", skill }, task: "x", inSession: sessionId, idempotencyKey: skill });
    await expect(ask("posters")).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(await ask("accruals")).toMatchObject({ state: "SUBMITTED" });
    await settle();
    expect((await marketing.call("inbox.list", {})).items).toMatchObject([{ kind: "task", session: { id: sessionId } }]);
  });

  it("ends at its close: what was shared is deleted everywhere, and every chain says so", async () => {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "plan");
    await settle();
    await finance.call("session.close", { sessionId });
    await settle();
    for (const node of [finance, marketing, hr]) {
      expect(await look(node, sessionId)).toMatchObject({ state: "CLOSED", shards: [] });
      expect([...(await node.store.range({ gte: "broker/shard/", lt: "broker/shard0" }))]).toEqual([]);
      expect(await actions(node)).toContain("session.close ok");
    }
    await expect(share(finance, sessionId, "late")).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });

  it("ends at its expiry by itself, on each machine alone, also one that was off meanwhile", async () => {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance, { lifetimeMs: 120_000 });
    await share(finance, sessionId, "plan");
    await settle();
    hr.stop();
    await settle(180_000);
    const again = await hr.restart();
    await settle();
    for (const node of [finance, marketing, again]) {
      expect(await look(node, sessionId)).toMatchObject({ state: "EXPIRED", shards: [] });
      expect([...(await node.store.range({ gte: "broker/shard/", lt: "broker/shard0" }))]).toEqual([]);
      expect(await actions(node)).toContain("session.expire ok");
    }
  });

  it("is left and joined again: nothing stays with who left, and who comes back has all again", async () => {
    const { finance, marketing } = await desks();
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "plan");
    await settle();
    await marketing.call("session.leave", { sessionId });
    await share(finance, sessionId, "plan", { body: "two" });
    await settle();
    expect(await look(marketing, sessionId)).toMatchObject({ participation: "left", shards: [] });
    expect((await look(finance, sessionId)).participants[0]).toMatchObject({ state: "left", shards: [] });
    await marketing.call("session.join", { sessionId });
    await settle();
    expect(await look(marketing, sessionId, "plan")).toMatchObject({ participation: "joined", shards: [{ version: 2, body: "two" }] });
  });
});

describe("an invitation to a session that is open already", () => {
  it("brings the agent in with all that it may see, and leaves the others as they are", async () => {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance, { participants: [{ targetRole: "marketing" }] });
    await share(finance, sessionId, "plan");
    await share(finance, sessionId, "wages", { classes: ["payroll"] });
    await settle();
    await expect(look(hr, sessionId)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const both = [{ targetRole: "hr" }, { targetRole: "marketing" }];
    await expect(marketing.call("session.invite", { sessionId, participants: both })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    await finance.call("session.invite", { sessionId, participants: both });
    await finance.call("session.invite", { sessionId, participants: both });
    await settle();
    expect(await shardsAt(hr, sessionId)).toEqual(["plan@1", "wages@1"]);
    expect(await shardsAt(marketing, sessionId)).toEqual(["plan@1"]);
    expect((await look(finance, sessionId)).participants.map(({ subject, state }) => `${subject} ${state}`)).toEqual([
      "marco.diaz joined",
      "hanna.okoye joined",
    ]);
    expect((await actions(finance)).filter((one) => one.startsWith("session.invite"))).toEqual(["session.invite ok"]);
  });

  it("is asked of policy, and can be given again to one that has left", async () => {
    const { finance, marketing } = await desks({ allow: (asked) => asked.action !== "session.join" || asked.targetRole !== "hr" });
    const { sessionId } = await open(finance, { participants: [{ targetRole: "marketing" }] });
    await settle();
    await expect(finance.call("session.invite", { sessionId, participants: [{ targetRole: "hr" }] })).rejects.toMatchObject({
      code: "POLICY_DENIED",
    });
    await marketing.call("session.leave", { sessionId });
    await settle();
    await finance.call("session.invite", { sessionId, participants: [{ targetRole: "marketing" }] });
    expect((await look(finance, sessionId)).participants).toMatchObject([{ subject: "marco.diaz", state: "invited" }]);
    await settle();
    await marketing.call("session.join", { sessionId });
    await settle();
    expect((await look(finance, sessionId)).participants).toMatchObject([{ state: "joined" }]);
  });
});

describe("a task in a session", () => {
  it("carries references to the shards that its receiver may see, and its run gets what they hold", async () => {
    const { finance, marketing, hr } = await desks({ allow, skills: { accruals: "safe" } });
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "plan");
    await share(finance, sessionId, "wages", { classes: ["payroll"] });
    await settle();
    const ask = (from: TestNode, targetRole: string, more: object = {}) =>
      from.call("task.send", {
        target: { targetRole, skill: "accruals" },
        task: "October",
        inSession: sessionId,
        idempotencyKey: `${from.self.subject} ${targetRole} ${JSON.stringify(more)}`,
        ...more,
      });
    const { taskId } = await ask(finance, "marketing");
    await ask(hr, "marketing");
    await ask(finance, "hr", { shards: ["wages"] });
    await settle();
    for (const run of marketing.state.started)
      expect(run.session).toEqual({
        sessionId,
        purpose: "Close October",
        shards: [{ id: "plan", version: 1, title: "Shard plan", body: { of: "plan" } }],
      });
    expect(marketing.state.started).toHaveLength(2);
    expect(await marketing.call("status.fetch", { id: taskId })).toMatchObject({ session: { shards: [{ id: "plan", version: 1 }] } });
    expect(hr.state.started[0]?.session?.shards.map(({ id }) => id)).toEqual(["wages"]);
    await expect(ask(finance, "marketing", { shards: ["wages"] })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    await expect(ask(finance, "marketing", { shards: ["nothing"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("of somebody who takes no part is rejected by its receiver", async () => {
    const { finance, marketing } = await desks();
    const elena = await startNode(world, world.addMember("elena.novak", "engineering"));
    const { sessionId } = await open(finance);
    await settle();
    const taskId = "0190b0c8-0000-7000-8000-00000000000b";
    await elena.messaging.send(() => ({
      to: marketing.self,
      message: {
        type: "task.request",
        taskId,
        task: "x",
        context: {},
        policyHints: {},
        idempotencyKey: "k",
        session: { id: sessionId, shards: [] },
      },
      priority: "P2",
      lane: taskId,
      traceId: "d".repeat(32),
    }));
    await settle();
    expect((await marketing.call("inbox.list", {})).items).toEqual([]);
    expect((await elena.call("dead.list", {})).items).toMatchObject([{ lastError: "POLICY_DENIED" }]);
  });

  it("counts in the session's totals at its owner, whoever asked it, once", async () => {
    const run: NodeOptions["run"] = () => ({
      outcome: { state: "COMPLETED", result: 1, cost: { tokens: 40, usd: "0.001" } },
      delayMs: 10,
    });
    const { finance, marketing, hr } = await desks({ allow, skills: { accruals: "safe" }, run });
    const { sessionId } = await open(finance);
    await settle();
    const ask = (from: TestNode, targetRole: string, skill?: string) =>
      from.call("task.send", {
        target: { targetRole, ...(skill === undefined ? {} : { skill }) },
        task: "x",
        inSession: sessionId,
        idempotencyKey: `${targetRole}${skill}`,
      });
    await ask(finance, "marketing", "accruals");
    await ask(marketing, "hr", "accruals");
    const { taskId } = await ask(hr, "finance");
    await settle();
    await finance.call("inbox.ask", { taskId, question: "Which?" });
    await settle();
    expect(await finance.call("status.fetch", { id: sessionId })).toMatchObject({
      kind: "session",
      session: {
        totals: { tasks: { COMPLETED: 2, INPUT_REQUIRED: 1 }, openQuestions: 1, spent: { tokens: 80, usd: "0.002" }, agents: 3 },
      },
    });
    expect((await look(marketing, sessionId)).totals).toMatchObject({ tasks: { COMPLETED: 1 }, agents: 1 });
  });
});

describe("a hand-off", () => {
  async function shared() {
    const { finance, marketing, hr } = await desks();
    const { sessionId } = await open(finance);
    await share(finance, sessionId, "plan");
    await settle();
    return { finance, marketing, hr, sessionId };
  }
  const hand = (node: TestNode, sessionId: string, to: string) => node.call("session.handoff", { sessionId, to: { targetRole: to } });
  const ownersOf = async (nodes: TestNode[], sessionId: string) => {
    const views = await Promise.all(nodes.map((node) => look(node, sessionId)));
    return views.filter(({ mine, handingTo }) => mine === "owner" && handingTo === undefined).length;
  };

  it("makes its receiver the owner when it accepts: all hear of it, and what it shares from then on counts", async () => {
    const { finance, marketing, hr, sessionId } = await shared();
    await hand(finance, sessionId, "marketing");
    await settle();
    expect(await ownersOf([finance, marketing, hr], sessionId)).toBe(0);
    await expect(share(finance, sessionId, "plan", { body: 2 })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    expect((await marketing.call("inbox.list", {})).items).toMatchObject([
      { kind: "notification", message: expect.stringContaining(sessionId) },
    ]);
    expect(await look(marketing, sessionId)).toMatchObject({ offered: true });
    await marketing.call("session.handoff", { sessionId, accept: true });
    await settle();
    for (const node of [finance, marketing, hr])
      expect(await look(node, sessionId)).toMatchObject({
        owner: { subject: "marco.diaz" },
        epoch: 2,
        shards: [{ id: "plan", version: 1 }],
      });
    await share(marketing, sessionId, "plan", { body: "by marco" });
    await settle();
    for (const node of [finance, hr])
      expect(await look(node, sessionId, "plan")).toMatchObject({ shards: [{ version: 2, body: "by marco" }] });
    await expect(share(finance, sessionId, "plan", { body: 3 })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(await ownersOf([finance, marketing, hr], sessionId)).toBe(1);
  });

  it("to an agent that is off can be taken back: the owner goes on, and the agent never hears of it", async () => {
    const { finance, marketing, hr, sessionId } = await shared();
    marketing.stop();
    await hand(finance, sessionId, "marketing");
    await settle();
    await expect(share(finance, sessionId, "plan", { body: 2 })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    expect(await finance.call("session.handoff", { sessionId, withdraw: true })).toMatchObject({ mine: "owner" });
    await expect(finance.call("session.handoff", { sessionId, withdraw: true })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    const back = await marketing.restart();
    finance.messaging.peerConnected(marketing.self.agentId);
    await settle();
    expect(await look(back, sessionId)).toMatchObject({ owner: { subject: "fiona.berg" }, offered: false, epoch: 3 });
    await hand(finance, sessionId, "hr");
    await settle();
    await hr.call("session.handoff", { sessionId, accept: true });
    await settle();
    expect(await ownersOf([finance, back, hr], sessionId)).toBe(1);
    expect(await look(back, sessionId)).toMatchObject({ owner: { subject: "hanna.okoye" } });
  });

  it("can't be taken back once it may have arrived, answered or not", async () => {
    const { finance, marketing, sessionId } = await shared();
    await hand(finance, sessionId, "marketing");
    await settle();
    await expect(finance.call("session.handoff", { sessionId, withdraw: true })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    marketing.stop();
    await settle();
    await expect(finance.call("session.handoff", { sessionId, withdraw: true })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    const again = await finance.restart();
    await expect(again.call("session.handoff", { sessionId, withdraw: true })).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });

  it("that is declined leaves the owner as it was, and its signed offer is worth nothing afterwards", async () => {
    const { finance, marketing, hr, sessionId } = await shared();
    await hand(finance, sessionId, "marketing");
    await settle();
    await marketing.call("session.handoff", { sessionId, accept: false });
    await settle();
    await share(finance, sessionId, "plan", { body: "still fiona" });
    await settle();
    expect(await look(hr, sessionId, "plan")).toMatchObject({
      owner: { subject: "fiona.berg" },
      epoch: 3,
      shards: [{ body: "still fiona" }],
    });
    const [owner] = world.members;
    if (owner === undefined) throw new Error("nobody is there");
    const proof = signHandOff(
      { v: 1, org: world.org.org, sessionId, epoch: 2, from: finance.self.agentId, to: marketing.self.agentId },
      owner.signer,
    );
    const claim: MessageOf<"session.state"> = {
      type: "session.state",
      sessionId,
      epoch: 9,
      rev: 1,
      open: true,
      purpose: "mine now",
      scope: {},
      expiresAt: world.clock.now() + 60_000,
      owner: marketing.self,
      participants: [{ ...hr.self, state: "joined" }],
      handOffs: [proof],
    };
    await marketing.messaging.send(() => ({ to: hr.self, message: claim, priority: "P1", lane: "x", traceId: "d".repeat(32) }));
    await settle();
    expect(await look(hr, sessionId)).toMatchObject({ owner: { subject: "fiona.berg" }, purpose: "Close October" });
    expect((await marketing.call("dead.list", {})).items).toMatchObject([{ type: "session.state", lastError: "ENVELOPE_INVALID" }]);
  });

  it.each([
    ["the owner after its offer", "finance"],
    ["the receiver after it accepted", "marketing"],
    ["both", "both"],
  ])("survives a crash of %s: exactly one agent owns the session in the end", async (_what, which) => {
    const { finance, marketing, hr, sessionId } = await shared();
    world.network.state.faults = { loseRequest: 0.4, loseAnswer: 0.4, repeat: 0.3, maxDelayMs: 300 };
    await hand(finance, sessionId, "marketing");
    const old = which === "marketing" ? finance : await finance.restart();
    for (let i = 0; i < 60 && !(await look(marketing, sessionId)).offered; i++) await settle();
    const accepting = marketing.call("session.handoff", { sessionId, accept: true });
    await accepting;
    const heir = which === "finance" ? marketing : await marketing.restart();
    await settle(60_000);
    world.network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
    await settle(300_000);
    expect(await ownersOf([old, heir, hr], sessionId)).toBe(1);
    for (const node of [old, heir, hr]) expect(await look(node, sessionId)).toMatchObject({ owner: { subject: "marco.diaz" }, epoch: 2 });
    expect(await shardsAt(old, sessionId)).toEqual(["plan@1"]);
  });

  it("goes only to who takes part and may see all of it, and only from the owner", async () => {
    const { finance, marketing, hr, sessionId } = await shared();
    await share(finance, sessionId, "wages", { classes: ["payroll"] });
    await expect(hand(finance, sessionId, "marketing")).rejects.toMatchObject({
      code: "POLICY_DENIED",
      message: expect.stringContaining("wages"),
    });
    await expect(hand(hr, sessionId, "marketing")).rejects.toMatchObject({ code: "POLICY_DENIED" });
    await marketing.call("session.leave", { sessionId });
    await settle();
    await expect(hand(finance, sessionId, "marketing")).rejects.toMatchObject({ code: "STATE_CONFLICT" });
    await hand(finance, sessionId, "hr");
    await settle();
    await hr.call("session.handoff", { sessionId, accept: true });
    await settle();
    expect(await look(finance, sessionId)).toMatchObject({ owner: { subject: "hanna.okoye" } });
    expect(await shardsAt(finance, sessionId), "wages are not for finance by policy").toEqual(["plan@1"]);
  });
});

describe("the id of a shard, in which a name may stand", () => {
  const NAMED = "salary-of-anna-schmidt";
  const FIGURES = { title: "Figures", body: { of: "figures" } };
  const OPAQUE = /^shard-[0-9a-f-]{36}$/;
  /** A guard that finds nothing: what is not read stays as it is. */
  const boundary = () => ({
    depart: async ({ message }: { message: Message }) => ({ message }),
    arrive: async (opened: OpenedEnvelope) => opened,
  });
  const idsAt = async (node: TestNode, sessionId: string) => (await look(node, sessionId)).shards.map(({ id }) => id);

  async function shared() {
    const options: NodeOptions = { boundary, skills: { report: "safe" } };
    const nodes = await desks(options);
    const pieter = await startNode(world, world.addMember("pieter.jansen", "finance"), options);
    const { sessionId } = await open(nodes.finance, {
      participants: [{ targetRole: "marketing" }, { targetRole: "hr" }, { agentId: pieter.self.agentId }],
    });
    await settle();
    await share(nodes.finance, sessionId, NAMED, FIGURES);
    await settle();
    return { ...nodes, pieter, sessionId };
  }

  it("is read within the owner's department alone; elsewhere the shard has one other name, in all its versions and as it is taken back", async () => {
    const { finance, marketing, hr, pieter, sessionId } = await shared();
    expect(await idsAt(finance, sessionId)).toEqual([NAMED]);
    expect(await idsAt(pieter, sessionId)).toEqual([NAMED]);
    const [other = ""] = await idsAt(marketing, sessionId);
    expect(other).toMatch(OPAQUE);
    expect(await idsAt(hr, sessionId)).toEqual([other]);
    await share(finance, sessionId, NAMED, { ...FIGURES, body: { of: "October" }, visibility: { roles: ["marketing"] } });
    await settle();
    expect(await look(marketing, sessionId, other)).toMatchObject({ shards: [{ id: other, version: 2, body: { of: "October" } }] });
    expect(await idsAt(hr, sessionId)).toEqual([]);
    expect(await idsAt(pieter, sessionId)).toEqual([]);
    const [delivered] = (await look(finance, sessionId)).participants;
    expect(delivered?.shards).toEqual([{ id: NAMED, version: 2, delivery: "stored" }]);
    const kept = (await marketing.store.range({ gte: "", lt: "~" })).map((row) => row.join(" "));
    expect(kept.filter((row) => row.includes(NAMED))).toEqual([]);
  });

  it("is understood in tasks of every participant, under the name that each knows", async () => {
    const { finance, marketing, pieter, sessionId } = await shared();
    const [other = ""] = await idsAt(marketing, sessionId);
    const ask = (from: TestNode, to: TestNode, shard: string) =>
      from.call("task.send", {
        target: { agentId: to.self.agentId, skill: "report" },
        task: `from ${from.self.subject}`,
        inSession: sessionId,
        shards: [shard],
        idempotencyKey: `${from.self.agentId} ${to.self.agentId}`,
      });
    await ask(finance, marketing, NAMED);
    await ask(pieter, marketing, NAMED);
    await ask(marketing, finance, other);
    await ask(marketing, pieter, other);
    await settle();
    const seen = (node: TestNode) => node.state.started.map(({ session }) => session?.shards.map(({ id, body }) => [id, body]));
    const { body } = FIGURES;
    expect(seen(marketing)).toEqual([[[other, body]], [[other, body]]]);
    expect(seen(finance)).toEqual([[[NAMED, body]]]);
    expect(seen(pieter)).toEqual([[[NAMED, body]]]);
  });

  it("stays behind as the session is handed to another department, whose new versions come under the other name", async () => {
    const { finance, marketing, hr, pieter, sessionId } = await shared();
    const [other = ""] = await idsAt(hr, sessionId);
    await finance.call("session.handoff", { sessionId, to: { targetRole: "marketing" } });
    await settle();
    await marketing.call("session.handoff", { sessionId, accept: true });
    await settle();
    await share(marketing, sessionId, other, { body: { of: "marketing" } });
    await settle();
    for (const node of [finance, hr, pieter])
      expect(await look(node, sessionId, other)).toMatchObject({ shards: [{ id: other, version: 2, body: { of: "marketing" } }] });
  });

  it("is kept by the owner's department as it is handed on within it", async () => {
    const { finance, marketing, pieter, sessionId } = await shared();
    const before = await idsAt(marketing, sessionId);
    await finance.call("session.handoff", { sessionId, to: { agentId: pieter.self.agentId } });
    await settle();
    await pieter.call("session.handoff", { sessionId, accept: true });
    await settle();
    expect(await idsAt(finance, sessionId)).toEqual([NAMED]);
    expect(await idsAt(marketing, sessionId)).toEqual(before);
  });
});
