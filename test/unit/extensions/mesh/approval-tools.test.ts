/** What Goose can ask of approvals, and how it is told of them. */
import { expect, it } from "vitest";
import type { DaemonLink } from "../../../../extensions/daemon-link.ts";
import { askTools } from "../../../../extensions/mesh/ask-tools.ts";
import { isFinished, sayApproval, showApproval } from "../../../../extensions/mesh/show.ts";
import { approvalOutput } from "../../../../extensions/mesh/schemas.ts";
import type { ApprovalView } from "../../../../mesh/contract/daemon-api.ts";

const deadline = "2026-11-02T17:00:00.000Z";
const at = "2026-10-31T08:00:00.000Z";
const person = (subject: string, role: string) => ({ agentId: `12D3KooW${"A".repeat(44)}`, subject, role, department: role });
const view: ApprovalView = {
  kind: "approval",
  approvalId: "01a190f9-0000-7c83-94ab-e08167a7bf22",
  side: "requester",
  peer: person("edward.lindqvist", "executive"),
  state: "PENDING",
  payload: {},
  payloadHash: "a".repeat(64),
  quorum: 2,
  deadline,
  escalates: true,
  asked: [
    { to: person("edward.lindqvist", "executive"), at, because: "asked", delivery: "stored", decision: "signed" },
    { to: person("nora.keller", "chair"), at, because: "olga.nowak is away and has not got the request", delivery: "queued" },
  ],
  createdAt: at,
  updatedAt: at,
  history: [],
};

it("request_approval hands quorum, deadline and escalation on", async () => {
  const calls: unknown[] = [];
  const daemon = {
    call: async (...call: unknown[]) => {
      calls.push(call.slice(0, 2));
      return { approvalId: view.approvalId, agentId: "a", payloadHash: "b" };
    },
    close: () => undefined,
  } as unknown as DaemonLink;
  const tool = askTools(daemon).find(({ definition }) => definition.name === "request_approval");
  const terms = { quorum: 2, deadline, escalate: true };
  const call = { sessionId: "s", defaultIdempotencyKey: "k", signal: new AbortController().signal };
  await tool?.run({ targetRole: "executive", stepId: "pay", payload: { pay: "1" }, ...terms }, call);
  const target = { targetRole: "executive" };
  expect(calls).toEqual([
    ["approval.request", { target, stepId: "pay", payload: { pay: "1" }, sessionId: "s", idempotencyKey: "k", ...terms }],
  ]);
});

it("an approval is told with its votes, its time, and why others were asked", () => {
  expect(sayApproval(view)).toContain(
    "is PENDING. It needs 2 different people; 1 approved. Decisions count until 2026-11-02T17:00:00.000Z.",
  );
  expect(sayApproval(view)).toContain("olga.nowak is away and has not got the request, so nora.keller (chair) was asked.");
  expect(sayApproval({ ...view, state: "EXPIRED", reason: "Its time is over." })).toContain("is EXPIRED. Its time is over.");
  expect(approvalOutput.parse(showApproval(view))).toMatchObject({
    quorum: 2,
    deadline,
    asked: [
      { subject: "edward.lindqvist", approved: true },
      { subject: "nora.keller", approved: false },
    ],
  });
});

it("nothing more comes of an approval that has expired or is over without this person", () => {
  expect(["PENDING", "EXPIRED", "ENDED", "FAILED"].map(isFinished)).toEqual([false, true, true, true]);
});
