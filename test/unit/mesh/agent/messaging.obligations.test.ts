/** What policy obliges to is kept where messages are sent and received, or nothing is done. */
import { beforeEach, describe, expect, it } from "vitest";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../guard/policy/compile-policies.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { ENVELOPE_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { QUEUED_RANGE } from "../../../../mesh/delivery/outbox-record.ts";
import type { Obligation, PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { Message } from "../../../../mesh/contract/message.ts";
import type { OpenedEnvelope } from "../../../../mesh/delivery/envelope.ts";
import type { Boundary, MessagingDeps } from "../../../../mesh/agent/messaging/messaging-types.ts";
import { statementOn } from "../../../support/approval-statement.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";

const HASH = "d".repeat(64);

/** An engine that allows everything, with what `oblige` says; it remembers what it was asked. */
function obliging(oblige: (question: PolicyQuestion) => readonly Obligation[]) {
  const asked: PolicyQuestion[] = [];
  const engine: PolicyEngine = {
    decide(question) {
      asked.push(question);
      return { allowed: true, rules: ["r1"], reason: "r1 allows it.", policyHash: HASH, risk: 30, obligations: oblige(question) };
    },
  };
  return { engine, asked };
}

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

const withPolicy =
  (engine: PolicyEngine) =>
  (deps: MessagingDeps): MessagingDeps => ({ ...deps, policy: keepObligations(engine, { clock: deps.clock }) });

const TASK = { task: "Pay the invoice", context: { amount: "1250.00" } };
const send = (node: TestNode, key = "k1") =>
  node.call("task.send", { target: { targetRole: "marketing", skill: "accruals" }, ...TASK, idempotencyKey: key });
const events = async (node: TestNode, action: string) =>
  (await node.chain.list({ fromSeq: 1, limit: 1_000 })).filter((event) => event.action === action);

/** Finance, marketing and an executive whose approval key is on the roster. */
async function company(
  oblige: (question: PolicyQuestion) => readonly Obligation[],
  options: Pick<NodeOptions, "skills" | "boundary"> = {},
  receiver?: PolicyEngine,
) {
  const key = createSigner(generateSigningKey(world.random));
  const policy = obliging(oblige);
  const fiona = world.addMember("fiona.berg", "finance");
  const marco = world.addMember("marco.diaz", "marketing");
  const edward = world.addMember("edward.lindqvist", "executive");
  const roster = { approvers: [{ subject: "edward.lindqvist", role: "executive", key: key.publicJwk }], stewards: [] };
  const trust = () => ({ ...world.org.manifest, roster });
  const common = { trust, alter: withPolicy(policy.engine), ...options };
  const finance = await startNode(world, fiona, common);
  const marketing = await startNode(world, marco, receiver === undefined ? common : { ...common, alter: withPolicy(receiver) });
  const executive = await startNode(world, edward, common);
  const asked = async () => {
    const [item] = (await executive.call("inbox.list", { kind: "approval" })).items;
    if (item?.kind !== "approval") throw new Error("nothing waits for the executive");
    return item;
  };
  const sign = (item: Awaited<ReturnType<typeof asked>>, decision: "approved" | "rejected"): string => {
    const by = { org: world.org.org, subject: "edward.lindqvist", role: "executive", now: world.clock.now() };
    return signApproval({ statement: statementOn(item, by, { decision }), signer: key });
  };
  const decide = async (decision: "approved" | "rejected") => {
    const item = await asked();
    await executive.call("approval.decide", { approvalId: item.approvalId, decision: sign(item, decision) });
    return item;
  };
  /** A decision as it goes where its sender has not heard yet that it is over. */
  const late = async (): Promise<() => Promise<void>> => {
    const item = await asked();
    const { approvalId } = item;
    const message = { type: "approval.decision" as const, approvalId, decision: sign(item, "approved") };
    return () => executive.messaging.send(() => ({ to: fiona.principal, message, priority: "P1", lane: "late", traceId: "d".repeat(32) }));
  };
  return { finance, marketing, executive, decide, late, asked: policy.asked, fiona, marco };
}

/** A company whose guard finds an IBAN in everything, with a request for approval under way. */
async function withClasses() {
  const passing = { depart: async ({ message }: { message: Message }) => ({ message }), arrive: async (opened: OpenedEnvelope) => opened };
  const made = await company(() => [], { boundary: () => ({ ...passing, classesOf: async () => ["IBAN"] }) });
  await made.finance.call("approval.request", {
    target: { targetRole: "executive" },
    payload: { iban: "DE89370400440532013000" },
    stepId: "pay",
    idempotencyKey: "a1",
  });
  await world.clock.advance(1_000);
  return made;
}

const needsApproval = ({ action }: PolicyQuestion): readonly Obligation[] =>
  action === "task.send" || action === "task.receive" ? [{ kind: "approval", role: "executive" }] : [];
const waiting = async (node: TestNode) => (await node.call("inbox.list", { kind: "task" })).items;
/** Obliges the sender of tasks to approvals by roles that may change meanwhile. */
const needsApprovalOf =
  (roles: readonly string[]) =>
  ({ action }: PolicyQuestion): readonly Obligation[] =>
    action === "task.send" ? roles.map((role) => ({ kind: "approval", role })) : [];

it("a task leaves with the circumstances that policy was asked with, for when it is known what is in it", async () => {
  const left: unknown[] = [];
  const boundary = () => ({
    depart: async ({ message, asked }: Parameters<Boundary["depart"]>[0]) => {
      left.push(asked);
      return { message };
    },
    arrive: async (opened: OpenedEnvelope) => opened,
  });
  const { finance } = await company(() => [], { boundary });
  await send(finance);
  await world.clock.advance(1_000);
  expect(left).toContainEqual({ unattended: false, participants: ["fiona.berg"] });
});

describe("a task that policy lets go only with an approval", () => {
  it("does not go with the one that was asked for where policy has come to want another too", async () => {
    const roles = ["executive"];
    const { finance, marketing, decide } = await company(needsApprovalOf(roles));
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    roles.push("legal");
    await decide("approved");
    await world.clock.advance(1_000);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "REJECTED",
      message: expect.stringContaining("approval by legal"),
    });
    expect(await waiting(marketing)).toEqual([]);
  });

  it("is sent again from the dead letters with what policy has come to want masked", async () => {
    const classes: string[] = [];
    const boundary = () => ({
      depart: async ({ message }: { message: Message }) => ({ message }),
      arrive: async (opened: OpenedEnvelope) => opened,
    });
    const { finance, marketing } = await company(
      ({ action }) => (action === "task.send" && classes.length > 0 ? [{ kind: "mask", classes }] : []),
      { boundary },
    );
    marketing.stop();
    await send(finance);
    world.clock.jump(ENVELOPE_LIFETIME_MS);
    await world.clock.advance(120_000);
    const [dead] = (await finance.call("dead.list", {})).items;
    classes.push("IBAN");
    await finance.call("dead.retry", { id: dead?.id ?? "" });
    const [waiting] = await finance.store.range({ ...QUEUED_RANGE, limit: 1 });
    expect(JSON.parse(waiting?.[1] ?? "{}")).toMatchObject({ mask: ["IBAN"] });
  });

  it("is not sent again from the dead letters without one that policy has come to want", async () => {
    const roles: string[] = [];
    const { finance, marketing } = await company(needsApprovalOf(roles));
    marketing.stop();
    await send(finance);
    world.clock.jump(ENVELOPE_LIFETIME_MS);
    await world.clock.advance(120_000);
    const [dead] = (await finance.call("dead.list", {})).items;
    expect(dead).toMatchObject({ type: "task.request" });
    roles.push("executive");
    await expect(finance.call("dead.retry", { id: dead?.id ?? "" })).rejects.toThrow(expect.objectContaining({ code: "POLICY_DENIED" }));
  });

  it("waits in a clear state, and goes once the approval of exactly it is signed; sender and receiver record both", async () => {
    const { finance, marketing, decide, asked } = await company(needsApproval);
    const { taskId, state } = await send(finance);
    expect(state).toBe("AUTH_REQUIRED");
    await world.clock.advance(1_000);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "AUTH_REQUIRED",
      message: expect.stringContaining("waits for executive"),
    });
    expect(await waiting(marketing)).toEqual([]);
    const approval = await decide("approved");
    expect(approval.payload).toMatchObject({
      kind: "task",
      taskId,
      to: { subject: "marco.diaz", role: "marketing" },
      skill: "accruals",
      ...TASK,
    });
    await world.clock.advance(1_000);
    expect(await waiting(marketing)).toMatchObject([{ taskId, ...TASK }]);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ state: "SUBMITTED", delivery: "stored" });
    const received = asked.filter(({ action }) => action === "task.receive");
    expect(received.at(-1)?.context?.participants).toEqual(["fiona.berg", "edward.lindqvist"]);
    const sent = (await events(finance, "message.send")).find(({ details }) => details["type"] === "task.request");
    const got = (await events(marketing, "message.receive")).find(({ details }) => details["type"] === "task.request");
    expect(sent).toMatchObject({
      details: { asked: "task.send", rules: "r1", risk: 30, obligations: "approval:executive", policyHash: HASH },
    });
    expect(got).toMatchObject({ target: sent?.target, details: { asked: "task.receive", rules: "r1", risk: 30, policy: "allow" } });
  });

  it("ends as REJECTED where the approver says no, and nothing of it ever left", async () => {
    const { finance, marketing, decide } = await company(needsApproval);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    await decide("rejected");
    await world.clock.advance(1_000);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ state: "REJECTED" });
    expect(await waiting(marketing)).toEqual([]);
    expect((await events(marketing, "message.receive")).filter(({ details }) => details["type"] === "task.request")).toEqual([]);
  });

  it("can be called off while it waits; an approval that was on its way sends nothing", async () => {
    const { finance, marketing, late } = await company(needsApproval);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    const approveLate = await late();
    await finance.call("task.cancel", { taskId });
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ state: "CANCELED" });
    await approveLate();
    await world.clock.advance(1_000);
    expect(await waiting(marketing)).toEqual([]);
  });

  it("is still waited for after a crash of its sender, and the same call again asks for no second approval", async () => {
    const { finance, marketing, executive, decide } = await company(needsApproval);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    const again = await finance.restart();
    expect(await send(again)).toMatchObject({ taskId, state: "AUTH_REQUIRED" });
    expect((await executive.call("inbox.list", { kind: "approval" })).items).toHaveLength(1);
    await decide("approved");
    await world.clock.advance(1_000);
    expect(await waiting(marketing)).toMatchObject([{ taskId }]);
  });

  it("is refused by the receiver without the approval, although its sender's older policy lets it go", async () => {
    const { finance, marketing } = await company((question) => (question.action === "task.receive" ? needsApproval(question) : []));
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
      state: "REJECTED",
      message: expect.stringContaining("approval by executive"),
    });
    expect(await events(marketing, "message.receive")).toMatchObject([{ result: "denied", details: { policy: "deny", rules: "r1" } }]);
  });
});

describe("an approval that came with a task", () => {
  it("counts for exactly that task: another one with the same words and its approval is refused", async () => {
    const { finance, marketing, decide, fiona } = await company(needsApproval);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    const { approvalId } = await decide("approved");
    await world.clock.advance(1_000);
    expect(await waiting(marketing)).toMatchObject([{ taskId }]);
    const shown = await finance.call("status.fetch", { id: approvalId });
    const approvals = [{ approvalId, decision: shown.kind === "approval" ? (shown.decision ?? "") : "" }];
    finance.stop();
    // The same agent without its policy: it attaches the approval that it has to whatever it sends.
    const forger = await startNode(world, fiona, {
      alter: (deps) => ({
        ...deps,
        boundary: {
          depart: async ({ message }) => ({ message: message.type === "task.request" ? { ...message, approvals } : message }),
          arrive: async (opened) => opened,
        },
      }),
    });
    const second = await send(forger, "k2");
    await world.clock.advance(2_000);
    expect(await forger.call("status.fetch", { id: second.taskId })).toMatchObject({ state: "REJECTED" });
    expect(await waiting(marketing)).toHaveLength(1);
  });

  it("lets it run without a person where policy of the run wants the same approval, and only then", async () => {
    const wants = (question: PolicyQuestion): readonly Obligation[] =>
      question.action === "task.run" ? [{ kind: "approval", role: "executive" }] : needsApproval(question);
    const { finance, marketing, decide, asked } = await company(wants, { skills: { accruals: "safe" } });
    await send(finance);
    await world.clock.advance(1_000);
    await decide("approved");
    await world.clock.advance(1_000);
    expect(marketing.state.started).toHaveLength(1);
    expect(asked.find(({ action }) => action === "task.run")?.context).toMatchObject({
      unattended: true,
      participants: ["fiona.berg", "edward.lindqvist"],
    });
    world = createWorld(2);
    const other = await company(({ action }) => (action === "task.run" ? [{ kind: "approval", role: "executive" }] : []), {
      skills: { accruals: "safe" },
    });
    await send(other.finance);
    await world.clock.advance(1_000);
    expect(other.marketing.state.started).toEqual([]);
    expect(await waiting(other.marketing)).toHaveLength(1);
  });
});

describe("an approval by somebody on the roster whom policy does not let decide, passed by an asker and an approver who changed their daemons", () => {
  const SET = `@id("tasks") permit (principal, action in [Action::"task.send", Action::"task.run"], resource);
    @id("received-approved") @approval("executive") permit (principal, action == Action::"task.receive", resource);
    @id("all-decide") permit (principal, action == Action::"approval.decide", resource);`;
  const passing = { depart: async ({ message }: { message: Message }) => ({ message }), arrive: async (opened: OpenedEnvelope) => opened };

  it.each([
    ["counts where policy lets them", "", ["IBAN"], 1],
    ["in a role that does not decide", `unless { principal in Role::"legal" }`, ["IBAN"], 0],
    ["not cleared for a class in it", `when { context has dataClasses && context.dataClasses.contains(DataClass::"IBAN") }`, ["IBAN"], 0],
    ["where nobody could look what is in it", `unless { context has dataClasses }`, undefined, 0],
    ["whose duties are separate from the asker's", `when { context.target in Role::"finance" }`, ["IBAN"], 0],
    ["who reports to the asker", `when { principal in context.target.person }`, ["IBAN"], 0],
  ])("%s", async (_, condition, classes, taken) => {
    const forbid =
      condition === "" ? "" : `@id("not-these") forbid (principal, action == Action::"approval.decide", resource) ${condition};`;
    const seat = (id: string, role: string, manager: string | null) => ({ id, title: id, role, department: role, manager, locale: "en" });
    const orgChart = [seat("fiona.berg", "finance", null), seat("edward.lindqvist", "executive", "fiona.berg")];
    const cedar = createCedarEngine({ set: compilePolicies({ "policies/a.cedar": SET + forbid }), orgChart, policyHash: HASH });
    const boundary = () => (classes === undefined ? passing : { ...passing, classesOf: async () => classes });
    const { finance, marketing, decide } = await company(needsApproval, { boundary, skills: { accruals: "safe" } }, cedar);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    const { approvalId } = await decide("approved");
    await world.clock.advance(1_000);
    expect(marketing.state.started).toHaveLength(taken);
    const checks = await events(marketing, "approval.check");
    expect(checks).toMatchObject([
      {
        target: `approval:${approvalId}`,
        result: taken === 1 ? "ok" : "denied",
        details: { approver: "edward.lindqvist", approverRole: "executive", peerSubject: "fiona.berg", asked: "approval.decide" },
      },
    ]);
    if (taken === 0) {
      expect(checks[0]?.details).toMatchObject({ policy: "deny", rules: "not-these" });
      expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({
        state: "REJECTED",
        message: expect.stringContaining("approval by executive"),
      });
    }
    cedar.close();
  });

  it("does not let a task run alone that waited for its time while policy took the approver's say away", async () => {
    let mayDecide = true;
    const engine: PolicyEngine = {
      decide(question) {
        const obligations = question.action === "task.run" ? ([{ kind: "approval", role: "executive" }] as const) : needsApproval(question);
        const allowed = question.action !== "approval.decide" || mayDecide;
        return {
          allowed,
          rules: ["r1"],
          reason: "",
          policyHash: HASH,
          obligations: question.action === "approval.decide" ? [] : obligations,
        };
      },
    };
    const { finance, marketing, decide } = await company(needsApproval, { skills: { accruals: "safe" } }, engine);
    const startAt = new Date(world.clock.now() + 3_600_000).toISOString();
    await finance.call("task.send", { target: { targetRole: "marketing", skill: "accruals" }, ...TASK, startAt, idempotencyKey: "k1" });
    await world.clock.advance(1_000);
    await decide("approved");
    await world.clock.advance(1_000);
    mayDecide = false;
    await world.clock.advance(3_700_000);
    expect(marketing.state.started).toEqual([]);
    expect(await waiting(marketing)).toHaveLength(1);
  });
});

describe("other obligations", () => {
  it("a second person is the approver of the task; without one it is denied", async () => {
    const second = ({ action }: PolicyQuestion): readonly Obligation[] => (action === "task.receive" ? [{ kind: "second-person" }] : []);
    const { finance } = await company(second);
    const { taskId } = await send(finance);
    await world.clock.advance(1_000);
    expect(await finance.call("status.fetch", { id: taskId })).toMatchObject({ state: "REJECTED" });
    world = createWorld(2);
    const both = await company((question) => [...needsApproval(question), ...second(question)]);
    const sent = await send(both.finance);
    await world.clock.advance(1_000);
    await both.decide("approved");
    await world.clock.advance(1_000);
    expect(await waiting(both.marketing)).toMatchObject([{ taskId: sent.taskId }]);
  });

  it("a rate denies the sender's next task, and one that reaches the receiver too soon is taken later", async () => {
    const rate: Obligation = { kind: "rate", perMinute: 1 };
    const { finance } = await company(({ action }) => (action === "task.send" ? [rate] : []));
    await send(finance);
    await expect(send(finance, "k2")).rejects.toMatchObject({ code: "POLICY_DENIED", message: expect.stringContaining("too often") });
    world = createWorld(2);
    const other = await company(({ action }) => (action === "task.receive" ? [rate] : []));
    await send(other.finance);
    await send(other.finance, "k2");
    await world.clock.advance(2_000);
    expect(await waiting(other.marketing)).toHaveLength(1);
    await world.clock.advance(90_000);
    expect(await waiting(other.marketing)).toHaveLength(2);
  });

  it("a task is denied that has to be masked where there is no guard to mask it", async () => {
    const { finance } = await company(({ action }) => (action === "task.send" ? [{ kind: "mask", classes: ["IBAN"] }] : []));
    await expect(send(finance)).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(await events(finance, "message.send")).toMatchObject([
      { result: "denied", details: { policy: "deny", obligations: "mask:IBAN", asked: "task.send" } },
    ]);
  });
});

describe("what policy is told", () => {
  it("both sides ask about the same two people, by subject, role and department", async () => {
    const { finance, marketing, asked } = await company(() => []);
    await send(finance);
    await world.clock.advance(1_000);
    for (const action of ["task.send", "task.receive"])
      expect(asked.find((question) => question.action === action)).toMatchObject({
        principal: finance.self,
        target: marketing.self,
        targetRole: "marketing",
        resource: "accruals",
        context: { participants: ["fiona.berg"] },
      });
  });

  it("an approval is asked about with what is in its payload, and by both sides at its decision", async () => {
    const { asked, decide } = await withClasses();
    await decide("approved");
    await world.clock.advance(1_000);
    const [request, ...decisions] = asked.filter(({ action }) => action === "approval.request" || action === "approval.decide");
    expect(request).toMatchObject({ target: { subject: "edward.lindqvist" }, context: { dataClasses: ["IBAN"] } });
    const decided = decisions.filter(({ action }) => action === "approval.decide");
    expect(decided).toHaveLength(2);
    for (const question of decided)
      expect(question).toMatchObject({
        principal: { subject: "edward.lindqvist" },
        target: { subject: "fiona.berg" },
        context: { dataClasses: ["IBAN"], participants: ["fiona.berg"] },
      });
  });
});

describe("a recipe that policy names by its hash", () => {
  const HASHES = { signed: "1".repeat(64), changed: "2".repeat(64) };
  const set = compilePolicies({
    "policies/recipes.cedar": `@id("tasks") permit (principal, action in Action::"task", resource);
      @id("by-the-read-recipe") forbid (principal, action == Action::"task.run", resource == Task::"accruals")
      unless { context has recipeHash && context.recipeHash == "${HASHES.signed}" };`,
  });

  it.each([
    ["runs alone as it was read", HASHES.signed, 1],
    ["waits for a person once it is another one", HASHES.changed, 0],
    ["waits for a person where its hash is not known", undefined, 0],
  ])("%s", async (_, recipeSha256, runs) => {
    const engine = createCedarEngine({ set, orgChart: [], policyHash: HASH });
    const details = { recipe: "recipes/marketing/accruals.yaml", ...(recipeSha256 === undefined ? {} : { recipeSha256 }) };
    const alter = (deps: MessagingDeps): MessagingDeps => ({
      ...withPolicy(engine)(deps),
      skillOf: (id) => (id === "accruals" ? { id, restart: "safe", details } : undefined),
    });
    const finance = await startNode(world, world.addMember("fiona.berg", "finance"), { alter });
    const marketing = await startNode(world, world.addMember("marco.diaz", "marketing"), { alter });
    await send(finance);
    await world.clock.advance(1_000);
    expect(marketing.state.started).toHaveLength(runs);
    expect(await waiting(marketing)).toHaveLength(1 - runs);
    engine.close();
  });
});
