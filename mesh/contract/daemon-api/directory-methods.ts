/** Methods that tell who is there. */
import { z } from "zod";
import { agentId, slug, subjectId } from "../ids.ts";
import { empty, method } from "./method.ts";
import { agentView } from "./views.ts";

/** The methods that tell who is there. */
export const DIRECTORY_METHODS = {
  "directory.agents": method(
    z.strictObject({ role: slug.optional(), skill: slug.optional(), department: slug.optional(), online: z.boolean().optional() }),
    z.strictObject({ agents: z.array(agentView) }),
  ),
  /** What can be asked for by name in the organisation, and of whom. */
  "directory.skills": method(
    z.strictObject({ role: slug.optional(), department: slug.optional() }),
    z.strictObject({
      skills: z.array(
        z.strictObject({
          id: slug,
          descriptions: z.array(z.string()),
          roles: z.array(slug),
          departments: z.array(slug),
          people: z.array(subjectId),
          online: z.int(),
        }),
      ),
    }),
  ),
  /** The signed org chart, with the agents that are known of each person. */
  "directory.chart": method(
    empty,
    z.strictObject({
      people: z.array(
        z.strictObject({
          id: subjectId,
          title: z.string(),
          role: slug,
          department: slug,
          manager: subjectId.nullable(),
          agents: z.array(z.strictObject({ agentId, online: z.boolean(), self: z.boolean() })),
        }),
      ),
    }),
  ),
} as const;
