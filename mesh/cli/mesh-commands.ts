/** Commands that ask the daemon: status, peers, send, inbox, outbox, dead letters. */
import type { ApprovalView, DaemonMethod, DaemonParams, DaemonResult, InboxItem, TaskView } from "../contract/daemon-api.ts";
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
export function printItem(out: Output, item: InboxItem | TaskView | ApprovalView): void {
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
