/** What an agent tells a Prometheus server: names with units, and no label that a caller can choose. docs/observability.md lists them. */
import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AuditEvent } from "../contract/audit.ts";
import type { CallFacts } from "./call-spans.ts";

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const GUARD_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5];

/** What is read when somebody asks. */
export interface MetricSource {
  /** Items that wait, by queue. */
  queues(): Promise<Readonly<Record<string, number>>>;
  peersConnected(): number;
  /** Whether the bootstrap node answered when it was last asked. */
  bootstrapReachable(): boolean;
  /** Audit events that the bootstrap node does not have. */
  auditWaiting(): number;
  /** What the agent holds against the bootstrap node, and nobody has acknowledged. */
  auditAlarms(): Promise<number>;
  /** When the bundle in force expires, seconds since the epoch. */
  bundleExpires(): number;
}

/** The agent's metrics. */
export interface AgentMetrics {
  called(call: CallFacts, cache: { readonly hits: number; readonly misses: number }): void;
  happened(event: AuditEvent): void;
  /** The text of Prometheus' exposition format. */
  text(): Promise<string>;
}

/** The library is loaded behind the daemon's start; what happens before is counted when it is there. */
export function createAgentMetrics(source: () => MetricSource): AgentMetrics {
  const loaded = import("prom-client").then(make);
  const later = (use: (metrics: Made) => void): void => void loaded.then(use).catch(() => undefined);
  return {
    called: (call, cache) => later((made) => countCall(made, call, cache)),
    happened: (event) => later((made) => countEvent(made, event)),
    async text() {
      const made = await loaded;
      await look(made, source());
      return made.registry.metrics();
    },
  };
}

interface Made {
  readonly registry: Registry;
  readonly requests: Counter<"result" | "upstream" | "task">;
  readonly refusals: Counter<"code">;
  readonly seconds: Histogram<"upstream">;
  readonly guardSeconds: Histogram;
  readonly tokens: Counter<"kind" | "upstream">;
  readonly masked: Counter<"class">;
  readonly cache: Counter<"outcome">;
  readonly events: Counter<"action" | "result">;
  readonly approvals: Counter<"result">;
  readonly queue: Gauge<"queue">;
  readonly peers: Gauge;
  readonly bootstrap: Gauge;
  readonly audit: Gauge;
  readonly alarms: Gauge;
  readonly bundle: Gauge;
}

function make({ Counter: C, Gauge: G, Histogram: H, Registry: R, collectDefaultMetrics }: typeof import("prom-client")): Made {
  const registry = new R();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new C({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> =>
    new G({ name, help, labelNames, registers });
  return {
    registry,
    requests: counter("gaggle_agent_model_requests_total", "Model calls through the guard", ["result", "upstream", "task"]),
    refusals: counter("gaggle_agent_guard_refusals_total", "Model calls that the guard refused", ["code"]),
    seconds: new H({
      name: "gaggle_agent_model_request_duration_seconds",
      help: "Time of a model call",
      labelNames: ["upstream"],
      buckets: SECONDS,
      registers,
    }),
    guardSeconds: new H({
      name: "gaggle_agent_guard_duration_seconds",
      help: "Of that, the guard's time before it left",
      buckets: GUARD_SECONDS,
      registers,
    }),
    tokens: counter("gaggle_agent_model_tokens_total", "Tokens of model calls", ["kind", "upstream"]),
    masked: counter("gaggle_agent_guard_masked_total", "Values that were masked", ["class"]),
    cache: counter("gaggle_agent_guard_texts_total", "Texts that the guard knew, or had to look through", ["outcome"]),
    events: counter("gaggle_agent_events_total", "Audit events", ["action", "result"]),
    approvals: counter("gaggle_agent_approvals_total", "Decisions on approvals", ["result"]),
    queue: gauge("gaggle_agent_queue_items", "Items that wait", ["queue"]),
    peers: gauge("gaggle_agent_peers_connected", "Members that are connected"),
    bootstrap: gauge("gaggle_agent_bootstrap_reachable", "1 where the bootstrap node answered when it was last asked"),
    audit: gauge("gaggle_agent_audit_waiting_events", "Audit events that the bootstrap node does not have"),
    alarms: gauge("gaggle_agent_audit_alarms_open", "What the agent holds against the bootstrap node, and nobody has acknowledged"),
    bundle: gauge("gaggle_agent_bundle_expires_timestamp_seconds", "When the bundle in force expires, seconds since the epoch"),
  };
}

function countCall(
  made: Made,
  { result, served, task, durationMs, guardMs, usage, redactions, refusal }: CallFacts,
  cache: { hits: number; misses: number },
): void {
  const upstream = served?.upstream ?? "none";
  made.requests.inc({ result, upstream, task });
  made.seconds.observe({ upstream }, durationMs / 1_000);
  if (refusal !== undefined) made.refusals.inc({ code: refusal.code });
  if (served !== undefined) made.guardSeconds.observe(guardMs / 1_000);
  made.tokens.inc({ kind: "input", upstream }, usage.input);
  made.tokens.inc({ kind: "cached_input", upstream }, usage.cachedInput);
  made.tokens.inc({ kind: "output", upstream }, usage.output);
  // A class that the guard could not read is no class: it must not become a label.
  for (const one of redactions) if (/^[A-Z_]{1,40}$/.test(one.class)) made.masked.inc({ class: one.class }, one.count);
  made.cache.inc({ outcome: "known" }, cache.hits);
  made.cache.inc({ outcome: "new" }, cache.misses);
}

function countEvent(made: Made, { action, result }: AuditEvent): void {
  made.events.inc({ action, result });
  if (action === "approval.decide") made.approvals.inc({ result });
}

async function look(made: Made, source: MetricSource): Promise<void> {
  for (const [queue, items] of Object.entries(await source.queues())) made.queue.set({ queue }, items);
  made.peers.set(source.peersConnected());
  made.bootstrap.set(source.bootstrapReachable() ? 1 : 0);
  made.audit.set(source.auditWaiting());
  made.alarms.set(await source.auditAlarms());
  made.bundle.set(source.bundleExpires());
}
