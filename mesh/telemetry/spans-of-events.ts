/**
 * Makes spans of what the audit chain says, after it is on the disk: the cores of delivery and sessions know nothing of tracing, and a daemon that
 * begins anew goes on in the same traces. docs/decisions/0119-telemetry.md
 */
import type { AuditEvent } from "../contract/audit.ts";
import { envelopeSpanId, spanIdOf } from "../contract/trace.ts";
import { attributesOf } from "./attributes.ts";
import type { RecordSpan, SpanDraft } from "./span-draft.ts";

/** Beginnings that are remembered until their end comes; the oldest are forgotten, and their spans then have no length. */
const MAX_OPEN = 10_000;

/** Id of the span that everything of a trace hangs on: the Goose session, or the person's command, that it began with. */
export const rootSpanId = (traceId: string): string => spanIdOf("trace", traceId);
/** Id of the span of a task's run. */
export const runSpanId = (taskId: string): string => spanIdOf("run", taskId);

type Shape = Pick<SpanDraft, "name" | "spanId" | "parentId" | "kind"> & { readonly startMs?: number | undefined };

/** @returns what is to be told of every event of this agent's chain */
export function createEventSpans(record: RecordSpan): (event: AuditEvent) => void {
  const begun = createOpenTimes();
  /** Which message brought a task, so that its run hangs on that. */
  const broughtBy = createOpenTimes();

  const shapeOf = (event: AuditEvent, nowMs: number): Shape | undefined => {
    const { action, target, traceId, details } = event;
    const id = target.slice(target.indexOf(":") + 1);
    const root = rootSpanId(traceId);
    const parentId = typeof details["taskId"] === "string" ? runSpanId(details["taskId"]) : root;
    const instant = (name: string, kind: SpanDraft["kind"] = "internal"): Shape => ({
      name,
      kind,
      spanId: spanIdOf(event.id, action),
      parentId,
    });
    switch (action) {
      case "session.register":
        return { name: "goose.session", kind: "internal", spanId: root, parentId: undefined };
      case "message.send":
        return { ...instant("message.send", "producer"), spanId: envelopeSpanId(id) };
      case "message.deliver":
      case "message.dead":
        return { ...instant(action, "client"), parentId: envelopeSpanId(id), startMs: madeAt(id) };
      case "message.receive": {
        const spanId = spanIdOf("receive", id);
        if (typeof details["ref"] === "string") broughtBy.open(details["ref"], spanId);
        return { name: action, kind: "consumer", spanId, parentId: envelopeSpanId(id) };
      }
      case "run.start":
        begun.open(`run ${id}`, String(nowMs));
        return undefined;
      case "run.finish":
        return {
          name: "task.run",
          kind: "server",
          spanId: runSpanId(id),
          parentId: broughtBy.close(id) ?? root,
          startMs: since(begun.close(`run ${id}`)),
        };
      case "approval.request":
        begun.open(`approval ${id}`, String(nowMs));
        return instant(action);
      case "approval.decide":
        return { ...instant("approval"), spanId: spanIdOf("approval", id), startMs: since(begun.close(`approval ${id}`)) };
      case "tool.call":
        return instant("tool.decision");
      default:
        return TRACED.has(action) ? instant(action) : undefined;
    }
  };

  return (event) => {
    const endMs = Date.parse(event.ts);
    const shape = shapeOf(event, endMs);
    if (shape === undefined) return;
    const startMs = Math.min(shape.startMs ?? endMs, endMs);
    record({ ...shape, startMs, endMs, traceId: event.traceId, failed: event.result !== "ok", attributes: attributesOf(event) });
  };
}

/** Further actions that are told as a moment. Model calls have spans of their own. */
const TRACED: ReadonlySet<string> = new Set([
  "task.create",
  "task.route",
  "task.state",
  "data.release",
  "guard.mask",
  "guard.restore",
  "message.refuse",
  "message.deposit",
  "message.withdraw",
  "session.join",
  "session.share",
  "session.handoff",
]);

const since = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/** When an envelope was made: a UUID of version 7 begins with that, in milliseconds. */
function madeAt(envelopeId: string): number | undefined {
  const ms = Number.parseInt(envelopeId.replaceAll("-", "").slice(0, 12), 16);
  return Number.isNaN(ms) ? undefined : ms;
}

function createOpenTimes() {
  const values = new Map<string, string>();
  return {
    open(key: string, value: string): void {
      values.set(key, value);
      const [oldest] = values.keys();
      if (values.size > MAX_OPEN && oldest !== undefined) values.delete(oldest);
    },
    close(key: string): string | undefined {
      const value = values.get(key);
      values.delete(key);
      return value;
    },
  };
}
