/** A session of several agents in words. */
import type { SessionView } from "../contract/session.ts";
import { asSeen, paint, table } from "./output.ts";

/** All that is to say about a session, line by line. */
export function sessionWords(view: SessionView): string[] {
  const { sessionId, state, mine, participation, owner, participants, shards, handingTo, offered, totals } = view;
  const tasks = Object.entries(totals.tasks).map(([name, count]) => `${count} ${name}`);
  const used = `${totals.spent.tokens} tokens${totals.spent.usd === "0" ? "" : `, ${totals.spent.usd} USD`}`;
  const people = participants.map(({ subject, role, state: stands, shards: has = [] }) => [
    subject,
    role,
    stands,
    has.map(({ id, version, delivery }) => `${id}@${version}${delivery === "stored" ? "" : ` (${delivery})`}`).join(", "),
  ]);
  const shared = shards.map(({ id, version, title, classes, bytes }) => [
    `${id}@${version}`,
    asSeen(title),
    classes.join(", "),
    `${bytes} B`,
  ]);
  return [
    `${sessionId}  ${paint.strong(state)}  ${asSeen(view.purpose)}`,
    `  owner      ${owner.subject} (${owner.role})${mine === "owner" ? ", you" : ""}`,
    ...(mine === "owner" ? [] : [`  you        ${participation}`]),
    `  until      ${new Date(view.expiresAt).toLocaleString()}`,
    ...(handingTo === undefined ? [] : [`  offered to ${handingTo.subject}, who has not answered yet; nothing changes until then`]),
    ...(offered ? [`  offered to you: gaggle session accept ${sessionId}, or decline`] : []),
    `  tasks      ${tasks.join(", ") || "none"}; ${totals.openQuestions} open questions, ${totals.approvalsPending} approvals pending; ${used}`,
    ...(people.length === 0 ? [] : table(["participant", "role", "state", "has"], people).map((line) => `  ${line}`)),
    ...(shared.length === 0 ? [] : table(["shard", "title", "classes", "size"], shared).map((line) => `  ${line}`)),
  ];
}
