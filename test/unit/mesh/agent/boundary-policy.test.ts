/** What policy says of the data in a message: class by class as it leaves its department, and again where it arrives. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Held } from "../../../../guard/boundary/look-inside.ts";
import type { Pair } from "../../../../guard/boundary/mask-tree.ts";
import { sealPairs } from "../../../../guard/boundary/seal-pairs.ts";
import type { SealKey } from "../../../../guard/boundary/sealed-json.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { createBoundary, type DepartmentBoundary } from "../../../../mesh/agent/boundary.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
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
const TRACE = `00-${"c".repeat(32)}-${"1".repeat(16)}-01`;
const ID = "0192e0a0-0000-7000-8000-000000000001";
const MAIL = "ada@example.org";
const IBAN = "DE89370400440532013000";
const person = (agentId: string, subject: string, department: string): Principal => ({ agentId, subject, role: department, department });
const fiona = person("12D3KooWRm8J3iL796zPFi2EtGGtUJn58AG67gcRzhK7cZBjEr94", "fiona.berg", "finance");
const pieter = person("pieter", "pieter.jansen", "finance");
const marco = person("12D3KooWRm8J3iL796zPFi2EtGGtUJn58AG67gcRzhK7cZBjEr95", "marco.diaz", "marketing");
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
let sealKey: SealKey;
/** What the receiver's guard was told of sealed values. */
let kept: Held[];
/** Whether the detector of these machines can be used. */
let isDetecting: boolean;

beforeEach(async () => {
  answer = () => ({});
  asked = [];
  kept = [];
  isDetecting = true;
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
  sealKey = { kty: keys.seal.kty, crv: keys.seal.crv, x: keys.seal.x };
  const detect = async (texts: readonly string[]) => {
    if (!isDetecting) throw new GaggleError("GUARD_REFUSED", "The model can't be loaded.");
    return texts.map((text) => rules.detect(text));
  };
  const boundaryOf = (self: Principal): DepartmentBoundary =>
    createBoundary({
      self,
      detection: { detect },
      policy,
      queue,
      profile: () => ({ boundary: [{ departments: ["*"], pass: ["EMAIL", "IBAN"] }] }),
      version: () => 1,
      epochs: () => [{ epoch: 1, key: new Uint8Array(32).fill(7) }],
      boundaryKey: () => new Uint8Array(32).fill(9),
      sealKeyOf: () => sealKey,
      openKey: keys.seal,
      newTrace: () => "e".repeat(32),
      keep: async (_message, _from, values) => void kept.push(...values),
      keepOfFile: async () => undefined,
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

const opened = (message: Message, sealed?: string): OpenedEnvelope => ({
  claims: { id: ID, from: fiona.agentId, to: marco.agentId, message, ...(sealed === undefined ? {} : { sealed }) } as EnvelopeClaims,
  member: { sub: fiona.subject, role: fiona.role, department: fiona.department } as MembershipClaims,
  bytes: 100,
});
const arrive = async (message: Message, pairs: readonly Pair[]): Promise<OpenedEnvelope> =>
  marketing.arrive(opened(message, await sealPairs(pairs, { id: ID, from: fiona.agentId, to: marco.agentId }, sealKey)));

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
    const other = await finance.maskFile({ to: marco, taskId: ID }, { name: "a.txt", text: `${MAIL} ${IBAN}` });
    expect(other.text).toMatch(new RegExp(`^${MAIL} IBAN_\\w{10}$`));
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

describe("a value that a changed sender sealed under another class's name", () => {
  const asOrg: Pair[] = [
    ["ORG_1A2B3C4D5E", IBAN, false],
    ["EMAIL_1A2B3C4D5E", MAIL, false],
  ];
  const lying: Message = { ...request, task: "Pay ORG_1A2B3C4D5E, write to EMAIL_1A2B3C4D5E" };
  const taskOf = ({ claims: { message } }: OpenedEnvelope): string => (message.type === "task.request" ? message.task : "");
  const without =
    (name: string) =>
    ({ action, context }: PolicyQuestion): Answer => ({
      allowed: action !== "guard.restore" || context?.dataClasses?.includes(name) !== true,
    });

  it("is not put back where policy does not let this agent have what it holds; the others are, and the audit is told", async () => {
    answer = without("IBAN");
    const arrived = await arrive(lying, asOrg);
    expect(taskOf(arrived)).toBe(`Pay ORG_1A2B3C4D5E, write to ${MAIL}`);
    expect(arrived.restored).toMatchObject({ withheld: ["IBAN"], misnamed: ["ORG>IBAN"], redactions: [{ class: "EMAIL", count: 1 }] });
    expect(kept).toEqual([{ label: "EMAIL", value: MAIL }]);
  });

  it("counts as what it holds where policy is asked about the message, and for this agent's own guard", async () => {
    const arrived = await arrive(lying, asOrg);
    expect(taskOf(arrived)).toBe(`Pay ${IBAN}, write to ${MAIL}`);
    expect(arrived.found?.classes).toEqual(["EMAIL", "IBAN", "ORG"]);
    expect(arrived.restored).toMatchObject({ misnamed: ["ORG>IBAN"], redactions: [{ class: "EMAIL" }, { class: "IBAN" }] });
    expect(kept.map(({ label }) => label)).toEqual(["IBAN", "EMAIL"]);
  });

  it("is found behind a token for mere text, which names no class", async () => {
    answer = without("IBAN");
    const arrived = await arrive({ ...request, task: "Pay LITERAL_1A2B3C4D5E" }, [["LITERAL_1A2B3C4D5E", IBAN, false]]);
    expect(taskOf(arrived)).toBe("Pay LITERAL_1A2B3C4D5E");
    expect(arrived.restored).toMatchObject({ withheld: ["IBAN"], misnamed: ["LITERAL>IBAN"] });
  });

  it("is found in results too, where nothing is asked about the message itself", async () => {
    answer = without("IBAN");
    const result: Message = { type: "task.update", taskId: ID, rev: 1, state: "COMPLETED", result: { note: "ORG_1A2B3C4D5E" } };
    expect((await arrive(result, asOrg)).claims.message).toMatchObject({ result: { note: "ORG_1A2B3C4D5E" } });
  });

  it("is put back as before where each name is right; policy is asked once about all classes together", async () => {
    const honest: Pair[] = [["IBAN_1A2B3C4D5E", IBAN, false]];
    const arrived = await arrive({ ...request, task: "Pay IBAN_1A2B3C4D5E" }, honest);
    expect(taskOf(arrived)).toBe(`Pay ${IBAN}`);
    expect(arrived.restored).toEqual({ decision: expect.objectContaining({ allowed: true }), redactions: [{ class: "IBAN", count: 1 }] });
    expect(asked.filter(({ action }) => action === "guard.restore").every(({ context }) => context?.dataClasses?.join() === "IBAN")).toBe(
      true,
    );
  });
});

describe("a sender whose policy lets its receiver have some classes", () => {
  it("seals these and no others", async () => {
    const seen: string[] = [];
    answer = ({ action, resource, context }) => {
      if (action === "data.release") return { allowed: resource === "DATE" };
      if (action !== "guard.restore") return {};
      seen.push(context?.dataClasses?.join() ?? "");
      return { allowed: context?.dataClasses?.includes("IBAN") !== true };
    };
    await finance.depart({ id: ID, to: marco, ref: ID, message: request, traceparent: TRACE });
    expect(seen).toEqual(["EMAIL,IBAN", "", "EMAIL", "EMAIL,IBAN"]);
    expect(await events("guard.mask")).toMatchObject([{ details: { sealed: true } }]);
  });
});

describe("what a changed sender's guard let pass bare", () => {
  const bare = `Pay ${IBAN}, write to ${MAIL}`;
  const withoutIbans = ({ action, resource }: PolicyQuestion): Answer => ({ allowed: action !== "data.release" || resource !== "IBAN" });
  const cases: readonly [string, Message, (message: Message) => unknown][] = [
    ["a task", { ...request, task: bare }, (message) => message.type === "task.request" && message.task],
    [
      "a result",
      { type: "task.update", taskId: ID, rev: 1, state: "COMPLETED", result: bare },
      (m) => m.type === "task.update" && m.result,
    ],
    [
      "a question",
      { type: "task.update", taskId: ID, rev: 1, state: "INPUT_REQUIRED", message: bare },
      (m) => m.type === "task.update" && m.message,
    ],
    ["an answer", { type: "task.answer", taskId: ID, rev: 1, answer: bare }, (m) => m.type === "task.answer" && m.answer],
    ["a word on progress", { type: "task.progress", taskId: ID, seq: 1, note: bare }, (m) => m.type === "task.progress" && m.note],
    ["a reason to cancel", { type: "task.cancel", taskId: ID, reason: bare }, (m) => m.type === "task.cancel" && m.reason],
    ["a notice", { type: "notification", message: bare, severity: "info" }, (m) => m.type === "notification" && m.message],
    [
      "a shard",
      {
        type: "session.shard",
        sessionId: ID,
        epoch: 1,
        id: "s",
        version: 1,
        title: "t",
        classes: ["internal"],
        visibility: {},
        body: bare,
      },
      (m) => m.type === "session.shard" && m.body,
    ],
    [
      "a file's name",
      { ...request, task: "", artifacts: [{ name: bare, mediaType: "text/csv", bytes: 1, sha256: HASH, chunks: HASH }] },
      (m) => m.type === "task.request" && m.artifacts?.[0]?.name,
    ],
    [
      "the step of an approval",
      { type: "approval.request", approvalId: ID, payload: {}, payloadHash: HASH, idempotencyKey: "k", stepId: bare },
      (m) => m.type === "approval.request" && m.stepId,
    ],
  ];

  it.each(cases)("is masked as it arrives in %s, the same each time, and the audit is told", async (_, message, textOf) => {
    answer = withoutIbans;
    const arrived = await marketing.arrive(opened(message));
    expect(textOf(arrived.claims.message)).toMatch(new RegExp(`^Pay IBAN_\\w{10}, write to ${MAIL}$`));
    expect(arrived.withheld).toMatchObject({ withheld: "IBAN", released: "EMAIL", fromSubject: "fiona.berg", fromDepartment: "finance" });
    expect((await marketing.arrive(opened(message))).claims.message).toEqual(arrived.claims.message);
    expect(asked).toContainEqual(expect.objectContaining({ action: "data.release", resource: "IBAN", principal: fiona, target: marco }));
  });

  it("is masked beside values that may be put back, and these are", async () => {
    answer = withoutIbans;
    const message: Message = { ...request, task: `Pay ${IBAN} to IBAN_1A2B3C4D5E` };
    const arrived = await arrive(message, [["IBAN_1A2B3C4D5E", "GB82WEST12345698765432", false]]);
    expect(arrived.claims.message).toMatchObject({ task: expect.stringMatching(/^Pay IBAN_\w{10} to GB82WEST12345698765432$/) });
  });

  it("comes as it is within a department, where no guard stands", async () => {
    answer = withoutIbans;
    const own = opened({ ...request, task: bare });
    expect(await marketing.arrive({ ...own, member: { ...own.member, department: "marketing" } })).toEqual({
      ...own,
      member: { ...own.member, department: "marketing" },
    });
  });

  it("waits where the detector is away: a result comes again, and is not lost; a task is refused as before", async () => {
    isDetecting = false;
    const result: Message = { type: "task.update", taskId: ID, rev: 1, state: "COMPLETED", result: bare };
    await expect(marketing.arrive(opened(result))).rejects.toMatchObject({ code: "BUSY" });
    await expect(marketing.arrive(opened({ ...request, task: bare }))).rejects.toMatchObject({ code: "GUARD_REFUSED" });
  });
});
