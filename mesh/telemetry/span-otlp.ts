/** Spans to a collector, by OTLP over HTTP (JSON). The exporter reads the standard variables `OTEL_EXPORTER_OTLP_…` itself. */
import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace";
import type { SpanDraft } from "./span-draft.ts";
import type { SpanSink } from "./span-file.ts";

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** What every span says about where it comes from. */
export interface SpanSource {
  readonly service: string;
  readonly version: string;
}

/**
 * Opens the sink. Spans wait in a bounded queue and are sent in batches; a collector that is away costs spans, and nothing else.
 * @param url of the collector's `/v1/traces`; left out, as the environment says
 */
export function openOtlp(source: SpanSource, onError: (error: unknown) => void, url?: string): SpanSink {
  const exporter = new OTLPTraceExporter(url === undefined ? {} : { url });
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, done) =>
    send(spans, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) onError(result.error);
      done({ code: ExportResultCode.SUCCESS });
    });
  const processor = new BatchSpanProcessor({ exporter });
  const resource = resourceFromAttributes({ "service.name": source.service, "service.version": source.version });
  return {
    record: (span) => processor.onEnd(readable(span, resource, source)),
    close: () => processor.shutdown(),
  };
}

const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1_000_000)];

function readable(span: SpanDraft, resource: Resource, { service, version }: SpanSource): ReadableSpan {
  const context = { traceId: span.traceId, spanId: span.spanId, traceFlags: TraceFlags.SAMPLED };
  const parent = span.parentId === undefined ? {} : { parentSpanContext: { ...context, spanId: span.parentId } };
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    ...parent,
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: { ...span.attributes },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: service, version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
