/** What telemetry costs: an audit event and a model call, with spans off and with spans into a file. Usage: node test/bench/telemetry.ts */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import { createAgentMetrics } from "../../mesh/telemetry/agent-metrics.ts";
import { openSpanFile } from "../../mesh/telemetry/span-file.ts";
import { createEventSpans } from "../../mesh/telemetry/spans-of-events.ts";

const ROUNDS = 100_000;
const AGENT = `12D3KooW${"A".repeat(44)}`;
const event = {
  v: 2,
  id: "01a190f9-3021-7db4-8d6a-55e691d07162",
  ts: "2026-11-20T12:00:01.000Z",
  agentId: AGENT,
  actor: { type: "agent", id: AGENT, role: "finance" },
  action: "message.send",
  target: "envelope:01a190f9-3021-7db4-8d6a-55e691d07161",
  result: "ok",
  details: { type: "task.request", to: AGENT, toSubject: "x", policyHash: "0".repeat(64) },
  redactions: [],
  cost: { tokens: 0, usd: "0" },
  traceId: "a".repeat(32),
} as unknown as AuditEvent;

function microseconds(tell: (event: AuditEvent) => void): number {
  for (let round = 0; round < 1_000; round++) tell(event);
  const begun = performance.now();
  for (let round = 0; round < ROUNDS; round++) tell(event);
  return ((performance.now() - begun) * 1_000) / ROUNDS;
}

const folder = mkdtempSync(join(tmpdir(), "gaggle-telemetry-"));
const sink = openSpanFile({ path: join(folder, "traces.ndjson") }, () => undefined);
const source = {
  queues: async () => ({}),
  peersConnected: () => 0,
  bootstrapReachable: () => true,
  auditWaiting: () => 0,
  auditAlarms: async () => 0,
  bundleExpires: () => 0,
};
const metrics = createAgentMetrics(() => source);
await metrics.text();
const figures = { offUs: microseconds(metrics.happened), spansUs: microseconds(createEventSpans(sink.record)) };
await sink.close();
rmSync(folder, { recursive: true });
process.stdout.write(`${JSON.stringify({ telemetryEventUs: figures.offUs.toFixed(2), telemetrySpanUs: figures.spansUs.toFixed(2) })}\n`);
