/** A question in words, without any text that a user or a model chose: names are said only where the signed policies or org chart have them. */
import type { OrgChart } from "../../mesh/contract/bundle.ts";
import type { PolicySet } from "../../mesh/contract/policy-set.ts";
import type { PolicyQuestion } from "../../mesh/contract/ports.ts";

const LITERAL = /"((?:[^"\\]|\\.)*)"/g;

/** Every name that the policies and the org chart have. */
export function knownNames(set: PolicySet, chart: OrgChart): ReadonlySet<string> {
  const inPolicies = set.policies.flatMap(({ text }) => [...text.matchAll(LITERAL)].map(([, name = ""]) => name));
  return new Set([...inPolicies, ...chart.flatMap(({ role, department }) => [role, department])]);
}

/** Actions that are about one thing alone, whatever the question calls it. */
const ABOUT_ITSELF: ReadonlySet<string> = new Set(["audit.export"]);

/** The question: `finance do task.send accruals to marketing`. */
export function inWords({ action, principal, resource, target, targetRole }: PolicyQuestion, known: ReadonlySet<string>): string {
  const role = targetRole ?? target?.role;
  const parts = [
    known.has(principal.role) ? principal.role : "this role",
    "do",
    action,
    resource === undefined || ABOUT_ITSELF.has(action) ? undefined : known.has(resource) ? resource : "(a name that no policy has)",
    role === undefined ? undefined : `to ${known.has(role) ? role : "another role"}`,
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}
