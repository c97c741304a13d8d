/** Which approvals that come with a task count. */
import { describe, expect, it } from "vitest";
import { type ErrorCode, GaggleError } from "../../../../mesh/contract/errors.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import type { ApprovalStatement, MessageOf } from "../../../../mesh/contract/message.ts";
import { askAboutApprovers, counting, missingApprovals } from "../../../../mesh/enforcement/approvers.ts";
import type { PolicyDecision, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { Approver, WantedApproval } from "../../../../mesh/enforcement/approvers.ts";
import type { ExpectedDecision } from "../../../../mesh/session/approval-record.ts";
import { approvalPayload, approversOf } from "../../../../mesh/session/task-approval.ts";

const ID = "0192e0a0-0000-7000-8000-000000000001";
const fiona = { agentId: "fiona-1", subject: "fiona.berg", role: "finance", department: "finance" };
const marco = { agentId: "marco-1", subject: "marco.diaz", role: "marketing", department: "marketing" };
const edward = { subject: "edward.lindqvist", role: "executive" };
const request: MessageOf<"task.request"> = {
  type: "task.request",
  taskId: ID,
  task: "Pay",
  context: { amount: "10" },
  policyHints: {},
  idempotencyKey: "k",
  sessionId: "chat",
  approvals: [{ approvalId: ID, decision: "jws" }],
};

/** Who counts, where the check of the signature says this. */
const checking = (says: Partial<ApprovalStatement> | ErrorCode, details = {}) => {
  const expected: ExpectedDecision[] = [];
  const verifyApproval = (_: string, about: ExpectedDecision): ApprovalStatement => {
    expected.push(about);
    if (typeof says === "string") throw new GaggleError(says, "no", { details });
    return { approver: edward, decision: "approved", decidedAt: "2026-10-30T10:00:00.000Z", ...says } as ApprovalStatement;
  };
  const approverOf = () => ({ agentId: "edward-key", ...edward, department: "executive", over: ["finance"] });
  return { expected, approvers: () => approversOf({ self: marco, verifyApproval, approverOf }, fiona, request, ["IBAN"]) };
};

describe("an approval that came with a task", () => {
  it("is checked against the asker and the hash of exactly what arrived, times and ids of the caller left out", () => {
    const { expected, approvers } = checking({});
    const place = { agentId: "edward-key", department: "executive", over: ["finance"] };
    const decidedAt = Date.parse("2026-10-30T10:00:00.000Z");
    expect(approvers()).toEqual([{ ...edward, ...place, approvalId: ID, decidedAt, dataClasses: ["IBAN"] }]);
    const payloadHash = canonicalHash(approvalPayload(request, marco));
    expect(expected).toEqual([{ approvalId: ID, requester: "fiona-1", requesterSubject: "fiona.berg", payloadHash }]);
    expect(canonicalHash(approvalPayload({ ...request, sessionId: "other", idempotencyKey: "other" }, marco))).toBe(payloadHash);
    for (const change of [{ task: "Pay more" }, { context: { amount: "11" } }, { taskId: ID.replace("1", "2") }, { skill: "accruals" }])
      expect(canonicalHash(approvalPayload({ ...request, ...change }, marco))).not.toBe(payloadHash);
    expect(canonicalHash(approvalPayload(request, edward))).not.toBe(payloadHash);
  });

  it("counts for nothing where it says no, or does not hold", () => {
    expect(checking({ decision: "rejected" }).approvers()).toEqual([]);
    expect(checking("APPROVAL_INVALID").approvers()).toEqual([]);
    expect(checking("REVOKED").approvers()).toEqual([]);
    expect(checking({ deadline: "2026-10-30T10:00:00.000Z" }).approvers()).toEqual([]);
    expect(checking({ deadline: "2026-10-30T10:00:01.000Z" }).approvers()).toHaveLength(1);
  });

  it("makes the task come again where the roster may be older than the key, or the bundle is out of date", () => {
    expect(checking("APPROVAL_INVALID", { unknownKey: true }).approvers).toThrow(expect.objectContaining({ code: "ROSTER_OLDER" }));
    expect(checking("BUNDLE_EXPIRED").approvers).toThrow(expect.objectContaining({ code: "BUNDLE_EXPIRED" }));
  });
});

describe("who has signed counts only where policy lets them decide", () => {
  const policyOf = (allow: (question: PolicyQuestion) => boolean) => {
    const asked: PolicyQuestion[] = [];
    const decide = (question: PolicyQuestion) => {
      asked.push(question);
      return { allowed: allow(question), rules: [], reason: "", policyHash: "" };
    };
    return { asked, policy: { decide } };
  };
  const place = { agentId: "edward-key", department: "executive" };
  const signed = { ...edward, ...place, dataClasses: ["IBAN"] };

  it("asked as the approver and the asker are, with who counts already among the participants", () => {
    const { asked, policy } = policyOf(({ principal }) => principal.subject !== "lena.wolf");
    const lena = { ...signed, subject: "lena.wolf" };
    const olga = { ...signed, subject: "olga.nowak" };
    expect(counting(askAboutApprovers(policy, [signed, lena, olga], fiona))).toEqual([signed, olga]);
    expect(asked[0]).toEqual({
      action: "approval.decide",
      principal: { ...edward, ...place },
      target: fiona,
      targetRole: "finance",
      context: { participants: ["fiona.berg"], unattended: false, dataClasses: ["IBAN"] },
    });
    expect(asked.map(({ context }) => context?.participants)).toEqual([
      ["fiona.berg"],
      ["fiona.berg", "edward.lindqvist"],
      ["fiona.berg", "edward.lindqvist"],
    ]);
  });

  it("once a person, never the asker, and never where it is not known who they are", () => {
    const { policy } = policyOf(() => true);
    const phone = { ...signed, agentId: "edward-phone" };
    const count = (...approvers: Approver[]) => counting(askAboutApprovers(policy, approvers, fiona));
    expect(count(signed, phone)).toEqual([signed]);
    expect(count({ ...signed, subject: "fiona.berg" })).toEqual([]);
    expect(count(edward)).toEqual([]);
  });
});

it("an approval by the asker, on whatever device, is still missing; so is one by another role", () => {
  const decision = {
    allowed: true,
    rules: [],
    reason: "",
    policyHash: "",
    obligations: [{ kind: "approval", role: "executive" }],
  } as const;
  expect(missingApprovals(decision, [edward], "fiona.berg")).toEqual([]);
  expect(missingApprovals(decision, [edward], "edward.lindqvist")).toEqual(["executive"]);
  expect(missingApprovals(decision, [{ ...edward, role: "legal" }], "fiona.berg")).toEqual(["executive"]);
});

describe("an approval that policy wants by several people, in time, or up the org chart", () => {
  const wanted = (more: Partial<WantedApproval>): PolicyDecision => ({
    allowed: true,
    rules: [],
    reason: "",
    policyHash: "",
    obligations: [{ kind: "approval", role: "executive", ...more }],
  });
  const [olga, nora] = [
    { subject: "olga.nowak", role: "executive" },
    { subject: "nora.keller", role: "chair", over: ["executive", "finance"] },
  ];
  const missing = (more: Partial<WantedApproval>, ...approvers: Approver[]) => missingApprovals(wanted(more), approvers, "fiona.berg");

  it("is missing until as many different people have signed; two devices of one are one", () => {
    expect(missing({ quorum: 2 }, edward)).toEqual(["2 people of executive"]);
    expect(missing({ quorum: 2 }, edward, { ...edward, agentId: "phone" })).toEqual(["2 people of executive"]);
    expect(missing({ quorum: 2 }, edward, { subject: "fiona.berg", role: "executive" })).toEqual(["2 people of executive"]);
    expect(missing({ quorum: 2 }, edward, olga)).toEqual([]);
  });

  it("is missing where what was signed names no deadline, was signed after it, or gave more time than policy", () => {
    const hour = 3_600_000;
    const signed = (times: Pick<Approver, "decidedAt" | "deadline">) => missing({ withinMs: hour }, { ...edward, ...times });
    expect(signed({})).toEqual(["executive"]);
    expect(signed({ decidedAt: 0 })).toEqual(["executive"]);
    expect(signed({ decidedAt: hour, deadline: hour })).toEqual(["executive"]);
    expect(signed({ decidedAt: 0, deadline: 2 * hour })).toEqual(["executive"]);
    expect(signed({ decidedAt: 0, deadline: hour })).toEqual([]);
  });

  it("may be one of somebody above the role only where policy says that it escalates", () => {
    expect(missing({}, nora)).toEqual(["executive"]);
    expect(missing({ escalates: true }, nora)).toEqual([]);
    expect(missing({ escalates: true }, { subject: "paul.simon", role: "controller", over: ["clerk"] })).toEqual(["executive"]);
  });
});
