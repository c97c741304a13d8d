import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import { envelopeSpanId } from "../../../../mesh/contract/trace.ts";
import { attributesOf } from "../../../../mesh/telemetry/attributes.ts";
import { type CallFacts, recordCallSpans } from "../../../../mesh/telemetry/call-spans.ts";
import type { SpanDraft } from "../../../../mesh/telemetry/span-draft.ts";
import { createEventSpans, rootSpanId, runSpanId } from "../../../../mesh/telemetry/spans-of-events.ts";

const TRACE = "a".repeat(32);
const AGENT = `12D3KooW${"A".repeat(44)}`;
const TASK = "01a190f9-3021-7db4-8d6a-55e691d07160";
/** Made at 2026-11-20T12:00:00Z. */
const ENVELOPE = `${(1_795_176_000_000)
  .toString(16)
  .padStart(12, "0")
  .replace(/^(.{8})/, "$1-")}-7db4-8d6a-55e691d07161`;

const event = (action: string, target: string, change: Partial<AuditEvent> = {}): AuditEvent => ({
  v: 2,
  id: "01a190f9-3021-7db4-8d6a-55e691d07162",
  seq: 1,
  ts: "2026-11-20T12:00:01.000Z",
  tenantId: `org_${"a".repeat(26)}`,
  agentId: AGENT,
  hash: "0".repeat(64),
  hashPrev: "0".repeat(64),
  actor: { type: "agent", id: AGENT, role: "finance" },
  action,
  target,
  result: "ok",
  details: {},
  redactions: [],
  cost: { tokens: 0, usd: "0" },
  traceId: TRACE,
  ...change,
});
const spansOf = (...events: readonly AuditEvent[]): SpanDraft[] => {
  const spans: SpanDraft[] = [];
  const tell = createEventSpans((span) => spans.push(span));
  for (const one of events) tell(one);
  return spans;
};
const call: CallFacts = {
  protocol: "openai-chat",
  task: "chat",
  served: { upstream: "default", model: "m", destination: "cloud" },
  result: "ok",
  redactions: [{ class: "EMAIL", count: 2 }],
  usage: { input: 10, cachedInput: 0, output: 5 },
  status: 200,
  requestBytes: 100,
  durationMs: 1_000,
  guardMs: 40,
};
const place = { traceId: TRACE, taskId: undefined, agentId: AGENT, endMs: 5_000, id: "f".repeat(32) };

describe("spans of audit events", () => {
  it("hang together over two agents: session, message, its delivery and receipt, the run it set off", () => {
    const ref = { ref: TASK, to: AGENT, type: "task.request" };
    const [session, send, deliver] = spansOf(
      event("session.register", "session:20261120_1"),
      event("message.send", `envelope:${ENVELOPE}`, { details: ref }),
      event("message.deliver", `envelope:${ENVELOPE}`, { details: ref }),
    );
    const [receive, tool, run] = spansOf(
      event("message.receive", `envelope:${ENVELOPE}`, { details: ref }),
      event("run.start", `run:${TASK}`, { ts: "2026-11-20T12:00:01.000Z" }),
      event("tool.call", "tool:ledger__list_accruals", { details: { taskId: TASK } }),
      event("run.finish", `run:${TASK}`, { ts: "2026-11-20T12:00:03.500Z" }),
    );
    expect([session?.spanId, session?.parentId, send?.parentId]).toEqual([rootSpanId(TRACE), undefined, rootSpanId(TRACE)]);
    expect([send?.spanId, deliver?.parentId, receive?.parentId]).toEqual(Array(3).fill(envelopeSpanId(ENVELOPE)));
    expect(deliver).toMatchObject({ startMs: 1_795_176_000_000, endMs: 1_795_176_001_000 });
    expect(run).toMatchObject({ name: "task.run", parentId: receive?.spanId, spanId: runSpanId(TASK), kind: "server" });
    expect((run?.endMs ?? 0) - (run?.startMs ?? 0)).toBe(2_500);
    expect(tool?.parentId).toBe(runSpanId(TASK));
    for (const span of [session, send, deliver, receive, tool, run]) expect(span?.spanId).toMatch(/^[0-9a-f]{16}$/);
  });

  it("tell how long an approval took, and what failed", () => {
    const approval = "01a190f9-3021-7db4-8d6a-55e691d07163";
    const [asked, decided] = spansOf(
      event("approval.request", `approval:${approval}`),
      event("approval.decide", `approval:${approval}`, { ts: "2026-11-20T12:01:01.000Z", result: "denied" }),
    );
    expect(asked?.name).toBe("approval.request");
    expect(decided).toMatchObject({ name: "approval", failed: true });
    expect((decided?.endMs ?? 0) - (decided?.startMs ?? 0)).toBe(60_000);
  });

  it("say nothing of daemons, bundles and peers", () => {
    expect(
      spansOf(event("daemon.start", `agent:${AGENT}`), event("peer.hello", `agent:${AGENT}`), event("model.call", "session:x")),
    ).toEqual([]);
  });

  it("carry ids, counts and classes, and no text that anybody wrote", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom("to", "ref", "type", "code", "skill", "reason", "stepId", "toSubject", "model", "state", "task"),
          fc.string(),
        ),
        fc.string(),
        fc.constantFrom("task", "session", "step", "tool", "envelope", "approval"),
        (details, id, kind) => {
          const marked = (text: string): string => `Gunilla Nyström ${text}`;
          const planted = Object.fromEntries(Object.entries(details).map(([name, value]) => [name, marked(value)]));
          const redactions = [{ class: marked(id), count: 1 }];
          const [span] = spansOf(event("task.state", `${kind}:${marked(id)}`, { details: planted, redactions }));
          expect(JSON.stringify(span)).not.toMatch(/Gunilla|Nyström/);
        },
      ),
    );
    const told = attributesOf(
      event("message.send", `envelope:${ENVELOPE}`, { details: { toSubject: "gunilla.nystrom", to: AGENT, attempt: 2 } }),
    );
    expect(told).toMatchObject({ "gaggle.to": AGENT, "gaggle.attempt": 2, "gaggle.envelope": ENVELOPE });
    expect(JSON.stringify(told)).not.toContain("gunilla");
  });
});

describe("spans of a model call", () => {
  const record = (change: Partial<CallFacts> = {}, where = {}): SpanDraft[] => {
    const spans: SpanDraft[] = [];
    recordCallSpans((span) => spans.push(span), { ...call, ...change }, { ...place, ...where });
    return spans;
  };

  it("are the request, what the guard took, and the model's part", () => {
    const [request, detect, model] = record();
    expect(request).toMatchObject({ name: "guard.request", parentId: rootSpanId(TRACE), startMs: 4_000, endMs: 5_000 });
    expect(detect).toMatchObject({ parentId: request?.spanId, startMs: 4_000, endMs: 4_040, attributes: { "gaggle.masked.EMAIL": 2 } });
    expect(model).toMatchObject({
      parentId: request?.spanId,
      startMs: 4_040,
      endMs: 5_000,
      attributes: { "gen_ai.usage.output_tokens": 5 },
    });
  });

  it("hang on the run where a run made the call, and end at the guard where it refused", () => {
    expect(record({}, { taskId: TASK })[0]?.parentId).toBe(runSpanId(TASK));
    const refused = record({ served: undefined, result: "denied", status: 403, refusal: { code: "GUARD_REFUSED" } });
    expect(refused.map(({ name, failed }) => [name, failed])).toEqual([
      ["guard.request", true],
      ["guard.detect", true],
    ]);
  });
});
