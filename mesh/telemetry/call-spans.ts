/** Spans of one model call at the guard: the request, looking through it, and the model's answer. */
import { spanIdOf } from "../contract/trace.ts";
import type { RecordSpan } from "./span-draft.ts";
import { rootSpanId, runSpanId } from "./spans-of-events.ts";

/** A model call that is over, as far as telemetry looks at it. */
export interface CallFacts {
  readonly protocol: string;
  readonly task: string;
  /** Upstream that served it; undefined where nothing was sent. The model's name is a plain one: the guard records no other. */
  readonly served?: { readonly upstream: string; readonly model: string; readonly destination: string } | undefined;
  readonly result: "ok" | "denied" | "failed";
  readonly redactions: readonly { readonly class: string; readonly count: number }[];
  readonly usage: { readonly input: number; readonly cachedInput: number; readonly output: number };
  readonly status: number;
  readonly requestBytes: number;
  readonly durationMs: number;
  readonly guardMs: number;
  readonly refusal?: { readonly code: string } | undefined;
}

/** Where a call belongs. */
export interface CallPlace {
  readonly traceId: string;
  /** The task whose run made it; undefined for a person's chat. */
  readonly taskId: string | undefined;
  readonly agentId: string;
  readonly endMs: number;
  /** Random, of this call. */
  readonly id: string;
}

/** Records the spans of a call. */
export function recordCallSpans(record: RecordSpan, call: CallFacts, { traceId, taskId, agentId, endMs, id }: CallPlace): void {
  const { served, usage, durationMs, guardMs, refusal } = call;
  const startMs = endMs - durationMs;
  const request = spanIdOf("call", id);
  const common = { traceId, failed: call.result !== "ok" };
  record({
    ...common,
    name: "guard.request",
    kind: "server",
    spanId: request,
    parentId: taskId === undefined ? rootSpanId(traceId) : runSpanId(taskId),
    startMs,
    endMs,
    attributes: {
      "gaggle.agent": agentId,
      "gaggle.protocol": call.protocol,
      "gaggle.task_class": call.task,
      "gaggle.result": call.result,
      "http.response.status_code": call.status,
      "http.request.body.size": call.requestBytes,
      ...(refusal === undefined ? {} : { "gaggle.code": refusal.code }),
    },
  });
  const sentMs = startMs + Math.min(guardMs, durationMs);
  const masked = call.redactions.filter((one) => /^[A-Z_]{1,40}$/.test(one.class)).map((one) => [`gaggle.masked.${one.class}`, one.count]);
  record({
    ...common,
    failed: call.result === "denied",
    name: "guard.detect",
    kind: "internal",
    spanId: spanIdOf("detect", id),
    parentId: request,
    startMs,
    endMs: served === undefined ? endMs : sentMs,
    attributes: Object.fromEntries(masked) as Record<string, number>,
  });
  if (served === undefined) return;
  record({
    ...common,
    name: "model.call",
    kind: "client",
    spanId: modelSpanId(id),
    parentId: request,
    startMs: sentMs,
    endMs,
    attributes: {
      "gen_ai.request.model": served.model,
      "gen_ai.usage.input_tokens": usage.input,
      "gen_ai.usage.output_tokens": usage.output,
      "gaggle.cached_input_tokens": usage.cachedInput,
      "gaggle.upstream": served.upstream,
      "gaggle.destination": served.destination,
    },
  });
}

const modelSpanId = (id: string): string => spanIdOf("model", id);
