/** Commands that ask the daemon: status, peers, send, inbox, outbox, dead letters. */
import type { ApprovalView, DaemonMethod, DaemonParams, DaemonResult, InboxItem, Target, TaskView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { JsonObject } from "../contract/json.ts";
import { STATUS_WAIT_MAX_MS } from "../contract/limits.ts";
import { TERMINAL_STATES } from "../contract/message.ts";
import { asSeen, bytes, duration, jsonAsSeen, type Output, paint, table } from "./output.ts";

/** The part of the daemon's client that commands use. */
export interface DaemonCalls {
  call<M extends DaemonMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>>;
}

/** `gaggle status`: who this agent is, and how it is. */
export async function showStatus(daemon: DaemonCalls, out: Output, nowMs: number): Promise<void> {
  const status = await daemon.call("daemon.status", {});
  out.result(status);
  const left = (iso: string): string => `${duration(Math.max(0, Date.parse(iso) - nowMs))} left`;
  out.line(`${paint.strong(status.subject)} · ${status.role} · ${status.department} · ${status.orgName}`);
  const rows = [
    ["agent", status.agentId],
    ["daemon", `pid ${status.pid}, up ${duration(nowMs - Date.parse(status.startedAt))}, ${bytes(status.rssBytes)}`],
    ["profile bundle", `version ${status.bundleVersion}, ${left(status.bundleExpiresAt)}`],
    ["membership", left(status.credentialExpiresAt)],
    ["bootstrap node", `${status.bootstrap.url} ${status.bootstrap.reachable ? paint.good("reachable") : paint.warn("not reachable")}`],
    ["peers", `${status.peersConnected} connected; listening on ${status.listening.join(", ") || "nothing"}`],
    ["guard", status.gatewayUrl],
    ["inbox", `${status.inbox.waiting} waiting`],
    ["outbox", `${status.outbox.queued} queued, ${status.outbox.dead} dead`],
    ["audit", `${status.audit.seq} events, ${status.audit.seq - status.audit.shipped} not yet collected`],
  ];
  for (const [name, value] of rows) out.line(`  ${(name ?? "").padEnd(15)} ${value}`);
}

/** `gaggle peers`: the agents that this one knows. */
export async function showPeers(daemon: DaemonCalls, out: Output, filter: { role?: string; skill?: string }): Promise<void> {
  const { agents } = await daemon.call("directory.agents", filter);
  out.result(agents);
  if (agents.length === 0) return out.line("No agent is known yet that matches.");
  const rows = agents.map((agent) => [
    agent.online ? "●" : "○",
    agent.subject + (agent.self ? " (you)" : ""),
    agent.role,
    agent.title,
    agent.skills.map((skill) => skill.id).join(", "),
    agent.agentId,
  ]);
  for (const line of table(["", "who", "role", "title", "skills", "agent"], rows)) out.line(line);
}

/** `gaggle send`: asks another agent for something; with `wait`, shows each change until it is done. */
export async function sendTask(
  daemon: DaemonCalls,
  out: Output,
  request: { target: Target; task: string; context: JsonObject; idempotencyKey: string; wait: boolean },
): Promise<void> {
  const { target, task, context, idempotencyKey } = request;
  const sent = await daemon.call("task.send", { target, task, context, idempotencyKey });
  if (!request.wait) {
    out.result(sent);
    return out.line(`Task ${sent.taskId} is on its way. See how it goes: gaggle status ${sent.taskId}`);
  }
  const view = await followTask(daemon, sent.taskId, (state) => out.line(`${paint.dim(new Date().toLocaleTimeString())} ${state}`));
  out.result(view);
  if (view.state !== "COMPLETED") {
    throw new GaggleError("EXECUTOR_FAILED", `The task ended as ${view.state}. ${asSeen(view.message ?? "")}`.trim(), {
      details: { taskId: view.taskId },
    });
  }
  out.line(jsonAsSeen(view.result));
}

/** Waits until a task is done, telling every new state. */
async function followTask(daemon: DaemonCalls, taskId: string, onState: (state: string) => void): Promise<TaskView> {
  let last = "";
  for (;;) {
    const view = await daemon.call("status.fetch", { id: taskId, waitMs: last === "" ? 0 : STATUS_WAIT_MAX_MS });
    if (view.kind !== "task") throw new GaggleError("NOT_FOUND", "That id is not a task's.");
    if (view.state !== last) onState(view.state);
    last = view.state;
    if (TERMINAL_STATES.has(view.state)) return view;
  }
}

/** `gaggle status <id>`: a task, an approval or a session. */
export async function showRecord(daemon: DaemonCalls, out: Output, id: string): Promise<void> {
  const view = await daemon.call("status.fetch", { id });
  out.result(view);
  if (view.kind === "session") {
    for (const item of [...view.tasks, ...view.approvals]) printItem(out, item);
    return;
  }
  printItem(out, view);
  for (const entry of view.history)
    out.line(`  ${paint.dim(entry.at)} ${entry.state}${entry.note === undefined ? "" : ` · ${asSeen(entry.note)}`}`);
}

/** `gaggle inbox`: what waits for this person, or one item in full. */
export async function showInbox(daemon: DaemonCalls, out: Output, options: { id?: string; all: boolean }): Promise<void> {
  if (options.id !== undefined) {
    const item = await daemon.call("inbox.read", { id: options.id });
    out.result(item);
    printItem(out, item);
    if (item.kind === "task") out.line(jsonAsSeen({ task: item.task, context: item.context, answers: item.answers }));
    if (item.kind === "approval") out.line(jsonAsSeen(item.payload));
    return;
  }
  const { items } = await daemon.call("inbox.list", { waiting: !options.all });
  out.result(items);
  if (items.length === 0) out.line("Nothing waits for you.");
  for (const item of items) printItem(out, item);
}

/** One line about a task, an approval or a notification. */
function printItem(out: Output, item: InboxItem | TaskView | ApprovalView): void {
  const who = `${item.peer.subject} (${item.peer.role})`;
  if (item.kind === "task")
    out.line(
      `${item.taskId}  ${paint.strong(item.state)}  task ${item.side === "asker" ? "for" : "from"} ${who}: ${item.skill ?? asSeen(item.task)}`,
    );
  else if (item.kind === "approval") {
    const verb = item.side === "requester" ? "asked of" : "asked by";
    out.line(`${item.approvalId}  ${paint.strong(item.state)}  approval ${verb} ${who}; payload sha256 ${item.payloadHash.slice(0, 16)}…`);
  } else out.line(`${item.id}  ${item.severity}  ${who}: ${asSeen(item.message)}`);
}

/** `gaggle outbox` and `gaggle dead`: messages on their way, and those that could not be delivered. */
export async function showOutbox(daemon: DaemonCalls, out: Output, which: "outbox.list" | "dead.list"): Promise<void> {
  const { items } = await daemon.call(which, {});
  out.result(items);
  if (items.length === 0) return out.line(which === "outbox.list" ? "Everything has been delivered." : "There are no dead letters.");
  const rows = items.map((item) => [item.id, item.type, item.priority, item.to, String(item.attempts), asSeen(item.lastError ?? "")]);
  for (const line of table(["message", "type", "priority", "to", "attempts", "last error"], rows)) out.line(line);
  if (which === "dead.list") out.line("Send one again: gaggle dead retry <message>");
}
