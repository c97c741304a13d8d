/** Asking for approvals from a terminal, and what is shown of them. */
import { describe, expect, it } from "vitest";
import { approvalLines, termWords } from "../../../../mesh/cli/approval-words.ts";
import type { DaemonCalls } from "../../../../mesh/cli/mesh-commands.ts";
import { createOutput } from "../../../../mesh/cli/output.ts";
import { type RequestOptions, requestApproval } from "../../../../mesh/cli/request-approval.ts";
import type { ApprovalView } from "../../../../mesh/contract/daemon-api.ts";

const NOW = Date.parse("2026-10-31T08:00:00.000Z");
const ID = "01a190f9-0000-7c83-94ab-e08167a7bf22";

/** What the daemon was asked, and what was printed. */
async function request(payload: string, options: Partial<RequestOptions>) {
  const calls: unknown[] = [];
  const call = (async (...given: unknown[]) => {
    calls.push(given);
    const people = ["edward.lindqvist", "olga.nowak"].map((subject) => ({ subject, role: "executive" }));
    return { approvalId: ID, agentId: "a", payloadHash: "b", asked: people };
  }) as unknown as DaemonCalls["call"];
  const lines: string[] = [];
  const out = createOutput({ write: (line: string) => lines.push(line) > 0 }, false);
  await requestApproval({ call }, out, NOW, { payload, options: { role: "executive", step: "pay", key: "k", ...options } });
  return { calls, text: lines.join("") };
}

describe("gaggle request-approval", () => {
  it("asks with quorum, deadline and escalation, and says who was asked until when", async () => {
    const { calls, text } = await request('{"pay":"1250.00"}', { quorum: "2", deadline: "24h", escalate: true });
    const deadline = "2026-11-01T08:00:00.000Z";
    const target = { targetRole: "executive" };
    const terms = { quorum: 2, deadline, escalate: true };
    expect(calls).toEqual([["approval.request", { target, payload: { pay: "1250.00" }, stepId: "pay", idempotencyKey: "k", ...terms }]]);
    expect(text).toContain("Asked edward.lindqvist (executive), olga.nowak (executive); 2 to approve, until 2026-11-01T08:00:00.000Z");
  });

  it("asks nothing where a choice makes no sense", async () => {
    for (const wrong of [{ quorum: "0" }, { quorum: "nine" }, { deadline: "tomorrow" }])
      await expect(request("{}", wrong)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(request("not JSON", {})).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

it("an approval is told with its votes, its time, and who was asked when and why", () => {
  const person = (subject: string, role: string) => ({ agentId: "a", subject, role, department: role });
  const at = "2026-10-31T08:00:00.000Z";
  const view = {
    state: "PENDING",
    quorum: 2,
    deadline: "2026-11-01T08:00:00.000Z",
    asked: [
      { to: person("edward.lindqvist", "executive"), at, because: "asked", delivery: "stored", decision: "signed" },
      { to: person("nora.keller", "chair"), at, because: "olga.nowak is away", delivery: "deposited" },
    ],
  } as unknown as ApprovalView;
  expect(termWords(view)).toBe("; 1 of 2 approved; until 2026-11-01T08:00:00.000Z");
  const lines = approvalLines({ ...view, state: "EXPIRED", reason: "Its time is over." }).join("\n");
  expect(lines).toContain("Its time is over.");
  expect(lines).toMatch(/asked edward\.lindqvist \(executive\); .*approved/);
  expect(lines).toContain("asked nora.keller (chair): olga.nowak is away; waits, sealed, on the bootstrap node");
});
