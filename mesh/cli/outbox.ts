/** Commands about messages on their way and those that could not be delivered: look, take back, send again. */
import type { OutboxItem } from "../contract/daemon-api.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import { asSeen, duration, type Output, table } from "./output.ts";

/** What a message is, in a word. */
const WORDS: Readonly<Record<string, string>> = {
  "task.request": "task",
  "task.update": "state of a task",
  "task.progress": "progress",
  "task.answer": "answer",
  "task.cancel": "cancel",
  "task.read": "read receipt",
  "approval.request": "approval asked for",
  "approval.decision": "decision",
  "approval.end": "end of an approval",
  notification: "notification",
  "pseudonym.key": "key",
};

const tries = (count: number): string => (count === 0 ? "not tried yet" : count === 1 ? "tried once" : `tried ${count} times`);

/** How a waiting message stands. */
function waits({ attempts, lastError, nextAttemptAt, depositedAt }: OutboxItem, nowMs: number): string {
  const next = nextAttemptAt === undefined ? undefined : Date.parse(nextAttemptAt) - nowMs;
  return [
    tries(attempts) + (lastError === undefined ? "" : ` (${asSeen(lastError)})`),
    ...(next === undefined || next <= 0 ? [] : [`again in ${duration(next)}`]),
    ...(depositedAt === undefined ? [] : ["also waits, sealed, on the bootstrap node"]),
  ].join(", ");
}

/** Names of the recipients by agent id, as far as they are known. */
async function namesOf(daemon: DaemonCalls): Promise<(agentId: string) => string> {
  const { agents } = await daemon.call("directory.agents", {});
  const names = new Map(agents.map(({ agentId, subject, role }) => [agentId, `${subject} (${role})`]));
  return (agentId) => names.get(agentId) ?? agentId;
}

const more = (shown: number, total: number): string[] => (total > shown ? [`… and ${total - shown} more.`] : []);

/** `gaggle outbox`: messages on their way. */
export async function showOutbox(daemon: DaemonCalls, out: Output, nowMs: number): Promise<void> {
  const { items, total } = await daemon.call("outbox.list", {});
  out.result(items);
  if (items.length === 0) return out.line("Everything has been delivered.");
  const nameOf = await namesOf(daemon);
  const rows = items.map((item) => [
    item.id,
    WORDS[item.type] ?? item.type,
    item.priority,
    nameOf(item.to),
    duration(Math.max(0, nowMs - Date.parse(item.createdAt))),
    waits(item, nowMs),
  ]);
  for (const line of table(["message", "what", "priority", "to", "since", ""], rows)) out.line(line);
  for (const line of more(items.length, total)) out.line(line);
  out.line("Take a task or notification back: gaggle outbox cancel <message>");
}

/** `gaggle dead`: messages that could not be delivered. */
export async function showDead(daemon: DaemonCalls, out: Output): Promise<void> {
  const { items, total } = await daemon.call("dead.list", {});
  out.result(items);
  if (items.length === 0) return out.line("There are no dead letters.");
  const nameOf = await namesOf(daemon);
  const rows = items.map((item) => [
    item.id,
    WORDS[item.type] ?? item.type,
    nameOf(item.to),
    tries(item.attempts),
    asSeen(item.lastError ?? ""),
  ]);
  for (const line of table(["message", "what", "to", "", "reason"], rows)) out.line(line);
  for (const line of more(items.length, total)) out.line(line);
  out.line("Send one again: gaggle dead retry <message>, or all: gaggle dead retry --all");
}

/** `gaggle outbox cancel`: takes a message back, or has its task canceled where it may have arrived. */
export async function cancelMessage(daemon: DaemonCalls, out: Output, id: string): Promise<void> {
  const answer = await daemon.call("outbox.cancel", { id });
  out.result(answer);
  out.line(
    answer.withdrawn
      ? "It was taken back; nobody has seen it."
      : "It may have arrived already, so its receiver is asked to cancel the task.",
  );
}

/** `gaggle dead retry`: sends one dead letter again, or all that may be. */
export async function retryDead(daemon: DaemonCalls, out: Output, id: string | undefined): Promise<void> {
  if (id !== undefined) {
    out.result(await daemon.call("dead.retry", { id }));
    return out.line("It is on its way again.");
  }
  const { sent, kept } = await daemon.call("dead.retryAll", {});
  out.result({ sent, kept });
  out.line(
    `${sent} on their way again${kept === 0 ? "." : `; ${kept} stay, since their work has ended or the policy does not allow them any more.`}`,
  );
}
