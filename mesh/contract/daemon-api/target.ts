/** Whom a request to the daemon means. */
import { z } from "zod";
import { agentId, slug } from "../ids.ts";

/** How many of those whom a target means are asked: the best one, all, all until one accepts, or all until `n` have completed. */
export const fanout = z
  .strictObject({ mode: z.enum(["one", "all", "any", "quorum"]), n: z.int().min(1).max(100).optional() })
  .refine(({ mode, n }) => (mode === "quorum") === (n !== undefined), "give n with quorum, and only then");
/** How many of those whom a target means are asked. */
export type Fanout = z.infer<typeof fanout>;

/** Whom to ask: at least one of role, agent, skill and department. More than one narrows the choice; `locale` only prefers. */
export const target = z
  .strictObject({
    targetRole: slug.optional(),
    agentId: agentId.optional(),
    skill: slug.optional(),
    department: slug.optional(),
    locale: z.string().max(20).optional(),
    /** For tasks; left out: one. */
    fanout: fanout.optional(),
  })
  .refine(
    (t) => t.targetRole !== undefined || t.agentId !== undefined || t.skill !== undefined || t.department !== undefined,
    "name a targetRole, an agentId, a skill or a department",
  );
/** Whom to ask. */
export type Target = z.infer<typeof target>;
