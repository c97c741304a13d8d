/** Tools that ask something of colleagues: send_task, request_approval, notify. */
import { z } from "zod";
import type { Fanout, Target } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { DaemonLink } from "../daemon-link.ts";
import { defineTool, type Tool } from "../define-tool.ts";
import { attach, attachmentsInput } from "./attach.ts";
import { anyObject, idempotencyKeyInput, partsInput, targetInput } from "./schemas.ts";

/** Names of roles, skills and agents; the daemon checks them again. */
interface TargetArguments {
  readonly targetRole?: string | undefined;
  readonly agentId?: string | undefined;
  readonly skill?: string | undefined;
  readonly department?: string | undefined;
  readonly fanout?: { readonly mode: Fanout["mode"]; readonly n?: number | undefined } | undefined;
}

function targetOf({ targetRole, agentId, skill, department, fanout }: TargetArguments): Target {
  if (targetRole === undefined && agentId === undefined && skill === undefined && department === undefined) {
    throw new GaggleError("INVALID_INPUT", "Say whom to ask: give targetRole, agentId or skill. list_agents and list_skills show them.");
  }
  return {
    ...(targetRole === undefined ? {} : { targetRole }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(skill === undefined ? {} : { skill }),
    ...(department === undefined ? {} : { department }),
    ...(fanout === undefined ? {} : { fanout: { mode: fanout.mode, ...(fanout.n === undefined ? {} : { n: fanout.n }) } }),
  };
}

const fanoutInput = z
  .strictObject({
    mode: z.enum(["one", "all", "any", "quorum"]).describe("any: the first to accept has it; quorum: until n have completed"),
    n: z.int().min(1).max(100).optional().describe("With quorum: how many"),
  })
  .optional()
  .describe("Asks everybody who fits and may be asked; left out, the best one is asked");

const skillInput = z
  .string()
  .max(64)
  .optional()
  .describe("Name of a skill, from list_skills. With it the colleague's agent can work unattended");

const sendTask = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "send_task",
    title: "Send a task to a colleague's agent",
    description:
      "Asks another agent of the organisation to do something. Use it when the work needs another department's data or responsibility. " +
      "Answers at once with a taskId; the result comes later: ask fetch_status with that id. " +
      "Name a targetRole, an agentId or a skill. With a skill the other agent may work by itself; without one a person decides.",
    input: z.strictObject({
      ...targetInput,
      skill: skillInput,
      department: z.string().max(64).optional().describe("Only agents of this department"),
      fanout: fanoutInput,
      task: z.string().min(1).max(20_000).describe("What to do, in plain words"),
      context: anyObject.optional().describe('Facts that the task needs, as JSON, for example {"period": "2026-10"}'),
      policyHints: anyObject.optional().describe("Hints for policy, as JSON; seldom needed"),
      priority: z.enum(["P0", "P1", "P2", "P3"]).optional().describe("P0 is most urgent; P2 where left out"),
      startAt: z.iso
        .datetime({ offset: true })
        .optional()
        .describe("Not before then, for example 2026-11-02T08:00:00+01:00; it is delivered at once"),
      expiresAt: z.iso
        .datetime({ offset: true })
        .optional()
        .describe("Ends as FAILED where nobody has begun by then; at most 14 days ahead"),
      parts: partsInput,
      attachments: attachmentsInput,
      stepId: z.string().max(200).optional().describe("Your own name of the step that needs this"),
      inSession: z.string().optional().describe("Id of a session with the receiver: the task then refers to the context shared in it"),
      shards: z
        .array(z.string().max(64))
        .max(64)
        .optional()
        .describe("With inSession: the shards it is about; all that the receiver may see where left out"),
      resultSchema: anyObject.optional().describe("JSON Schema that the result has to fit; a result in another form fails the task"),
      idempotencyKey: idempotencyKeyInput,
    }),
    output: z.object({
      taskId: z.string(),
      agentId: z.string(),
      state: z.string(),
      children: z.array(z.object({ taskId: z.string(), agentId: z.string() })).optional(),
    }),
    readOnly: false,
    async run(input, call) {
      const { targetRole, agentId, skill, department, fanout, idempotencyKey, attachments = [], ...rest } = input;
      const files = await attach(daemon, attachments, call.workingDir);
      const sent = await daemon.call(
        "task.send",
        {
          ...rest,
          ...files,
          target: targetOf({ targetRole, agentId, skill, department, fanout }),
          sessionId: call.sessionId,
          idempotencyKey: idempotencyKey ?? call.defaultIdempotencyKey,
        },
        { signal: call.signal },
      );
      return { structured: sent, text: `Task ${sent.taskId} is ${sent.state}. Ask fetch_status for its result.` };
    },
  });

const requestApproval = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "request_approval",
    title: "Ask a person for a signed approval",
    description:
      "Asks a person who may approve (by role or agent) for a signed decision on exactly this payload. Use it before a step that needs consent. " +
      "Answers at once with an approvalId; a person decides later: ask fetch_status with that id until the state is APPROVED, REJECTED, EXPIRED or FAILED.",
    input: z.strictObject({
      ...targetInput,
      stepId: z.string().min(1).max(200).describe("Name of the step that waits for this, for example approve-close"),
      payload: anyObject.describe("What is to be approved, complete and readable for a person. The signature covers exactly this"),
      quorum: z
        .int()
        .min(1)
        .max(8)
        .optional()
        .describe("So many different people have to approve (default 1); everybody of the role is asked"),
      deadline: z
        .string()
        .max(40)
        .optional()
        .describe("From then on no decision counts, ISO 8601 with an offset, for example 2026-11-02T17:00:00+01:00"),
      escalate: z
        .boolean()
        .optional()
        .describe("Ask managers, up the org chart, where those asked are away or take too long. Needs a deadline"),
      sessionId: z.string().max(200).optional().describe("Session that this belongs to; this chat's where left out"),
      idempotencyKey: idempotencyKeyInput,
    }),
    output: z.object({
      approvalId: z.string(),
      agentId: z.string(),
      payloadHash: z.string(),
      asked: z.array(z.object({ subject: z.string(), role: z.string() })).optional(),
    }),
    readOnly: false,
    async run({ targetRole, agentId, sessionId, idempotencyKey, ...request }, call) {
      const asked = await daemon.call(
        "approval.request",
        {
          ...request,
          target: targetOf({ targetRole, agentId }),
          sessionId: sessionId ?? call.sessionId,
          idempotencyKey: idempotencyKey ?? call.defaultIdempotencyKey,
        },
        { signal: call.signal },
      );
      return { structured: asked, text: `Approval ${asked.approvalId} was asked for. A person decides; ask fetch_status with this id.` };
    },
  });

const notify = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "notify",
    title: "Tell a colleague something",
    description:
      "Leaves a message for a person in the organisation; nobody has to answer. Use it to inform, send_task to get work done. " +
      "Answers with the message's id and whether it was stored on the other machine already.",
    input: z.strictObject({
      ...targetInput,
      skill: skillInput,
      message: z.string().min(1).max(4_000).describe("What to say"),
      severity: z.enum(["info", "warning", "critical"]).optional().describe("info where left out"),
      idempotencyKey: idempotencyKeyInput,
    }),
    output: z.object({ id: z.string(), agentId: z.string(), delivery: z.string() }),
    readOnly: false,
    async run({ targetRole, agentId, skill, message, severity, idempotencyKey }, call) {
      const told = await daemon.call(
        "notify",
        {
          target: targetOf({ targetRole, agentId, skill }),
          message,
          severity,
          idempotencyKey: idempotencyKey ?? call.defaultIdempotencyKey,
        },
        { signal: call.signal },
      );
      return { structured: told, text: `The message is ${told.delivery === "stored" ? "delivered" : "on its way"} (id ${told.id}).` };
    },
  });

/** Makes the tools that ask something of colleagues. */
export const askTools = (daemon: DaemonLink): readonly Tool[] => [sendTask(daemon), requestApproval(daemon), notify(daemon)];
