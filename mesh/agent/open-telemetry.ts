/** The daemon's telemetry: spans and metrics from what the audit chain says and what the guard's gateway counts. docs/observability.md */
import { join } from "node:path";
import type { CacheCounts } from "../../guard/detect/detection.ts";
import type { ModelCall } from "../../guard/gateway/gateway-api.ts";
import { errorCode } from "../contract/errors.ts";
import { spanIdOf } from "../contract/trace.ts";
import { createAgentMetrics, type MetricSource } from "../telemetry/agent-metrics.ts";
import { recordCallSpans } from "../telemetry/call-spans.ts";
import { openSpans } from "../telemetry/open-spans.ts";
import { createEventSpans } from "../telemetry/spans-of-events.ts";
import type { AgentCore } from "./agent-core.ts";

/** What the daemon's parts tell. */
export interface Telemetry {
  /** A model call is over. */
  called(call: ModelCall, cache: CacheCounts): void;
  /** W3C `traceparent` for a model call that stays in the company; undefined where nobody wants spans. */
  traceparent(call: Pick<ModelCall, "id" | "sessionId">): string | undefined;
  /** Prometheus' exposition format. */
  metrics(): Promise<string>;
  /** Sends or writes what waits. */
  close(): Promise<void>;
}

/**
 * Opens it. Without somebody who wants spans none are made.
 * @param source read when somebody asks for the metrics; not before the daemon is up
 */
export async function openTelemetry(
  core: Pick<AgentCore, "chain" | "clock" | "config" | "log" | "paths" | "sessions" | "traceOf">,
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly version: string },
  source: () => MetricSource,
): Promise<Telemetry> {
  const { chain, clock, config, log, paths, sessions } = core;
  const { agentId } = config;
  const metrics = createAgentMetrics(source);
  const spans = await openSpans({
    env: options.env,
    config: config.telemetry ?? {},
    path: join(paths.logs, "traces.ndjson"),
    service: "gaggle-agent",
    version: options.version,
    onError: (error) => log.warn({ code: errorCode(error) }, "spans were lost: they could not be handed over"),
  });
  const eventSpan = spans === undefined ? undefined : createEventSpans(spans.record);
  const unsubscribe = chain.subscribe((event) => {
    metrics.happened(event);
    eventSpan?.(event);
  });
  return {
    called(call, cache) {
      metrics.called(call, cache);
      if (spans === undefined) return;
      const taskId = sessions.find(call.sessionId)?.taskId;
      recordCallSpans(spans.record, call, { traceId: core.traceOf(call.sessionId), taskId, agentId, endMs: clock.now(), id: call.id });
    },
    traceparent: ({ id, sessionId }) => (spans === undefined ? undefined : `00-${core.traceOf(sessionId)}-${spanIdOf("model", id)}-01`),
    metrics: () => metrics.text(),
    async close() {
      unsubscribe();
      await spans?.close();
    },
  };
}
