/** What policy says of the data in a message: class by class as it leaves its department, and again where it arrives. */
import { beforeEach, describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { createBoundary, type DepartmentBoundary } from "../../../../mesh/agent/boundary.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { EnvelopeClaims, Message } from "../../../../mesh/contract/message.ts";
import type { MembershipClaims, Principal } from "../../../../mesh/contract/identity.ts";
import type { Obligation, PolicyDecision, PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { OpenedEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { createReceivingPolicy } from "../../../../mesh/delivery/receiving-policy.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { generateAgentKeys } from "../../../../mesh/identity/keys.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const HASH = "d".repeat(64);
const ID = "0192e0a0-0000-7000-8000-000000000001";
const MAIL = "ada@example.org";
const IBAN = "DE89370400440532013000";
const person = (agentId: string, subject: string, department: string): Principal => ({ agentId, subject, role: department, department });
const fiona = person("12D3KooWRm8J3iL796zPFi2EtGGtUJn58AG67gcRzhK7cZBjEr94", "fiona.berg", "finance");
const pieter = person("pieter", "pieter.jansen", "finance");
const marco = person("marco", "marco.diaz", "marketing");
const request: Message = {
  type: "task.request",
  taskId: ID,
  skill: "accruals",
  task: `Write to ${MAIL}, pay ${IBAN}`,
  context: {},
  policyHints: {},
  idempotencyKey: "k1",
};

/** What the policy of a test says; by default yes, and nothing more. */
type Answer = Partial<Pick<PolicyDecision, "allowed" | "obligations" | "risk">>;
let answer: (question: PolicyQuestion) => Answer;
let asked: PolicyQuestion[];
let chain: AuditChain;
let finance: DepartmentBoundary;
let marketing: DepartmentBoundary;
let policy: PolicyEngine;

beforeEach(async () => {
  answer = () => ({});
  asked = [];
  const clock = createVirtualClock();
  policy = keepObligations(
    {
      decide(question) {
        asked.push(question);
        const { allowed = true, ...more } = answer(question);
        return { allowed, rules: ["r1"], reason: "r1 says so.", policyHash: HASH, ...more };
      },
    },
    { clock },
  );
  const store = openMemoryStore();
  chain = await openAuditChain({ store, random: seededRandom("boundary") }, { org: "org_harbour", agentId: fiona.agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const rules = createDetector();
  const keys = generateAgentKeys(createSeededRandom(3));
  const boundaryOf = (self: Principal): DepartmentBoundary =>
    createBoundary({
      self,
      detection: { detect: async (texts) => texts.map((text) => rules.detect(text)) },
      policy,
      queue,
      profile: () => ({ boundary: [{ departments: ["*"], pass: ["EMAIL", "IBAN"] }] }),
      version: () => 1,
      epochs: () => [{ epoch: 1, key: new Uint8Array(32).fill(7) }],
      boundaryKey: () => new Uint8Array(32).fill(9),
      sealKeyOf: () => undefined,
      openKey: keys.seal,
      newTrace: () => "e".repeat(32),
      keep: async () => undefined,
    });
  finance = boundaryOf(fiona);
  marketing = boundaryOf(marco);
});

const leave = async (to: Principal, mask?: readonly string[]): Promise<string> => {
  const record = { id: ID, to, ref: ID, message: request, traceparent: `00-${"c".repeat(32)}-${"1".repeat(16)}-01` };
  const { message } = await finance.depart({ ...record, ...(mask === undefined ? {} : { mask }) });
  return message.type === "task.request" ? message.task : "";
};
/** Restoring is another question than what leaves. */
const unlessRestoring =
  (say: (question: PolicyQuestion) => Answer) =>
  (question: PolicyQuestion): Answer =>
    question.action === "guard.restore" ? { allowed: false } : say(question);
const events = async (action: string) => (await chain.list({ fromSeq: 1, limit: 100 })).filter((event) => event.action === action);

describe("a request for approval whose payload nobody has looked through yet, as that of a task which waits for it", () => {
  const payload = { kind: "task", task: `Pay ${IBAN}` };
  const message: Message = { type: "approval.request", approvalId: ID, payload, payloadHash: HASH, idempotencyKey: "k1" };
  const record = { id: ID, ref: ID, message, traceparent: `00-${"c".repeat(32)}-${"1".repeat(16)}-01`, asked: { unattended: false } };

  it("is looked through as it leaves, also within the department; what is not for the approver does not leave", async () => {
    answer = ({ context }) => ({ allowed: !(context?.dataClasses ?? []).includes("IBAN") });
    for (const to of [marco, pieter]) await expect(finance.depart({ ...record, to })).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(asked[0]).toMatchObject({ action: "approval.request", target: marco, context: { unattended: false, dataClasses: ["IBAN"] } });
  });

  it("goes as it is where it may be asked for, and is not looked through twice", async () => {
    expect(await finance.depart({ ...record, to: pieter })).toMatchObject({ message: { payload } });
    asked.length = 0;
    await finance.depart({ ...record, to: pieter, asked: { dataClasses: ["IBAN"] } });
    expect(asked).toEqual([]);
  });
});

describe("a message that leaves its department", () => {
  it("has unmasked what the profile passes and policy releases, class by class, and that is recorded under its envelope", async () => {
    answer = unlessRestoring(({ action, resource }) => ({ allowed: action !== "data.release" || resource === "EMAIL", risk: 40 }));
    expect(await leave(marco)).toMatch(new RegExp(`^Write to ${MAIL}, pay IBAN_\\w{10}$`));
    expect(asked.filter(({ action }) => action === "data.release")).toMatchObject([
      { resource: "EMAIL", principal: fiona, target: marco, context: { dataClasses: ["EMAIL", "IBAN"] } },
      { resource: "IBAN" },
    ]);
    expect(await events("data.release")).toMatchObject([
      {
        target: `envelope:${ID}`,
        result: "denied",
        details: { released: "EMAIL", withheld: "IBAN", rules: "r1", policyHash: HASH, risk: 40, toSubject: "marco.diaz" },
      },
    ]);
  });

  it("is asked about again, now that it is known what is in it; a no keeps it from leaving", async () => {
    answer = ({ action, context }) => ({ allowed: action !== "task.send" || !(context?.dataClasses ?? []).includes("IBAN") });
    await expect(leave(marco)).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(asked[0]).toMatchObject({ action: "task.send", resource: "accruals", context: { dataClasses: ["EMAIL", "IBAN"] } });
  });

  it("is asked about with the circumstances under which it was let go, so that a rule on both them and its content counts", async () => {
    answer = ({ action, context }) => ({
      allowed: action !== "task.send" || context?.unattended !== true || !(context.dataClasses ?? []).includes("IBAN"),
    });
    const record = { id: ID, to: marco, ref: ID, message: request, traceparent: `00-${"c".repeat(32)}-${"1".repeat(16)}-01` };
    const unattended = { ...record, asked: { unattended: true, participants: ["fiona.berg"] } };
    await expect(finance.depart(unattended)).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect(asked[0]?.context).toEqual({ unattended: true, participants: ["fiona.berg"], dataClasses: ["EMAIL", "IBAN"] });
  });

  it("has masked what policy obliges to mask, also what profile and release would let pass", async () => {
    const mask: Obligation = { kind: "mask", classes: ["EMAIL"] };
    answer = unlessRestoring(({ action }) => (action === "task.send" ? { obligations: [mask] } : {}));
    expect(await leave(marco)).toMatch(new RegExp(`^Write to EMAIL_\\w{10}, pay ${IBAN}$`));
    answer = unlessRestoring(({ action, resource }) =>
      action === "data.release" && resource === "IBAN" ? { obligations: [{ kind: "mask", classes: ["IBAN"] }] } : {},
    );
    const other = await finance.maskText({ to: marco, ref: "task" }, `${MAIL} ${IBAN}`);
    expect(other).toMatch(new RegExp(`^${MAIL} IBAN_\\w{10}$`));
  });
});

describe("a message within its department", () => {
  it("leaves as it is, but for what policy obliged to mask when it was sent", async () => {
    expect(await leave(pieter)).toBe(request.task);
    expect(asked).toEqual([]);
    answer = unlessRestoring(() => ({}));
    expect(await leave(pieter, ["IBAN"])).toMatch(new RegExp(`^Write to ${MAIL}, pay IBAN_\\w{10}$`));
  });
});

describe("a message that arrives from another department", () => {
  const opened = (message: Message): OpenedEnvelope => ({
    claims: { id: ID, from: fiona.agentId, to: marco.agentId, message } as EnvelopeClaims,
    member: { sub: fiona.subject, role: fiona.role, department: fiona.department } as MembershipClaims,
    bytes: 100,
  });

  it("is looked through by the receiver's own guard: policy is told the classes that came, masked or not", async () => {
    const { found } = await marketing.arrive(opened({ ...request, task: `Pay ${IBAN} of PERSON_1A2B3C4D5E` }));
    expect(found).toEqual({ classes: ["IBAN", "PERSON"], unmasked: ["IBAN"] });
  });

  it("is refused where it had to be masked and came bare, and taken where it came masked", async () => {
    answer = ({ action }) => (action === "task.receive" ? { obligations: [{ kind: "mask", classes: ["IBAN"] }] } : {});
    const decide = createReceivingPolicy({ policy }, marco);
    const verdict = async (task: string) => decide(await marketing.arrive(opened({ ...request, task })), fiona)?.decision;
    expect(await verdict(`Pay ${IBAN}`)).toMatchObject({ allowed: false, reason: expect.stringContaining("unmasked") });
    expect(await verdict("Pay IBAN_1A2B3C4D5E")).toMatchObject({ allowed: true });
    expect(asked.at(-1)).toMatchObject({ action: "task.receive", principal: fiona, target: marco, context: { dataClasses: ["IBAN"] } });
  });

  it("shows what an approval's payload holds before its receiver decides whether it may be asked", async () => {
    const approval: Message = { type: "approval.request", approvalId: ID, payload: { iban: IBAN }, payloadHash: HASH, idempotencyKey: "k" };
    expect((await marketing.arrive(opened(approval))).found).toEqual({ classes: ["IBAN"], unmasked: ["IBAN"] });
  });
});
