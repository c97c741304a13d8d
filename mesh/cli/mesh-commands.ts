/** Commands that ask the daemon: status, peers, send, inbox. */
import type { ApprovalView, DaemonMethod, DaemonParams, DaemonResult, InboxItem, TaskView } from "../contract/daemon-api.ts";
import { TERMINAL_STATES } from "../contract/message.ts";
import { termWords } from "./approval-words.ts";
import { asSeen, bytes, duration, jsonAsSeen, type Output, paint } from "./output.ts";

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
    ["profile bundle", `version ${status.bundleVersion}, ${left(status.bundleExpiresAt)}${newerWords(status.bundleRefused)}`],
    ["membership", left(status.credentialExpiresAt)],
    ["bootstrap node", `${status.bootstrap.url} ${nodeWords(status.bootstrap)}`],
    ["peers", `${status.peersConnected} connected; listening on ${status.listening.join(", ") || "nothing"}`],
    ["guard", status.gatewayUrl],
    [
      "inbox",
      `${status.inbox.waiting} waiting${status.busy?.inbox.full === true ? `, ${paint.warn("full: new work is told to come later")}` : ""}`,
    ],
    ["outbox", `${status.outbox.queued} queued, ${status.outbox.dead} dead${recipients(status.busy)}`],
    ["audit", `${status.audit.seq} events, ${status.audit.seq - status.audit.shipped} not yet collected${alarmWords(status.audit.alarms)}`],
  ];
  for (const [name, value] of rows) out.line(`  ${(name ?? "").padEnd(15)} ${value}`);
}

function nodeWords({ reachable, asked = true, refused }: DaemonResult<"daemon.status">["bootstrap"]): string {
  if (refused !== undefined) return paint.bad(`refuses this agent (${refused}); see gaggle doctor`);
  if (!asked) return paint.dim("not asked yet");
  return reachable ? paint.good("reachable") : paint.warn("not reachable; work with known colleagues goes on");
}

const newerWords = (refused: string | undefined): string =>
  refused === undefined ? "" : paint.bad("; a newer one was refused: update Gaggle on this machine");

const alarmWords = (alarms = 0): string =>
  alarms === 0 ? "" : paint.bad(`; ${alarms} against the bootstrap node, see gaggle audit alarms`);

/** Recipients for whom something waits, in words. */
function recipients(busy: DaemonResult<"daemon.status">["busy"]): string {
  if (busy === undefined || busy.recipients + busy.away === 0) return "";
  return `; waits for ${busy.away} away and ${busy.recipients} busy`;
}

/** `gaggle inbox`: what waits for this person, or one item in full. */
export async function showInbox(daemon: DaemonCalls, out: Output, options: { id?: string; all: boolean }): Promise<void> {
  if (options.id !== undefined) {
    const item = await daemon.call("inbox.read", { id: options.id });
    out.result(item);
    printItem(out, item);
    if (item.kind === "task") out.line(jsonAsSeen({ task: item.task, context: item.context, answers: item.answers }));
    if (item.kind === "approval") out.line(jsonAsSeen(item.payload));
    for (const line of nextSteps(item)) out.line(paint.dim(line));
    return;
  }
  const { items } = await daemon.call("inbox.list", { waiting: !options.all });
  out.result(items);
  if (items.length === 0) out.line("Nothing waits for you.");
  for (const item of items) printItem(out, item);
  if (items.length > 0) out.line(paint.dim("One in full, and what you can do: gaggle inbox <id>"));
}

/** What a person can do about an item that waits for them. */
function nextSteps(item: InboxItem): readonly string[] {
  if (item.kind === "task" && item.side === "worker" && !TERMINAL_STATES.has(item.state))
    return [
      `End it with its result:  gaggle inbox complete ${item.taskId} --result '{"text":"…"}'`,
      "Or in Goose: accept_task, update_progress, ask_back, complete_task, reject_task.",
    ];
  if (item.kind === "approval" && item.side === "approver" && item.state === "PENDING")
    return [`Decide:  gaggle approve ${item.approvalId}  or  gaggle reject ${item.approvalId}`];
  return [];
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
    out.line(
      `${item.approvalId}  ${paint.strong(item.state)}  approval ${verb} ${who}; payload sha256 ${item.payloadHash.slice(0, 16)}…${termWords(item)}`,
    );
  } else out.line(`${item.id}  ${item.severity}  ${who}: ${asSeen(item.message)}`);
}
