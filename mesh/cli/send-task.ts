/** Commands about tasks that this agent asks for: send, follow, look at, answer, cancel. */
import { z } from "zod";
import { DAEMON_METHODS, type DaemonParams, type DaemonResult, type Target, type TaskView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { type JsonObject, parseAs } from "../contract/json.ts";
import { STATUS_WAIT_MAX_MS } from "../contract/limits.ts";
import { TERMINAL_STATES } from "../contract/message.ts";
import { approvalLines } from "./approval-words.ts";
import { type DaemonCalls, printItem } from "./mesh-commands.ts";
import { asSeen, jsonAsSeen, type Output, paint } from "./output.ts";
import { sessionWords } from "./session-words.ts";
import { stateWords, taskWords } from "./task-words.ts";

/** How urgent a task is, and its times. */
export type SendChoices = Pick<DaemonParams<"task.send">, "priority" | "startAt" | "expiresAt">;

/** What was chosen on the command line. @throws GaggleError INVALID_INPUT for what is no priority or time */
export function readChoices(given: { priority: string; start?: string; expires?: string }): SendChoices {
  const startAt = given.start === undefined ? {} : { startAt: given.start };
  const expiresAt = given.expires === undefined ? {} : { expiresAt: given.expires };
  const { shape } = DAEMON_METHODS["task.send"].params;
  if (!shape.priority.safeParse(given.priority).success)
    throw new GaggleError("INVALID_INPUT", "--priority is P0 (most urgent), P1, P2 or P3.");
  for (const name of ["start", "expires"] as const)
    if (given[name] !== undefined && !shape[`${name}At`].safeParse(given[name]).success)
      throw new GaggleError("INVALID_INPUT", `--${name} is a time with its zone, for example 2026-11-02T08:00:00+01:00.`);
  const schema = z.strictObject({ priority: shape.priority, startAt: shape.startAt, expiresAt: shape.expiresAt });
  return parseAs(schema, { priority: given.priority, ...startAt, ...expiresAt }, "gaggle send") as SendChoices;
}

/** `gaggle send`: asks another agent for something; with `wait`, shows how it goes until it is done. */
export async function sendTask(
  daemon: DaemonCalls,
  out: Output,
  {
    wait,
    ...request
  }: { target: Target; task: string; context: JsonObject; idempotencyKey: string; wait: boolean; inSession?: string } & SendChoices,
): Promise<void> {
  const sent = await daemon.call("task.send", request);
  if (!wait) {
    out.result(sent);
    return out.line(`Task ${sent.taskId} is on its way. See how it goes: gaggle status ${sent.taskId}`);
  }
  const view = await followTask(daemon, sent.taskId, (now) => tellChange(out, now));
  if (view.state !== "COMPLETED") {
    // What a message tells to do is for that machine, not for this one.
    const where = view.group === undefined ? ` at ${view.peer.subject}` : "";
    throw new GaggleError("EXECUTOR_FAILED", `The task ended as ${view.state}${where}. ${asSeen(view.message ?? "")}`.trim(), {
      details: { taskId: view.taskId },
    });
  }
  out.line(jsonAsSeen(view.result));
}

/** One change: a line that is redrawn in a terminal, else a line each; for programs one JSON document a line, the whole task in the last. */
function tellChange(out: Output, view: TaskView): void {
  const { kind, taskId, state, delivery, progress, updatedAt } = view;
  const isOver = TERMINAL_STATES.has(state);
  out.event(
    isOver
      ? view
      : { kind, taskId, state, delivery, progress, updatedAt, ...(view.message === undefined ? {} : { message: view.message }) },
  );
  const text = `${paint.dim(new Date().toLocaleTimeString())} ${view.peer.subject} ${stateWords(view)}`;
  // What waits for an answer, and the end, stay on the screen.
  if (isOver || state === "INPUT_REQUIRED") out.line(text);
  else out.live(text);
}

/** What a change is seen by. */
const seenOf = ({ state, delivery, progress }: TaskView): string => JSON.stringify([state, delivery, progress?.seq]);

/** Waits until a task is done, telling every change. */
async function followTask(daemon: DaemonCalls, taskId: string, onChange: (view: TaskView) => void): Promise<TaskView> {
  let last = "";
  for (;;) {
    const view = await daemon.call("status.fetch", { id: taskId, waitMs: last === "" ? 0 : STATUS_WAIT_MAX_MS });
    if (view.kind !== "task") throw new GaggleError("NOT_FOUND", "That id is not a task's.");
    if (seenOf(view) !== last) onChange(view);
    last = seenOf(view);
    if (TERMINAL_STATES.has(view.state)) return view;
  }
}

/** `gaggle status <id>`: a task, an approval or a session. */
export async function showRecord(daemon: DaemonCalls, out: Output, id: string, nowMs: number): Promise<void> {
  const view: DaemonResult<"status.fetch"> = await daemon.call("status.fetch", { id });
  out.result(view);
  if (view.kind === "session") {
    if (view.session !== undefined) for (const line of sessionWords(view.session)) out.line(line);
    for (const item of [...view.tasks, ...view.approvals]) printItem(out, item);
    return;
  }
  printItem(out, view);
  if (view.kind === "task") for (const line of taskWords(view, nowMs)) out.line(line);
  if (view.kind === "approval") for (const line of approvalLines(view)) out.line(line);
  for (const entry of view.history)
    out.line(`  ${paint.dim(entry.at)} ${entry.state}${entry.note === undefined ? "" : ` · ${asSeen(entry.note)}`}`);
}

/** `gaggle answer`: answers the open question of a task. */
export async function answerTask(daemon: DaemonCalls, out: Output, request: { taskId: string; answer: string }): Promise<void> {
  out.result(await daemon.call("task.answer", request));
  out.line("The answer is on its way; the colleague's agent goes on with it.");
}

/** `gaggle cancel`: takes a task back, where it has not ended before. */
export async function cancelTask(daemon: DaemonCalls, out: Output, request: { taskId: string; reason: string }): Promise<void> {
  const view = await daemon.call("task.cancel", request);
  out.result(view);
  out.line(
    TERMINAL_STATES.has(view.state)
      ? `The task has ended as ${view.state} before.`
      : "The colleague's agent is told; its answer says which came first.",
  );
}
