/** The tools of the MCP server `policy`: whoami, check. */
import { z } from "zod";
import { policyAction } from "../../mesh/contract/bundle.ts";
import type { DaemonResult } from "../../mesh/contract/daemon-api.ts";
import type { DaemonLink } from "../daemon-link.ts";
import { defineTool, type Tool } from "../define-tool.ts";

const whoami = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "whoami",
    title: "Who this agent is",
    description:
      "Tells whose agent this is: person, role, department, organisation, how independently it may act (0 suggests, 3 acts alone within policy), " +
      "its skills and allowed tools. Use it before acting for the person in the organisation.",
    input: z.strictObject({}),
    output: z.object({
      agentId: z.string(),
      subject: z.string(),
      role: z.string(),
      department: z.string(),
      title: z.string(),
      level: z.int().min(0).max(3),
      org: z.string(),
      orgName: z.string(),
      bundleVersion: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
      policyHash: z.string(),
      skills: z.array(z.string()),
      extensions: z.array(z.object({ name: z.string(), tools: z.array(z.string()) })),
    }),
    readOnly: true,
    async run(_input, call) {
      const me = await daemon.call("policy.whoami", {}, { signal: call.signal });
      const text = `This is the agent of ${me.subject}, ${me.title} (${me.role}, ${me.department}) at ${me.orgName}; autonomy level ${me.level}.`;
      return { structured: me, text };
    },
  });

const policy = z.object({ id: z.string(), effect: z.string(), words: z.string(), file: z.string(), line: z.number() });
const nearMiss = z.object({ policy, failed: z.array(z.object({ words: z.string(), text: z.string() })) });

/** The answer for a model: what decided, what goes with it, and what was missing. */
function inWords({ allowed, reason, obligations, determining, closest }: DaemonResult<"policy.check">): string {
  const lines = [
    `${allowed ? "Allowed" : "Not allowed"}: ${reason}`,
    ...(obligations.length === 0 ? [] : [`It obliges to: ${obligations.join(", ")}.`]),
    ...determining.filter(({ words }) => words !== "").map(({ id, words }) => `${id}: ${words}`),
    ...closest.map(
      ({ policy: { id }, failed }) => `Closest was ${id}; it would have to hold that ${failed.map(({ words }) => words).join(", and ")}.`,
    ),
  ];
  return lines.join("\n");
}

const check = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "check",
    title: "Ask the policy whether something is allowed",
    description:
      "Tells whether the signed policy lets this agent do something, and why. Use it when you are not sure before you ask or act. " +
      "It changes nothing, and a yes is no promise: sender and receiver both decide again when it happens.",
    input: z.strictObject({
      action: policyAction.describe("What to do, for example task.send or approval.request"),
      targetRole: z.string().max(64).optional().describe("Role of the agent that it is done to"),
      resource: z.string().max(200).optional().describe("A skill's name, a tool as extension__tool, a model, or a class of data"),
    }),
    output: z.object({
      allowed: z.boolean(),
      rules: z.array(z.string()),
      reason: z.string(),
      policyHash: z.string(),
      obligations: z.array(z.string()).describe("What goes with a yes, such as approval:executive: it waits for that approval"),
      risk: z.number().optional().describe("0 to 100"),
      determining: z.array(policy).describe("The policies that decided"),
      closest: z.array(nearMiss).describe("Where nothing allows it: the permits that came closest, and what they lacked"),
    }),
    readOnly: true,
    async run(input, call) {
      const answer = await daemon.call("policy.check", input, { signal: call.signal });
      return { structured: answer, text: inWords(answer) };
    },
  });

/** Makes the tools over a line to the daemon. */
export const policyTools = (daemon: DaemonLink): readonly Tool[] => [whoami(daemon), check(daemon)];
