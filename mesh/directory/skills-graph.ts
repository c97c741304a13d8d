/** Skills of the organisation: what can be asked for by name, and of whom. Pure. Source: spec M6. */
import type { AgentView, DaemonResult } from "../contract/daemon-api.ts";

/** One skill: what it does in the words of each role that has it, who offers it, and how many of their agents are online. */
export type SkillNode = DaemonResult<"directory.skills">["skills"][number];

const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();

/** The skills of some agents, by name. */
export function skillsGraph(agents: readonly AgentView[]): SkillNode[] {
  const ids = sorted(agents.flatMap(({ skills }) => skills.map(({ id }) => id)));
  return ids.map((id) => {
    const offering = agents.filter(({ skills }) => skills.some((skill) => skill.id === id));
    return {
      id,
      descriptions: sorted(
        offering.flatMap(({ skills }) => skills.filter((skill) => skill.id === id).map(({ description }) => description)),
      ),
      roles: sorted(offering.map(({ role }) => role)),
      departments: sorted(offering.map(({ department }) => department)),
      people: sorted(offering.map(({ subject }) => subject)),
      online: offering.filter(({ online }) => online).length,
    };
  });
}
