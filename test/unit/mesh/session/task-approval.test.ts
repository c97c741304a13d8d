/** Which approvals that come with a task count. */
import { describe, expect, it } from "vitest";
import { type ErrorCode, GaggleError } from "../../../../mesh/contract/errors.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import type { ApprovalStatement, MessageOf } from "../../../../mesh/contract/message.ts";
import { missingApprovals } from "../../../../mesh/enforcement/approvers.ts";
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
const counting = (says: Partial<ApprovalStatement> | ErrorCode, details = {}) => {
  const expected: ExpectedDecision[] = [];
  const verifyApproval = (_: string, about: ExpectedDecision): ApprovalStatement => {
    expected.push(about);
    if (typeof says === "string") throw new GaggleError(says, "no", { details });
    return { approver: edward, decision: "approved", ...says } as ApprovalStatement;
  };
  return { expected, approvers: () => approversOf({ self: marco, verifyApproval }, fiona, request) };
};

describe("an approval that came with a task", () => {
  it("is checked against the asker and the hash of exactly what arrived, times and ids of the caller left out", () => {
    const { expected, approvers } = counting({});
    expect(approvers()).toEqual([edward]);
    const payloadHash = canonicalHash(approvalPayload(request, marco));
    expect(expected).toEqual([{ approvalId: ID, requester: "fiona-1", requesterSubject: "fiona.berg", payloadHash }]);
    expect(canonicalHash(approvalPayload({ ...request, sessionId: "other", idempotencyKey: "other" }, marco))).toBe(payloadHash);
    for (const change of [{ task: "Pay more" }, { context: { amount: "11" } }, { taskId: ID.replace("1", "2") }, { skill: "accruals" }])
      expect(canonicalHash(approvalPayload({ ...request, ...change }, marco))).not.toBe(payloadHash);
    expect(canonicalHash(approvalPayload(request, edward))).not.toBe(payloadHash);
  });

  it("counts for nothing where it says no, or does not hold", () => {
    expect(counting({ decision: "rejected" }).approvers()).toEqual([]);
    expect(counting("APPROVAL_INVALID").approvers()).toEqual([]);
    expect(counting("REVOKED").approvers()).toEqual([]);
  });

  it("makes the task come again where the roster may be older than the key, or the bundle is out of date", () => {
    expect(counting("APPROVAL_INVALID", { unknownKey: true }).approvers).toThrow(expect.objectContaining({ code: "ROSTER_OLDER" }));
    expect(counting("BUNDLE_EXPIRED").approvers).toThrow(expect.objectContaining({ code: "BUNDLE_EXPIRED" }));
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
