/** A span as it is recorded once it is over: ids, times, counts and classes; never a text, a name of a person, or an id that a caller could choose. */

/** What a span may say. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is over. */
export interface SpanDraft {
  readonly name: string;
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Left out: the first of its trace. */
  readonly parentId?: string | undefined;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly failed: boolean;
  readonly attributes: SpanAttributes;
}

/** Takes spans; costs nothing where nobody wants them. */
export type RecordSpan = (span: SpanDraft) => void;
