/** Which approvals that come with a task count. */
import { describe, expect, it } from "vitest";
import { type ErrorCode, GaggleError } from "../../../../mesh/contract/errors.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import type { ApprovalStatement, MessageOf } from "../../../../mesh/contract/message.ts";
import { askAboutApprovers, counting, missingApprovals } from "../../../../mesh/enforcement/approvers.ts";
import type { PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { Approver } from "../../../../mesh/enforcement/approvers.ts";
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
    return { approver: edward, decision: "approved", ...says } as ApprovalStatement;
  };
  const approverOf = () => ({ agentId: "edward-key", ...edward, department: "executive" });
  return { expected, approvers: () => approversOf({ self: marco, verifyApproval, approverOf }, fiona, request, ["IBAN"]) };
};

describe("an approval that came with a task", () => {
  it("is checked against the asker and the hash of exactly what arrived, times and ids of the caller left out", () => {
    const { expected, approvers } = checking({});
    const place = { agentId: "edward-key", department: "executive" };
    expect(approvers()).toEqual([{ ...edward, ...place, approvalId: ID, dataClasses: ["IBAN"] }]);
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
