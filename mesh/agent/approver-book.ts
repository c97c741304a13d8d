/** Who can sign approvals: by the signed org chart, the newest roster and the directory. */
import { managersOf, peopleOf } from "../../guard/policy/request.ts";
import type { OrgChart, Roster } from "../contract/bundle.ts";
import type { Principal } from "../contract/identity.ts";
import type { Directory } from "../directory/create-directory.ts";
import type { ApproverBook } from "../session/approvals/approver-book.ts";

/** What the book reads, each at the moment that it is asked. */
export interface ApproverBookDeps {
  readonly directory: Pick<Directory, "agents" | "route">;
  /** @throws GaggleError BUNDLE_MISSING and its like */
  orgChart(): OrgChart;
  roster(): Roster;
}

/** Makes it. */
export function createApproverBook({ directory, orgChart, roster }: ApproverBookDeps): ApproverBook {
  const canSign = ({ subject, role }: Pick<Principal, "subject" | "role">): boolean =>
    roster().approvers.some((one) => one.subject === subject && one.role === role);

  return {
    candidates: (target) =>
      directory
        .route(target, "approval.request")
        .ranked.map(({ principal }) => principal)
        .filter(canSign),
    above: (subject) => managersOf(subject, peopleOf(orgChart())),
    agentOf(subject) {
      const seat = orgChart().find(({ id }) => id === subject);
      const known = directory.agents().find((one) => one.subject === subject && one.role === seat?.role && !one.self);
      if (known === undefined || !canSign(known)) return undefined;
      const { agentId, role, department } = known;
      return { agentId, subject, role, department };
    },
  };
}

/** Roles of everybody who reports to a person, over whomever. */
export function rolesBelow(subject: string, chart: OrgChart): readonly string[] {
  const people = peopleOf(chart);
  return [...new Set(chart.filter(({ id }) => managersOf(id, people).includes(subject)).map(({ role }) => role))];
}
