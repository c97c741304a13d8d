/** What the node tells a Prometheus server: names with units, no label that a caller can choose. docs/bootstrap-node.md lists them. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import { type Checks, checkReadiness, type ReadinessDeps } from "./readiness.ts";

/** Upper bounds of the buckets for the time of a request, in seconds. */
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** What is read when somebody asks for the metrics. */
export interface MetricSources extends ReadinessDeps {
  /** Deposits that wait, and their bytes. */
  mail(): { readonly count: number; readonly bytes: number };
  /** Transitions that wait for the disk. */
  pendingWrites(): number;
  /** Members that are connected to the node's peer. */
  connected(): ReadonlySet<string>;
  /** Polls for events that wait. */
  waitingPolls(): number;
  /** Alarms about agents' chains that nobody has acknowledged. */
  openAlarms(): Promise<number>;
}

/** The node's metrics. */
export interface NodeMetrics {
  /** A request was answered. @param route name of the route; `none` for paths that are no route */
  answered(route: BootstrapRoute | "none", status: number, seconds: number): void;
  /** A request was answered with an error code. */
  refused(code: string): void;
  /** A route did what it is for. @param count events of an ingest, deposits of a hand-over; else 1 */
  done(route: BootstrapRoute, count: number): void;
  /** Sets what is read at each scrape. */
  observe(sources: MetricSources): void;
  /** The text of Prometheus' exposition format, and its media type. */
  text(): Promise<{ readonly body: string; readonly type: string }>;
}

/** Routes whose successes are counted, and under which name. */
const COUNTED: Partial<Record<BootstrapRoute, readonly [name: string, help: string]>> = {
  token: ["gaggle_node_access_tokens_issued_total", "Access tokens issued"],
  join: ["gaggle_node_joins_total", "Invitations redeemed, repeats included"],
  credentials: ["gaggle_node_credentials_renewed_total", "Membership credentials renewed"],
  ingest: ["gaggle_node_audit_events_received_total", "Audit events received, those known before included"],
  deposit: ["gaggle_node_mail_deposited_total", "Deposits taken by the mailbox route"],
};

/** Makes the metrics, with those of the process (memory, processor, event loop). */
export function createNodeMetrics(): NodeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "gaggle_node_http_requests_total",
    help: "Requests answered, by route and status",
    labelNames: ["route", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "gaggle_node_http_request_duration_seconds",
    help: "Time from a request's headers to its answer",
    labelNames: ["route"],
    buckets: SECONDS,
    registers,
  });
  const problems = new Counter({
    name: "gaggle_node_errors_total",
    help: "Requests answered with an error, by code",
    labelNames: ["code"],
    registers,
  });
  const counters = new Map(
    Object.entries(COUNTED).map(([route, [name, help]]) => [route as BootstrapRoute, new Counter({ name, help, registers })]),
  );
  const handedOver = new Counter({
    name: "gaggle_node_hand_overs_total",
    help: "Deposits taken by the controller's routes",
    labelNames: ["kind"],
    registers,
  });
  return {
    answered(route, status, time) {
      requests.inc({ route, status: String(status) });
      seconds.observe({ route }, time);
    },
    refused: (code) => problems.inc({ code }),
    done(route, count) {
      counters.get(route)?.inc(count);
      if (route === "routeTask" || route === "openSession" || route === "requestApproval") handedOver.inc({ kind: route }, count);
    },
    observe: (sources) => addGauges(registry, sources),
    text: async () => ({ body: await registry.metrics(), type: registry.contentType }),
  };
}

/** Gauges that are read when they are asked for. */
function addGauges(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect: async () => made.set(await read()) });
  };
  gauge("gaggle_node_mail_waiting", "Deposits that wait for a recipient", () => sources.mail().count);
  gauge("gaggle_node_mail_waiting_bytes", "Bytes of the deposits that wait", () => sources.mail().bytes);
  gauge("gaggle_node_pending_writes", "Transitions that wait for the disk", () => sources.pendingWrites());
  gauge("gaggle_node_peers_connected", "Members connected to the node's peer, for which it also relays", () => sources.connected().size);
  gauge("gaggle_node_event_polls_waiting", "Polls for events that wait", () => sources.waitingPolls());
  gauge("gaggle_node_audit_alarms_open", "Alarms about agents' chains that nobody has acknowledged", () => sources.openAlarms());
  gauge("gaggle_node_disk_free_bytes", "Free bytes where the store lies", () => sources.freeBytes());
  gauge("gaggle_node_bundle_expires_timestamp_seconds", "When the newest bundle expires; 0 without a valid one", () => expiryOf(sources));
  const ready: Gauge<"part"> = new Gauge({
    name: "gaggle_node_ready",
    help: "Whether a part of the node is there (1) or missing (0)",
    labelNames: ["part"],
    registers: [registry],
    collect() {
      const checks = checkReadiness(sources);
      for (const part of Object.keys(checks) as (keyof Checks)[]) ready.set({ part }, Number(checks[part]));
    },
  });
}

function expiryOf({ shelf }: Pick<MetricSources, "shelf">): number {
  try {
    return Date.parse(shelf.newest().manifest.expiresAt) / 1_000;
  } catch {
    return 0;
  }
}
