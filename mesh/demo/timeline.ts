/** The agents' audit events as steps that a person can follow: who asked whom for what, how long, what was masked, who approved. */
import type { AuditEvent } from "../contract/audit.ts";
import type { MaskedCount, TimelineEntry, TimelineKind } from "./page/model.ts";

type Step = {
  readonly kind: TimelineKind;
  readonly text: string;
  readonly to?: string;
  readonly ref?: string;
  readonly durationMs?: number;
};
type Describe = (event: AuditEvent) => Step | undefined;

const text = (event: AuditEvent, name: string): string => String(event.details[name] ?? "");
const number = (event: AuditEvent, name: string): number => Number(event.details[name] ?? 0);
const idOf = ({ target }: AuditEvent): string => target.slice(target.indexOf(":") + 1);
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** What a state of a task means, in words; states that only repeat another step are left out. */
const WORKER_STATES: Readonly<Record<string, (who: string, skill: string) => string>> = {
  COMPLETED: (who, skill) => `sends the result of ${skill} to ${who}`,
  FAILED: (who, skill) => `tells ${who} that ${skill} failed`,
  REJECTED: (who, skill) => `rejects ${skill} of ${who}`,
  INPUT_REQUIRED: (who, skill) => `needs a person for ${skill} of ${who}`,
};

const taskState: Describe = (event) => {
  const who = text(event, "peerSubject");
  const skill = text(event, "skill") || "a task";
  const state = text(event, "state");
  const ref = idOf(event);
  if (text(event, "side") === "worker") {
    const say = WORKER_STATES[state];
    return say === undefined ? undefined : { kind: "task-state", text: say(who, skill), to: who, ref };
  }
  return state === "COMPLETED" ? { kind: "task-state", text: `has the result of ${skill} from ${who}`, ref } : undefined;
};

const redacted = (event: AuditEvent): string =>
  event.redactions.map(({ class: name, count }) => `${count} ${name}`).join(", ") || "nothing to mask";

const DESCRIBE: Readonly<Record<string, Describe>> = {
  "daemon.start": () => ({ kind: "daemon", text: "the agent is up" }),
  "task.create": (event) => ({
    kind: "task-sent",
    text: `asks ${text(event, "toSubject")} for ${text(event, "skill") || "something"}`,
    to: text(event, "toSubject"),
    ref: idOf(event),
  }),
  "task.state": taskState,
  "message.receive": (event) => {
    if (event.result === "denied")
      return { kind: "denied", text: `refuses a ${text(event, "type")} of ${text(event, "fromSubject")}: policy` };
    if (text(event, "type") !== "task.request") return undefined;
    return {
      kind: "task-received",
      text: `has the request of ${text(event, "fromSubject")}; policy allows it (${text(event, "rules")})`,
      ref: text(event, "ref"),
    };
  },
  "message.send": (event) =>
    event.result === "denied"
      ? { kind: "denied", text: `may not send a ${text(event, "type")} to ${text(event, "toSubject")}: policy` }
      : undefined,
  "run.start": (event) => ({ kind: "run-start", text: `starts a Goose with the signed recipe ${text(event, "recipe")}`, ref: idOf(event) }),
  "run.finish": (event) => {
    const durationMs = number(event, "durationMs");
    const said =
      event.result === "ok"
        ? `Goose has finished ${text(event, "skill")} in ${seconds(durationMs)}`
        : `Goose did not finish ${text(event, "skill")}`;
    return { kind: "run-finish", text: said, ref: idOf(event), durationMs };
  },
  "approval.request": (event) => ({
    kind: "approval-asked",
    text: `asks ${text(event, "peerSubject")} for approval`,
    to: text(event, "peerSubject"),
    ref: idOf(event),
  }),
  "approval.receive": (event) => ({
    kind: "approval-received",
    text: `is asked by ${text(event, "peerSubject")} for approval`,
    ref: idOf(event),
  }),
  "approval.decide": (event) =>
    event.result === "ok"
      ? {
          kind: "approval-decided",
          text: `${text(event, "decision")} it, signed with the approval key`,
          to: text(event, "peerSubject"),
          ref: idOf(event),
        }
      : { kind: "denied", text: "has tried to decide on an approval, and it does not count", ref: idOf(event) },
  "approval.accept": (event) =>
    event.result === "ok"
      ? {
          kind: "approval-accepted",
          text: `has checked the signature: ${text(event, "decision")} by ${text(event, "approver")}`,
          ref: idOf(event),
        }
      : { kind: "denied", text: "refuses an approval that does not count", ref: idOf(event) },
  "model.call": (event) => ({ kind: "model-call", text: `asks the model (${redacted(event)})`, durationMs: number(event, "durationMs") }),
  "guard.refuse": (event) => ({ kind: "denied", text: `the guard refuses a model call (${text(event, "class") || text(event, "code")})` }),
  "tool.call": (event) => (event.result === "denied" ? { kind: "denied", text: `may not use ${idOf(event)}` } : undefined),
};

/** An audit event as a step of the timeline; undefined for events that say nothing new to a person. */
export function timelineEntry(event: AuditEvent, lane: string, startMs: number): TimelineEntry | undefined {
  const step = DESCRIBE[event.action]?.(event);
  if (step === undefined) return undefined;
  const masked = event.redactions.length > 0 ? { masked: event.redactions } : {};
  return { at: event.ts, atMs: Math.max(0, Date.parse(event.ts) - startMs), lane, ...step, ...masked };
}

/** Sums what was masked over all model calls, most first. */
export function countMasked(entries: readonly TimelineEntry[]): MaskedCount[] {
  const sums = new Map<string, number>();
  for (const { masked = [] } of entries) for (const { class: name, count } of masked) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums].map(([name, count]) => ({ class: name, count })).sort((a, b) => b.count - a.count);
}
