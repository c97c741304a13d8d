/** What the daemon tells of the policy: by the real engine, a signed bundle and a real audit chain. */
import { beforeEach, describe, expect, it } from "vitest";
import { createCedarEngine } from "../../../../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../../../../guard/policy/compile-policies.ts";
import { suggestPolicies } from "../../../../../guard/policy/suggest.ts";
import { createBundlePolicy } from "../../../../../mesh/agent/bundle-policy.ts";
import { rememberQuestions } from "../../../../../mesh/agent/policy/asked-questions.ts";
import { createPolicyDesk, type PolicyDesk } from "../../../../../mesh/agent/policy/policy-desk.ts";
import { type AuditChain, openAuditChain } from "../../../../../mesh/audit/chain.ts";
import { compareAsked } from "../../../../../mesh/cli/policy/shadow.ts";
import type { DaemonConnection } from "../../../../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../../../../mesh/contract/errors.ts";
import type { PolicyEngine, PolicyQuestion } from "../../../../../mesh/contract/ports.ts";
import { sendAudit } from "../../../../../mesh/delivery/outbox-audit.ts";
import { createCommitQueue } from "../../../../../mesh/store/commit-queue.ts";
import { verifyBundle } from "../../../../../profiles/bundle/verify.ts";
import { openMemoryStore } from "../../../../support/memory-store.ts";
import { seededRandom } from "../../../../support/seeded-keys.ts";
import { createTestOrganisation, testSources, withPolicy } from "../../../../support/test-organisation.ts";
import { createVirtualClock } from "../../../../support/virtual-clock.ts";

const NOW_MS = Date.UTC(2026, 9, 31, 8);
const agentId = "12D3KooWRm8J3iL796zPFi2EtGGtUJn58AG67gcRzhK7cZBjEr94";
const self = { agentId, subject: "fiona.berg", role: "finance", department: "finance" };
const marco = { agentId: "marco", subject: "marco.diaz", role: "marketing", department: "marketing" };
const connection = {} as DaemonConnection;
const RULE = `// Finance may ask marketing for a campaign's costs, but never with an IBAN in it.
@id("ask-costs")
@risk("20")
permit (principal in Role::"finance", action == Action::"task.send", resource == Task::"costs")
when { context.target in Role::"marketing" && context has dataClasses && !context.dataClasses.contains(DataClass::"IBAN") };`;

let chain: AuditChain;
let desk: PolicyDesk;
let policy: PolicyEngine;
let tell: (question: PolicyQuestion) => Promise<string>;

beforeEach(async () => {
  const organisation = createTestOrganisation();
  const signed = organisation.sign("finance", { version: 3, nowMs: NOW_MS, sources: withPolicy(testSources(), RULE) });
  const expected = { org: organisation.org, role: "finance", rootFingerprint: organisation.root.thumbprint, nowMs: NOW_MS, minVersion: 1 };
  const bundle = verifyBundle({ bundle: signed, ...expected });
  const [store, clock] = [openMemoryStore(), createVirtualClock(NOW_MS)];
  chain = await openAuditChain({ store, random: seededRandom("desk") }, { org: organisation.org, agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const engine = createBundlePolicy(() => bundle);
  const remembered = rememberQuestions(engine, { clock });
  policy = remembered.policy;
  desk = createPolicyDesk({ self, policy: engine, asked: remembered.asked, chain, bundle: () => bundle });
  tell = async (question) => {
    const decision = policy.decide(question);
    const id = "0192e0a0-0000-7000-8000-000000000001";
    const actor = { type: "agent" as const, id: agentId, role: "finance" };
    const sent = { id, to: marco, type: "task.request", traceId: "a".repeat(32), decision, question, policyHash: decision.policyHash };
    await queue.run((tx) => tx.audit(sendAudit(actor, sent)));
    return id;
  };
});

const asks = (resource: string, dataClasses?: readonly string[]): PolicyQuestion => ({
  action: "task.send",
  principal: self,
  target: marco,
  targetRole: "marketing",
  resource,
  context: { participants: ["fiona.berg"], ...(dataClasses === undefined ? {} : { dataClasses }) },
});

describe("policy.check", () => {
  it("tells the policy that decides, with the admin's words and where it stands", async () => {
    const context = { dataClasses: ["EMAIL" as const] };
    const answer = await desk["policy.check"]({ action: "task.send", target: "marco.diaz", resource: "costs", context }, connection);
    expect(answer).toMatchObject({
      allowed: true,
      risk: expect.any(Number),
      determining: [{ id: "ask-costs", effect: "permit", words: expect.stringContaining("never with an IBAN"), line: expect.any(Number) }],
      closest: [],
    });
  });

  it("tells for a default deny which permit came closest, and the condition that failed", async () => {
    const context = { dataClasses: ["IBAN" as const] };
    const answer = await desk["policy.check"]({ action: "task.send", target: "marco.diaz", resource: "costs", context }, connection);
    expect(answer).toMatchObject({ allowed: false, rules: [], determining: [] });
    expect(answer.closest[0]).toMatchObject({ policy: { id: "ask-costs" }, failed: [{ text: expect.stringContaining("IBAN") }] });
    expect(answer.closest[0]?.failed).toHaveLength(1);
  });

  it("says no where there is no valid bundle, and why", async () => {
    const bundle = () => {
      throw new GaggleError("BUNDLE_EXPIRED", "The profile bundle expired.");
    };
    const asked = rememberQuestions(policy, { clock: createVirtualClock(NOW_MS) }).asked;
    const without = createPolicyDesk({ self, policy: createBundlePolicy(bundle), asked, chain, bundle });
    expect(await without["policy.check"]({ action: "task.send" }, connection)).toMatchObject({
      allowed: false,
      reason: "The profile bundle expired.",
      determining: [],
      closest: [],
    });
  });

  it("answers for anybody of a role, and for a person of the org chart", async () => {
    const who = { role: "marketing" };
    expect(await desk["policy.check"]({ action: "task.send", who, target: "marketing", resource: "costs" }, connection)).toMatchObject({
      allowed: false,
    });
    const other = { person: "fiona.berg" };
    const context = { dataClasses: [] };
    const question = { action: "task.send" as const, who: other, target: "marketing", resource: "costs", context };
    expect(await desk["policy.check"](question, connection)).toMatchObject({ allowed: true });
  });
});

describe("policy.explain", () => {
  it("tells a past decision from the audit by its id: what was asked, the rules, the risk, the set", async () => {
    const id = await tell(asks("costs", ["EMAIL"]));
    const { decisions } = await desk["policy.explain"]({ id }, connection);
    expect(decisions).toMatchObject([
      {
        event: { action: "message.send", seq: 1 },
        allowed: true,
        rules: ["ask-costs"],
        sameSet: true,
        asked: {
          action: "task.send",
          resource: "costs",
          principal: { subject: "fiona.berg" },
          target: { subject: "marco.diaz", role: "marketing" },
        },
        determining: [{ id: "ask-costs" }],
      },
    ]);
  });

  it("tells a past default deny with the permits that came closest", async () => {
    const id = await tell(asks("budget"));
    const { decisions } = await desk["policy.explain"]({ id }, connection);
    expect(decisions).toMatchObject([{ allowed: false, rules: [], determining: [] }]);
    expect(decisions[0]?.closest.map(({ policy: { id: name } }) => name)).toContain("ask-costs");
  });

  it("says so where the audit has nothing under that id", async () => {
    await expect(desk["policy.explain"]({ id: "nothing" }, connection)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("a draft from denials", () => {
  it("allows exactly what was denied by default, is valid Cedar, and leaves out what is forbidden or oddly named", async () => {
    await tell(asks("budget"));
    await tell(asks("budget"));
    await tell(asks('x") ; permit (principal, action, resource); //'));
    const { denials } = await desk["policy.denials"]({ events: 100 }, connection);
    const forbidden = { question: asks("secret"), count: 3, lastAt: "2026-10-31T08:00:00Z", rules: ["no-secret"] };
    const draft = suggestPolicies([...(denials as Parameters<typeof suggestPolicies>[0]), forbidden]);
    expect(draft).toMatchObject({ permits: 1, forbidden: 1, odd: 1, text: expect.stringContaining("Denied 2 times") });
    expect(draft.text).not.toContain("permit (principal, action, resource)");
    const set = compilePolicies({ "policies/draft.cedar": draft.text });
    const engine = createCedarEngine({ set, orgChart: [], policyHash: "e".repeat(64) });
    expect(engine.decide(asks("budget")).allowed).toBe(true);
    expect(engine.decide(asks("payroll")).allowed).toBe(false);
    expect(engine.decide({ ...asks("budget"), principal: marco }).allowed).toBe(false);
    engine.close();
  });
});

describe("another set on trial", () => {
  it("shows exactly the questions that it would answer differently, with how often they were asked", async () => {
    for (let i = 0; i < 3; i++) policy.decide(asks("costs", ["EMAIL"]));
    policy.decide(asks("costs", ["IBAN"]));
    policy.decide(asks("budget"));
    const asked = await desk["policy.asked"]({}, connection);
    expect(asked.questions).toHaveLength(3);
    const set = compilePolicies({
      "policies/new.cedar": RULE.replace('&& context has dataClasses && !context.dataClasses.contains(DataClass::"IBAN")', ""),
    });
    const engine = createCedarEngine({ set, orgChart: [], policyHash: "e".repeat(64) });
    const report = compareAsked(asked, engine, "e".repeat(64));
    expect(report).toMatchObject({ questions: 3, asked: 5 });
    expect(report.differences).toMatchObject([
      {
        question: { resource: "costs", context: { dataClasses: ["IBAN"] } },
        count: 1,
        before: { allowed: false, rules: [] },
        after: { allowed: true, rules: ["ask-costs"] },
      },
    ]);
    engine.close();
  });

  it("keeps a question once, however often and by whichever device it is asked", async () => {
    for (const device of ["a", "b"]) policy.decide({ ...asks("costs"), principal: { ...self, agentId: device } });
    expect((await desk["policy.asked"]({}, connection)).questions).toMatchObject([{ count: 2 }]);
  });
});
