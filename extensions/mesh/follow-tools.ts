/** Tools that follow what was asked: fetch_status, cancel_task, answer_task. */
import { z } from "zod";
import type { DaemonResult } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { STATUS_WAIT_MAX_MS } from "../../mesh/contract/limits.ts";
import type { DaemonLink } from "../daemon-link.ts";
import { defineTool, type Tool } from "../define-tool.ts";
import { approvalOutput, sessionOutput, taskOutput } from "./schemas.ts";
import { saySession, showSession } from "./show-session.ts";
import { sayApproval, sayTask, showApproval, showTask } from "./show.ts";

const statusOutput = z.object({
  kind: z.enum(["task", "approval", "session"]),
  ...taskOutput.omit({ kind: true }).partial().shape,
  ...approvalOutput.omit({ kind: true, side: true }).partial().shape,
  side: z.enum(["asker", "worker", "requester", "approver"]).optional(),
  sessionId: z.string().optional(),
  /** The session that a task belongs to, or a session of several agents itself. */
  session: z.union([sessionOutput, taskOutput.shape.session.unwrap()]).optional(),
  tasks: z.array(taskOutput).optional(),
  approvals: z.array(approvalOutput).optional(),
});

type Status = DaemonResult<"status.fetch">;

function showStatus(status: Status): z.infer<typeof statusOutput> {
  if (status.kind === "task") return showTask(status);
  if (status.kind === "approval") return showApproval(status);
  const shared = status.session === undefined ? {} : { session: showSession(status.session) };
  return {
    kind: "session",
    sessionId: status.sessionId,
    ...shared,
    tasks: status.tasks.map(showTask),
    approvals: status.approvals.map(showApproval),
  };
}

function sayStatus(status: Status): string {
  if (status.kind === "task") return sayTask(status);
  if (status.kind === "approval") return sayApproval(status);
  const shared = status.session === undefined ? [] : [saySession(status.session)];
  const lines = [...shared, ...status.tasks.map(sayTask), ...status.approvals.map(sayApproval)];
  return lines.length === 0 ? "This session has asked nothing of colleagues." : lines.join("\n");
}

const fetchStatus = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "fetch_status",
    title: "See how a task or an approval stands",
    description:
      "Tells the state of a task or an approval, how far it got and, once it is there, its result or decision. Give its id; with no id, all that this " +
      "chat has asked; with a session's id, how the session and all its tasks stand. " +
      "With waitSeconds it answers at the next change, or when the time is up: use 20 when there is nothing else to do, and ask again while finished is false.",
    input: z.strictObject({
      id: z.string().min(1).max(200).optional().describe("A taskId, an approvalId or a session's id"),
      taskId: z.string().min(1).max(200).optional().describe("The same as id"),
      approvalId: z.string().min(1).max(200).optional().describe("The same as id"),
      sessionId: z.string().min(1).max(200).optional().describe("All tasks and approvals of a session"),
      waitSeconds: z
        .number()
        .min(0)
        .max(STATUS_WAIT_MAX_MS / 1_000)
        .optional()
        .describe("How long to wait for a change, at most 20; 0 where left out"),
    }),
    output: statusOutput,
    readOnly: true,
    async run(input, call) {
      const id = input.id ?? input.taskId ?? input.approvalId ?? input.sessionId ?? call.sessionId;
      if (id === undefined) throw new GaggleError("INVALID_INPUT", "Give the id that send_task or request_approval answered with.");
      const status = await daemon.call(
        "status.fetch",
        { id, waitMs: Math.round((input.waitSeconds ?? 0) * 1_000) },
        { signal: call.signal },
      );
      return { structured: showStatus(status), text: sayStatus(status) };
    },
  });

const cancelTask = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "cancel_task",
    title: "Take back a task",
    description:
      "Tells the colleague's agent that a task which you sent is no longer wanted. A task that ended before stays as it is. Answers with the task's state.",
    input: z.strictObject({
      taskId: z.string().describe("From send_task"),
      reason: z.string().max(1_000).optional().describe("Why, for the colleague"),
    }),
    output: taskOutput,
    readOnly: false,
    destructive: true,
    async run({ taskId, reason }, call) {
      const view = await daemon.call("task.cancel", { taskId, reason }, { signal: call.signal });
      return { structured: showTask(view), text: sayTask(view) };
    },
  });

const answerTask = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "answer_task",
    title: "Answer a question about a task",
    description:
      "Answers the question of a task that you sent and that is INPUT_REQUIRED; the question is in its message (fetch_status shows it). " +
      "The colleague's agent then goes on. Answers with the task's state.",
    input: z.strictObject({
      taskId: z.string().describe("From send_task"),
      answer: z.string().min(1).max(20_000).describe("The answer, in plain words"),
    }),
    output: taskOutput,
    readOnly: false,
    async run({ taskId, answer }, call) {
      const view = await daemon.call("task.answer", { taskId, answer }, { signal: call.signal });
      return { structured: showTask(view), text: sayTask(view) };
    },
  });

/** Makes the tools that follow what was asked. */
export const followTools = (daemon: DaemonLink): readonly Tool[] => [fetchStatus(daemon), cancelTask(daemon), answerTask(daemon)];
