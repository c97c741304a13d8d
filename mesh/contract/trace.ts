/** Ids of spans (W3C Trace Context) that follow from what they are about, so that two agents name the same span without asking each other, and none has to be kept over a restart. */
import { createHash } from "node:crypto";

/** Id of a span, 16 hex digits. @param kind what it is about, such as `run` @param key its id */
export const spanIdOf = (kind: string, key: string): string => createHash("sha256").update(`${kind}:${key}`).digest("hex").slice(0, 16);

/** Id of the span of an envelope's sending: the random end of its UUID. It stands in the envelope's `traceparent`. */
export const envelopeSpanId = (envelopeId: string): string => envelopeId.replaceAll("-", "").slice(-16);
