/** Policy of running a task without a person. */
import type { RunnableSkill, SessionDeps } from "../ports.ts";
import type { WorkerTask } from "../task-record.ts";
import { askAboutApprovers, counting, missingApprovals } from "../../enforcement/approvers.ts";

/** What the policy of runs needs. */
export interface RunPolicyDeps extends Pick<SessionDeps, "policy" | "self"> {
  /** The skill, where this agent's role has it as a recipe. */
  skillOf(id: string): RunnableSkill | undefined;
}

/** What is asked about: the task, or what is known of it before there is a record. */
export type RunQuestion = Pick<WorkerTask, "skill" | "peer" | "dataClasses" | "approvers">;

/** SHA-256 of a skill's recipe; undefined where there is none. */
export const recipeHashOf = (skill: RunnableSkill | undefined): string | undefined => {
  const hash = skill?.details["recipeSha256"];
  return typeof hash === "string" ? hash : undefined;
};

/** The recipe that policy has decided on; a bundle that comes before the run begins must not put another in its place. */
export const decidedOn = (skill: RunnableSkill): { recipeSha256?: string } => {
  const recipeSha256 = recipeHashOf(skill);
  return recipeSha256 === undefined ? {} : { recipeSha256 };
};

/**
 * Makes the question whether a task may run without a person. An approval that policy wants has come with the task, or a person here decides.
 * `counts`: true as it begins, false where it is only asked beforehand.
 */
export function createRunPolicy(deps: RunPolicyDeps) {
  return (record: RunQuestion, counts: boolean): boolean => {
    const { skill, peer, dataClasses } = record;
    if (skill === undefined) return false;
    // Who was let decide when the task came may not be any more.
    const approvers = counting(askAboutApprovers(deps.policy, record.approvers ?? [], peer));
    const recipeHash = recipeHashOf(deps.skillOf(skill));
    const context = {
      unattended: true,
      participants: [peer.subject, ...approvers.map(({ subject }) => subject)],
      ...(dataClasses === undefined ? {} : { dataClasses }),
      ...(recipeHash === undefined ? {} : { recipeHash }),
    };
    const question = {
      action: "task.run" as const,
      principal: peer,
      target: deps.self,
      targetRole: deps.self.role,
      resource: skill,
      context,
    };
    const decision = deps.policy.decide(question, { keeps: ["approval"], counts });
    return decision.allowed && missingApprovals(decision, approvers, peer.subject).length === 0;
  };
}
