/** Turns what the daemon answers into what tools show: compact data and a sentence. */
import type { z } from "zod";
import type { ApprovalView, InboxItem, TaskView } from "../../mesh/contract/daemon-api.ts";
import type { approvalDetail, approvalOutput, notificationOutput, taskDetail, taskOutput } from "./schemas.ts";

type Shown<T extends z.ZodType> = z.infer<T>;

/** States of tasks and approvals after which nothing changes. */
const FINAL = new Set(["COMPLETED", "FAILED", "CANCELED", "REJECTED", "APPROVED", "EXPIRED", "ENDED"]);

/** Whether a state is one that a task or approval never leaves. */
export const isFinished = (state: string): boolean => FINAL.has(state);

/** A task without what was asked. */
export function showTask(view: TaskView): Shown<typeof taskOutput> {
  const { kind, taskId, side, peer, state, delivery, skill, result, message, updatedAt } = view;
  const route = view.route && {
    because: view.route.because,
    notChosen: view.route.notChosen.map(({ subject, because }) => ({ subject, because })),
  };
  const children = view.group?.children.map((child) => ({
    taskId: child.taskId,
    subject: child.peer.subject,
    state: child.state,
    message: child.message,
  }));
  const { resultParts, session } = view;
  const progress = view.progress && { note: view.progress.note, fraction: view.progress.fraction, at: view.progress.at };
  const how = { state, finished: isFinished(state), delivery, progress };
  return { kind, taskId, side, peer, ...how, skill, result, resultParts, message, session, route, children, updatedAt };
}

/** A task with what was asked and its history. */
export const showTaskDetail = (view: TaskView): Shown<typeof taskDetail> => ({
  ...showTask(view),
  task: view.task,
  context: view.context,
  parts: view.parts,
  resultSchema: view.resultSchema,
  answers: view.answers,
  createdAt: view.createdAt,
  history: view.history,
});

/** An approval without its payload. */
export function showApproval(view: ApprovalView): Shown<typeof approvalOutput> {
  const { kind, approvalId, side, peer, state, delivery, payloadHash, approver, reason, decision, stepId, updatedAt } = view;
  const { quorum, deadline } = view;
  const asked = view.asked?.map(({ to, at, because, ...one }) => {
    const { subject, role } = to;
    return { subject, role, at, because, delivery: one.delivery, approved: one.decision !== undefined };
  });
  const how = { state, finished: isFinished(state), delivery, quorum, deadline, asked };
  return { kind, approvalId, side, peer, ...how, payloadHash, approver, reason, decision, stepId, updatedAt };
}

/** An approval with its payload and history. */
export const showApprovalDetail = (view: ApprovalView): Shown<typeof approvalDetail> => ({
  ...showApproval(view),
  payload: view.payload,
  createdAt: view.createdAt,
  history: view.history,
});

/** A short form of anything in the inbox. */
export function showItem(item: InboxItem): Shown<typeof taskOutput> | Shown<typeof approvalOutput> | Shown<typeof notificationOutput> {
  if (item.kind === "task") return showTask(item);
  return item.kind === "approval" ? showApproval(item) : item;
}

/** Everything about anything in the inbox. */
export function showItemDetail(
  item: InboxItem,
): Shown<typeof taskDetail> | Shown<typeof approvalDetail> | Shown<typeof notificationOutput> {
  if (item.kind === "task") return showTaskDetail(item);
  return item.kind === "approval" ? showApprovalDetail(item) : item;
}

/** One sentence on a task. */
export function sayTask(view: TaskView): string {
  const waiting =
    view.delivery === "queued"
      ? " It has not reached the colleague's machine yet."
      : view.delivery === "deposited"
        ? " The colleague's machine is off; it waits for it, sealed, on the bootstrap node."
        : "";
  const lost = view.delivery === "dead" ? " It could not be delivered." : "";
  const whose =
    view.side === "asker" ? `with ${view.peer.subject} (${view.peer.role})` : `asked by ${view.peer.subject} (${view.peer.role})`;
  const word = view.progress === undefined ? "" : ` It says: ${view.progress.note}`;
  return `Task ${view.taskId} ${whose} is ${view.state}.${waiting}${lost}${word}`;
}

const votesOf = (asked: NonNullable<ApprovalView["asked"]>): number => asked.filter(({ decision }) => decision !== undefined).length;

/** One sentence on an approval, and more where several were asked or time presses. */
export function sayApproval(view: ApprovalView): string {
  const by = view.approver === undefined ? "" : ` by ${view.approver.subject} (${view.approver.role})`;
  const whose =
    view.side === "requester" ? `asked of ${view.peer.subject} (${view.peer.role})` : `asked by ${view.peer.subject} (${view.peer.role})`;
  const { quorum, deadline, asked = [], state } = view;
  const votes =
    quorum === undefined ? "" : ` It needs ${quorum} different people${view.side === "requester" ? `; ${votesOf(asked)} approved` : ""}.`;
  const until = deadline === undefined || state !== "PENDING" ? "" : ` Decisions count until ${deadline}.`;
  const others = asked
    .filter(({ because }) => because !== "asked")
    .map(({ to, because }) => ` ${because}, so ${to.subject} (${to.role}) was asked.`);
  const why = state === "EXPIRED" || state === "FAILED" ? ` ${view.reason ?? ""}`.trimEnd() : "";
  return `Approval ${view.approvalId} ${whose} is ${state}${by}.${why}${votes}${until}${others.join("")}`;
}

/** One sentence on anything in the inbox. */
export function sayItem(item: InboxItem): string {
  if (item.kind === "task") return sayTask(item);
  return item.kind === "approval" ? sayApproval(item) : `A message of ${item.peer.subject} (${item.severity}), id ${item.id}.`;
}
