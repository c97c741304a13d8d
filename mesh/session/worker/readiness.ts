/** What a task on the working side is ready for: a run, a person, or neither yet. Pure. */
import { isTerminal, type WorkerTask } from "../task-record.ts";
import { mayStart } from "../task-times.ts";

/** States in which somebody has to say something first: the asker an answer, or a person here that it may go on. */
const WAITS: ReadonlySet<string> = new Set(["INPUT_REQUIRED", "AUTH_REQUIRED"]);

/** True where nobody has begun with it. */
export const isUnstarted = (record: WorkerTask): boolean => record.state === "SUBMITTED" && record.attempt === 0;

/** True where a run may start: it is for a run, its time has come, none is at work, and nothing is waited for. */
export const isRunnable = (record: WorkerTask, nowMs: number): boolean =>
  mayStart(record, nowMs) &&
  record.mode === "unattended" &&
  !record.running &&
  !record.interrupted &&
  (record.state === "SUBMITTED" || record.state === "WORKING" || (WAITS.has(record.state) && record.answered));

/** True where this agent's person has to do something. */
export const waitsForPerson = (record: WorkerTask, nowMs: number): boolean =>
  !isTerminal(record) &&
  mayStart(record, nowMs) &&
  (record.interrupted || (record.mode === "person" && (record.state !== "INPUT_REQUIRED" || record.answered)));
