/** One task's story across agents, from an export: what each agent recorded, and both ends of each message side by side. Pure. */
import { type AuditEvent, auditEvent } from "../contract/audit.ts";
import { membershipClaims } from "../contract/identity.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { createTaskFilter } from "./event-filter.ts";

/** Events of one task that are kept at most; a task has tens. */
const MAX_EVENTS = 10_000;

/** A message of the task: what its sender and its receiver recorded, by the id of its envelope. */
export interface TracedMessage {
  readonly kind: "message";
  readonly envelope: string;
  readonly send?: AuditEvent;
  /** `message.receive`, or `message.refuse`. */
  readonly receive?: AuditEvent;
  /** How it ended for the sender: delivered, dead, withdrawn, deposited. */
  readonly ends: readonly AuditEvent[];
}

/** Something else that an agent recorded about the task. */
export interface TracedStep {
  readonly kind: "step";
  readonly event: AuditEvent;
}

/** A task's story. */
export interface TaskTrace {
  /** By the agents' clocks; what one agent recorded stays in its order. */
  readonly story: readonly (TracedMessage | TracedStep)[];
  /** Who the agents are, as far as the export has their credentials. */
  readonly people: ReadonlyMap<string, { readonly subject: string; readonly role: string }>;
  /** True where there was more than is kept. */
  readonly cut: boolean;
}

/** Ends of a message. */
const RECEIVED = new Set(["message.receive", "message.refuse"]);
const SENDER_ENDS = new Set(["message.deliver", "message.dead", "message.withdraw", "message.deposit"]);

const envelopeOf = ({ target }: AuditEvent): string | undefined =>
  target.startsWith("envelope:") ? target.slice("envelope:".length) : undefined;

/** Collects a task's events line by line. */
export function createTraceCollector(task: string) {
  const filters = new Map<string, (event: AuditEvent) => boolean>();
  const people = new Map<string, { subject: string; role: string }>();
  const events: AuditEvent[] = [];
  let cut = false;

  const takeEvent = (event: AuditEvent): void => {
    const isOfTask = filters.get(event.agentId) ?? createTaskFilter(task);
    filters.set(event.agentId, isOfTask);
    if (!isOfTask(event)) return;
    if (events.length < MAX_EVENTS) events.push(event);
    else cut = true;
  };

  const takeCredential = (agentId: string, jws: string): void => {
    const claims = membershipClaims.safeParse(unverifiedPayloadOf(jws));
    if (claims.success) people.set(agentId, { subject: claims.data.sub, role: claims.data.role });
  };

  return {
    /** A line of an export; what is none is left to the verifier. */
    take(text: string): void {
      // Only these two are wanted, and parsing every line of a large export twice would take as long as verifying it.
      if (text.startsWith('{"event":')) {
        const parsed = auditEvent.safeParse(parsedOr(text)?.["event"]);
        if (parsed.success) takeEvent(parsed.data);
      } else if (text.includes('"kind":"credential"')) {
        const line = parsedOr(text);
        if (typeof line?.["agentId"] === "string" && typeof line["jws"] === "string") takeCredential(line["agentId"], line["jws"]);
      }
    },
    trace: (): TaskTrace => ({ story: toStory(events), people, cut }),
  };
}

function parsedOr(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** Messages stand where their first record is. */
function toStory(events: readonly AuditEvent[]): (TracedMessage | TracedStep)[] {
  const messages = new Map<string, { kind: "message"; envelope: string; send?: AuditEvent; receive?: AuditEvent; ends: AuditEvent[] }>();
  const story: (TracedMessage | TracedStep)[] = [];
  for (const event of inOrder(events)) {
    const envelope = envelopeOf(event);
    const isMessage = event.action === "message.send" || RECEIVED.has(event.action) || SENDER_ENDS.has(event.action);
    if (envelope === undefined || !isMessage) {
      story.push({ kind: "step", event });
      continue;
    }
    const message = messages.get(envelope) ?? { kind: "message" as const, envelope, ends: [] };
    if (!messages.has(envelope)) story.push(message);
    messages.set(envelope, message);
    if (event.action === "message.send") message.send = event;
    else if (RECEIVED.has(event.action)) message.receive ??= event;
    else message.ends.push(event);
  }
  return story;
}

/** By time; events of one agent keep their order also where its clock went back. */
function inOrder(events: readonly AuditEvent[]): AuditEvent[] {
  const latest = new Map<string, number>();
  const timed = events.map((event) => {
    const at = Math.max(Date.parse(event.ts), latest.get(event.agentId) ?? 0);
    latest.set(event.agentId, at);
    return { event, at };
  });
  return timed
    .toSorted((a, b) => a.at - b.at || (a.event.agentId === b.event.agentId ? a.event.seq - b.event.seq : 0))
    .map(({ event }) => event);
}
