import { describe, expect, it } from "vitest";
import { createAgentMetrics } from "../../../../mesh/telemetry/agent-metrics.ts";

const source = () => ({
  queues: async () => ({ inbox: 3, outbox: 2, dead: 1 }),
  peersConnected: () => 4,
  bootstrapReachable: () => true,
  auditWaiting: () => 5,
  auditAlarms: async () => 2,
  bundleExpires: () => 1_795_176_000,
});
const call = {
  protocol: "openai-chat",
  task: "chat",
  served: { upstream: "default", model: "m", destination: "cloud" },
  result: "ok" as const,
  redactions: [
    { class: "EMAIL", count: 2 },
    { class: "Gunilla Nyström", count: 1 },
  ],
  usage: { input: 10, cachedInput: 4, output: 5 },
  status: 200,
  requestBytes: 100,
  durationMs: 700,
  guardMs: 40,
};

describe("an agent's metrics", () => {
  it("count calls, tokens, masked values, known texts and approvals, and show what waits", async () => {
    const metrics = createAgentMetrics(source);
    metrics.called(call, { hits: 7, misses: 1 });
    metrics.called({ ...call, served: undefined, result: "denied", refusal: { code: "GUARD_REFUSED" } }, { hits: 0, misses: 0 });
    metrics.happened({ action: "approval.decide", result: "denied" } as never);
    const text = await metrics.text();
    for (const line of [
      'gaggle_agent_model_requests_total{result="ok",upstream="default",task="chat"} 1',
      'gaggle_agent_model_requests_total{result="denied",upstream="none",task="chat"} 1',
      'gaggle_agent_guard_refusals_total{code="GUARD_REFUSED"} 1',
      'gaggle_agent_model_request_duration_seconds_bucket{le="1",upstream="default"} 1',
      "gaggle_agent_guard_duration_seconds_count 1",
      'gaggle_agent_model_tokens_total{kind="input",upstream="default"} 10',
      'gaggle_agent_guard_masked_total{class="EMAIL"} 4',
      'gaggle_agent_guard_texts_total{outcome="known"} 7',
      'gaggle_agent_approvals_total{result="denied"} 1',
      'gaggle_agent_events_total{action="approval.decide",result="denied"} 1',
      'gaggle_agent_queue_items{queue="outbox"} 2',
      "gaggle_agent_peers_connected 4",
      "gaggle_agent_bootstrap_reachable 1",
      "gaggle_agent_audit_waiting_events 5",
      "gaggle_agent_audit_alarms_open 2",
      "gaggle_agent_bundle_expires_timestamp_seconds 1795176000",
    ])
      expect(text).toContain(`${line}\n`);
  });

  it("have no label that a caller could choose", async () => {
    const metrics = createAgentMetrics(source);
    metrics.called(call, { hits: 0, misses: 0 });
    expect(await metrics.text()).not.toContain("Nystr");
  });
});
