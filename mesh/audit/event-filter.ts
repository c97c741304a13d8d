/** Which events a filter takes. Reads a chain in order: what a task's run did is known by its beginning and its end. Source: docs/audit-format.md. */
import type { AuditEvent, AuditFilter } from "../contract/audit.ts";

/** Actions that begin and end a task's run. */
const RUN = { start: "run.start", finish: "run.finish" } as const;

/** Details that name a task: what a message belongs to, what a run is of, the group that a task was made for. */
const NAMING = ["ref", "taskId", "group"] as const;

/** Whether an event names a task: as what it is about, or in its details. */
export const isAbout = (event: Pick<AuditEvent, "target" | "details">, task: string): boolean =>
  event.target.endsWith(`:${task}`) || NAMING.some((name) => event.details[name] === task);

/** Follows one agent's chain: true for what is about the task, and for what else happened in the trace of its run while it ran. */
export function createTaskFilter(task: string): (event: AuditEvent) => boolean {
  let running: string | undefined;
  return (event) => {
    const own = isAbout(event, task);
    if (own && event.action === RUN.start) running = event.traceId;
    const inRun = event.traceId === running && (own || event.details["ref"] === undefined);
    if (own && event.action === RUN.finish) running = undefined;
    return own || inRun;
  };
}

/** A filter for one agent's chain, to be asked about each of its events in order. */
export function createEventFilter(filter: AuditFilter): (event: AuditEvent) => boolean {
  const { action, from, to, task } = filter;
  const isOfTask = task === undefined ? () => true : createTaskFilter(task);
  const [fromMs, toMs] = [from === undefined ? -Infinity : Date.parse(from), to === undefined ? Infinity : Date.parse(to)];
  return (event) => {
    const ofTask = isOfTask(event);
    const at = Date.parse(event.ts);
    const ofAction = action === undefined || event.action === action || event.action.startsWith(`${action}.`);
    return ofTask && ofAction && at >= fromMs && at < toMs;
  };
}
