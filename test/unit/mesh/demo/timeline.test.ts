import { describe, expect, it } from "vitest";
import { countMasked, timelineEntry } from "../../../../mesh/demo/timeline.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";

const START_MS = Date.UTC(2026, 9, 31, 8);

const event = (change: Partial<AuditEvent>): AuditEvent => ({
  v: 1,
  tenantId: `org_${"a".repeat(26)}`,
  id: "0190b0c8-0000-7000-8000-000000000000",
  seq: 1,
  ts: new Date(START_MS + 1_500).toISOString(),
  agentId: `12D3KooW${"A".repeat(44)}`,
  traceId: "a".repeat(32),
  actor: { type: "agent", id: "x", role: "finance" },
  action: "daemon.start",
  target: "task:t1",
  result: "ok",
  details: {},
  redactions: [],
  cost: { tokens: 0, usd: "0" },
  hashPrev: "0".repeat(64),
  hash: "1".repeat(64),
  ...change,
});
const say = (change: Partial<AuditEvent>) => timelineEntry(event(change), "fiona.berg", START_MS);

const worker = { side: "worker", peerSubject: "fiona.berg", skill: "accruals" };

describe("the timeline", () => {
  const told: [change: Partial<AuditEvent>, entry: object][] = [
    [{ action: "daemon.start" }, { kind: "daemon" }],
    [
      { action: "task.create", details: { toSubject: "marco.diaz", skill: "accruals" } },
      { kind: "task-sent", text: "asks marco.diaz for accruals", to: "marco.diaz", ref: "t1" },
    ],
    [
      { action: "message.receive", details: { type: "task.request", fromSubject: "fiona.berg", rules: "close", ref: "t1" } },
      { kind: "task-received", text: "has the request of fiona.berg; policy allows it (close)", ref: "t1" },
    ],
    [
      { action: "message.receive", result: "denied", details: { type: "task.request", fromSubject: "marco.diaz" } },
      { kind: "denied", text: "refuses a task.request of marco.diaz: policy" },
    ],
    [
      { action: "message.send", result: "denied", details: { type: "notification", toSubject: "hanna.okoye" } },
      { kind: "denied", text: "may not send a notification to hanna.okoye: policy" },
    ],
    [
      { action: "run.start", target: "run:t1", details: { recipe: "recipes/hr/payroll-accrual.yaml" } },
      { kind: "run-start", text: "starts a Goose with the signed recipe recipes/hr/payroll-accrual.yaml", ref: "t1" },
    ],
    [
      { action: "run.finish", target: "run:t1", details: { skill: "accruals", durationMs: 2_340 } },
      { kind: "run-finish", text: "Goose has finished accruals in 2.3 s", durationMs: 2_340, ref: "t1" },
    ],
    [{ action: "run.finish", result: "failed", details: { skill: "accruals" } }, { text: "Goose did not finish accruals" }],
    [
      { action: "task.state", details: { ...worker, state: "COMPLETED" } },
      { kind: "task-state", text: "sends the result of accruals to fiona.berg", to: "fiona.berg" },
    ],
    [{ action: "task.state", details: { ...worker, state: "FAILED" } }, { text: "tells fiona.berg that accruals failed" }],
    [{ action: "task.state", details: { ...worker, state: "REJECTED" } }, { text: "rejects accruals of fiona.berg" }],
    [{ action: "task.state", details: { ...worker, state: "INPUT_REQUIRED" } }, { text: "needs a person for accruals of fiona.berg" }],
    [
      { action: "task.state", details: { side: "asker", peerSubject: "marco.diaz", skill: "accruals", state: "COMPLETED" } },
      { text: "has the result of accruals from marco.diaz" },
    ],
    [
      { action: "approval.request", target: "approval:a1", details: { peerSubject: "edward.lindqvist" } },
      { kind: "approval-asked", to: "edward.lindqvist", ref: "a1" },
    ],
    [
      { action: "approval.receive", target: "approval:a1", details: { peerSubject: "fiona.berg" } },
      { kind: "approval-received", ref: "a1" },
    ],
    [
      { action: "approval.decide", details: { decision: "approved", peerSubject: "fiona.berg" } },
      { kind: "approval-decided", text: "approved it, signed with the approval key", to: "fiona.berg" },
    ],
    [
      { action: "approval.accept", details: { decision: "approved", approver: "edward.lindqvist" } },
      { kind: "approval-accepted", text: "has checked the signature: approved by edward.lindqvist" },
    ],
    [
      { action: "approval.accept", result: "denied" },
      { kind: "denied", text: "refuses an approval that does not count" },
    ],
    [
      { action: "model.call", details: { durationMs: 80 }, redactions: [{ class: "EMAIL", count: 3 }] },
      { kind: "model-call", text: "asks the model (3 EMAIL)", durationMs: 80, masked: [{ class: "EMAIL", count: 3 }] },
    ],
    [{ action: "model.call" }, { text: "asks the model (nothing to mask)" }],
    [
      { action: "guard.refuse", result: "denied", details: { code: "GUARD_REFUSED" } },
      { kind: "denied", text: "the guard refuses a model call (GUARD_REFUSED)" },
    ],
    [
      { action: "tool.call", result: "denied", target: "tool:developer__shell" },
      { kind: "denied", text: "may not use developer__shell" },
    ],
  ];
  it.each(told)("tells %j", (change, entry) => expect(say(change)).toMatchObject({ lane: "fiona.berg", atMs: 1_500, ...entry }));

  it.each<Partial<AuditEvent>>([
    { action: "tool.call" },
    { action: "message.send" },
    { action: "message.receive", details: { type: "task.update" } },
    { action: "task.state", details: { ...worker, state: "WORKING" } },
    { action: "task.state", details: { side: "asker", state: "WORKING" } },
    { action: "session.register" },
    { action: "something.new" },
  ])("leaves out %j", (change) => expect(say(change)).toBeUndefined());

  it("does not say that an approval was decided where the decision was refused", () => {
    expect(say({ action: "approval.decide", result: "denied", details: { code: "APPROVAL_INVALID" } })).toMatchObject({ kind: "denied" });
  });

  it("puts what was before its beginning at its beginning", () => {
    expect(timelineEntry(event({ ts: new Date(START_MS - 5).toISOString() }), "x", START_MS)?.atMs).toBe(0);
  });
});

describe("the sum of what was masked", () => {
  it("adds up by class, most first", () => {
    const entries = [
      say({
        action: "model.call",
        redactions: [
          { class: "EMAIL", count: 3 },
          { class: "IBAN", count: 1 },
        ],
      }),
      say({ action: "model.call", redactions: [{ class: "IBAN", count: 4 }] }),
      say({ action: "model.call" }),
    ].filter((entry) => entry !== undefined);
    expect(countMasked(entries)).toEqual([
      { class: "IBAN", count: 5 },
      { class: "EMAIL", count: 3 },
    ]);
  });
});
