/** Tools that show who is in the organisation: list_agents, list_skills. */
import { z } from "zod";
import type { AgentView } from "../../mesh/contract/daemon-api.ts";
import type { DaemonLink } from "../daemon-link.ts";
import { defineTool, type Tool } from "../define-tool.ts";
import { peerOutput } from "./schemas.ts";

const agentOutput = z.object({
  ...peerOutput.shape,
  title: z.string(),
  online: z.boolean(),
  self: z.boolean(),
  skills: z.array(z.string()),
  locale: z.string().optional(),
  lastSeenAt: z.string().optional(),
  load: z.object({ running: z.number(), queued: z.number(), concurrency: z.number(), busy: z.boolean() }).optional(),
});

/** The schema leaves out what Goose is not shown. */
const showAgent = (agent: AgentView): z.infer<typeof agentOutput> =>
  agentOutput.parse({ ...agent, skills: agent.skills.map((skill) => skill.id) });

const sayAgent = ({ subject, title, role, online, self, load }: AgentView): string =>
  `${subject}, ${title} (${role}): ${self ? "this agent" : online ? "online" : "offline"}${load?.busy === true ? ", busy" : ""}`;

const listAgents = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "list_agents",
    title: "List the agents of the organisation",
    description:
      "Lists colleagues' agents: person, role, department, what they can do, whether they are online and how busy. Use it to find whom to ask. " +
      "Work sent to an agent that is offline is delivered when it comes back.",
    input: z.strictObject({
      role: z.string().max(64).optional().describe("Only agents of this role"),
      skill: z.string().max(64).optional().describe("Only agents with this skill"),
      department: z.string().max(64).optional().describe("Only agents of this department"),
      online: z.boolean().optional().describe("Only agents that are online (true) or off (false)"),
    }),
    output: z.object({ agents: z.array(agentOutput) }),
    readOnly: true,
    async run(input, call) {
      const { agents } = await daemon.call("directory.agents", input, { signal: call.signal });
      const text = agents.length === 0 ? "No known agent matches. Leave the arguments out to see all." : agents.map(sayAgent).join("\n");
      return { structured: { agents: agents.map(showAgent) }, text };
    },
  });

const skillOutput = z.object({ skill: z.string(), descriptions: z.array(z.string()), roles: z.array(z.string()), online: z.int().min(0) });

const listSkills = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "list_skills",
    title: "List what colleagues' agents can do",
    description:
      "Lists the skills on offer in the organisation: what each does, which roles have it, and how many such agents are online. " +
      "Use it before send_task to pick a skill (and a targetRole where several roles have the same one).",
    input: z.strictObject({ role: z.string().max(64).optional().describe("Only skills of this role") }),
    output: z.object({ skills: z.array(skillOutput) }),
    readOnly: true,
    async run({ role }, call) {
      const known = await daemon.call("directory.skills", { role }, { signal: call.signal });
      const skills = known.skills.map(({ id, descriptions, roles, online }) => ({ skill: id, descriptions, roles, online }));
      const text = skills.map(({ skill, roles, descriptions }) => `${skill} (${roles.join(", ")}): ${descriptions.join(" / ")}`).join("\n");
      return { structured: { skills }, text: text === "" ? "No known agent offers a skill." : text };
    },
  });

/** Makes the tools that show who is in the organisation. */
export const directoryTools = (daemon: DaemonLink): readonly Tool[] => [listAgents(daemon), listSkills(daemon)];
