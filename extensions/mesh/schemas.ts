/** Shapes that several tools of `mesh` share. Source: spec M3; mesh/contract/daemon-api.ts. */
import { z } from "zod";
import type { Part } from "../../mesh/contract/part.ts";
import type { JsonObject } from "../../mesh/contract/json.ts";

/** A JSON object of any shape. Arguments come out of JSON, so `unknown` can't be more than JSON here; a recursive schema would confuse models. */
export const anyObject = z.record(z.string(), z.unknown()) as z.ZodType as z.ZodType<JsonObject>;

const aboutPart = { mediaType: z.string().max(200).optional(), filename: z.string().max(400).optional() };

/** More inputs or results as A2A's parts; bytes go as attachments. */
export const partsInput = z
  .array(
    z.union([
      z.strictObject({ text: z.string().max(400_000), ...aboutPart }),
      z.strictObject({ url: z.string().min(1).max(4_096), ...aboutPart }),
      z.strictObject({ data: z.unknown(), ...aboutPart }),
    ]),
  )
  .max(64)
  .optional()
  .describe(
    'More of it, each a text, a url or JSON data, for example [{"data": {"rows": 12}, "mediaType": "application/json"}]',
  ) as z.ZodType as z.ZodType<Part[] | undefined>;

/** Whom to ask, as arguments. */
export const targetInput = {
  targetRole: z.string().max(64).optional().describe("Role to ask, for example finance, legal or executive"),
  agentId: z.string().max(64).optional().describe("One certain agent, from list_agents"),
};

/** The key under which a mutating call happens once. */
export const idempotencyKeyInput = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .describe("Calls with the same key happen once. Give one where a step may be repeated; otherwise leave it out");

/** The other side of a task, an approval or a notification. */
export const peerOutput = z.object({ agentId: z.string(), subject: z.string(), role: z.string(), department: z.string() });

const history = z.array(z.object({ at: z.string(), state: z.string(), note: z.string().optional() }));

/** A task as tools show it. `finished`: it will not change any more. */
export const taskOutput = z.object({
  kind: z.literal("task"),
  taskId: z.string(),
  side: z.enum(["asker", "worker"]),
  peer: peerOutput,
  state: z.string(),
  finished: z.boolean(),
  delivery: z.string().optional(),
  skill: z.string().optional(),
  result: z.unknown().optional(),
  resultParts: z.array(z.unknown()).optional(),
  message: z.string().optional(),
  progress: z.object({ note: z.string(), fraction: z.number().optional(), at: z.string() }).optional(),
  session: z.object({ id: z.string(), shards: z.array(z.object({ id: z.string(), version: z.int() })) }).optional(),
  /** Why it went to whom it went. */
  route: z.object({ because: z.string(), notChosen: z.array(z.object({ subject: z.string(), because: z.string() })) }).optional(),
  /** There where it was asked of several: what became of each. */
  children: z.array(z.object({ taskId: z.string(), subject: z.string(), state: z.string(), message: z.string().optional() })).optional(),
  updatedAt: z.string(),
});

/** An approval as tools show it. */
export const approvalOutput = z.object({
  kind: z.literal("approval"),
  approvalId: z.string(),
  side: z.enum(["requester", "approver"]),
  peer: peerOutput,
  state: z.string(),
  finished: z.boolean(),
  delivery: z.string().optional(),
  payloadHash: z.string(),
  approver: z.object({ subject: z.string(), role: z.string() }).optional(),
  reason: z.string().optional(),
  decision: z.string().optional(),
  stepId: z.string().optional(),
  /** So many different people have to approve; there where it is more than one. */
  quorum: z.int().optional(),
  /** From then on no decision counts. */
  deadline: z.string().optional(),
  /** Everybody who was asked, when and why, where it is more than one. */
  asked: z
    .array(
      z.object({ subject: z.string(), role: z.string(), at: z.string(), because: z.string(), delivery: z.string(), approved: z.boolean() }),
    )
    .optional(),
  updatedAt: z.string(),
});

/** A message to a person. */
export const notificationOutput = z.object({
  kind: z.literal("notification"),
  id: z.string(),
  peer: peerOutput,
  message: z.string(),
  severity: z.string(),
  createdAt: z.string(),
});

const counts = z.record(z.string(), z.int());

/** A session of several agents as tools show it. */
export const sessionOutput = z.object({
  sessionId: z.string(),
  state: z.string(),
  mine: z.string(),
  participation: z.string(),
  owner: z.string(),
  purpose: z.string(),
  scope: z.object({ skills: z.array(z.string()).optional(), classes: z.array(z.string()).optional() }),
  expiresAt: z.string(),
  participants: z.array(
    z.object({ agentId: z.string(), subject: z.string(), role: z.string(), state: z.string(), shards: z.array(z.string()).optional() }),
  ),
  shards: z.array(
    z.object({
      id: z.string(),
      version: z.int(),
      title: z.string(),
      classes: z.array(z.string()),
      visibility: z.object({
        roles: z.array(z.string()).optional(),
        departments: z.array(z.string()).optional(),
        participants: z.array(z.string()).optional(),
      }),
      body: z.unknown().optional(),
    }),
  ),
  handingTo: z.string().optional(),
  offered: z.boolean(),
  totals: z.object({
    tasks: counts,
    openQuestions: z.int(),
    approvalsPending: z.int(),
    spent: z.object({ tokens: z.int(), usd: z.string() }),
    agents: z.int(),
  }),
});

/** Everything about a task, what was asked included. */
export const taskDetail = taskOutput.extend({
  task: z.string(),
  context: z.record(z.string(), z.unknown()),
  parts: z.array(z.unknown()).optional(),
  resultSchema: z.record(z.string(), z.unknown()).optional(),
  answers: z.array(z.object({ question: z.string(), answer: z.string() })).optional(),
  createdAt: z.string(),
  history,
});
/** Everything about an approval, what is to be approved included. */
export const approvalDetail = approvalOutput.extend({ payload: z.unknown(), createdAt: z.string(), history });
