/** What is known of a call while it runs. */
import { NO_USAGE, type PlannedCall, type Protocol } from "./call-routes.ts";
import type { ModelCall } from "./gateway-api.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Filled in as the call goes on. */
export type CallNotes = Writable<Omit<ModelCall, "result" | "durationMs" | "tokens">> & { planned?: PlannedCall };

/** Nothing is known yet. */
export const newNotes = (protocol: Protocol, id: string): CallNotes => ({
  id,
  sessionId: "none",
  protocol,
  task: "chat",
  model: "unknown",
  redactions: [],
  passed: [],
  usage: NO_USAGE,
  status: 0,
  requestBytes: 0,
  guardMs: 0,
});

/** A model's name as it is recorded: a request can write anything there. */
export const recordedModel = (name: string): string => (/^[\w.:/@+-]{1,100}$/.test(name) ? name : "unknown");

/** The call as it is recorded. */
export const finished = ({ planned: _planned, ...notes }: CallNotes, durationMs: number): ModelCall => ({
  ...notes,
  result: notes.refusal !== undefined ? "denied" : notes.status < 400 ? "ok" : "failed",
  tokens: notes.usage.input + notes.usage.output,
  durationMs: Math.max(0, Math.round(durationMs)),
});
