/** The policy set of an organisation's sources: valid, true to what the organisation has, and doing what its own tests say. */
import { createCedarEngine } from "../../guard/policy/cedar-engine.ts";
import { compilePolicies, type PolicyNames } from "../../guard/policy/compile-policies.ts";
import { runPolicyTests } from "../../guard/policy/policy-tests.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../../mesh/contract/identity.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import type { PolicySet } from "../../mesh/contract/policy-set.ts";
import type { OrganisationSources } from "./read-sources.ts";

type PolicySources = Pick<OrganisationSources, "policies" | "policyTests" | "orgChart" | "roles">;

/** Most failed tests that one refusal names. */
const MOST_NAMED = 5;

/**
 * Compiles the policies and runs their tests.
 * @throws GaggleError INVALID_INPUT naming file and line, or the tests that fail
 */
export function checkedPolicies(sources: PolicySources): PolicySet {
  const set = compiledPolicies(sources);
  const engine = createCedarEngine({ set, orgChart: sources.orgChart, policyHash: canonicalHash(set) });
  try {
    const failures = Object.entries(sources.policyTests).flatMap(([file, tests]) =>
      runPolicyTests(engine, tests, sources.orgChart).map(({ name, problem }) => `${file}, "${name}": ${problem}`),
    );
    if (failures.length > 0) {
      const more = failures.length > MOST_NAMED ? [`and ${failures.length - MOST_NAMED} more`] : [];
      throw new GaggleError(
        "INVALID_INPUT",
        `Nothing was signed, since tests of the policies fail. ${[...failures.slice(0, MOST_NAMED), ...more].join(" ")} Mend the policy or the test, then run: gaggle org sign`,
      );
    }
  } finally {
    engine.close();
  }
  return set;
}

/** The policies, valid and true to what the organisation has; their tests are not run. @throws GaggleError INVALID_INPUT naming file and line */
export const compiledPolicies = (sources: PolicySources): PolicySet => compilePolicies(sources.policies, namesOf(sources));

const namesOf = ({ orgChart, roles }: PolicySources): PolicyNames => ({
  roles: new Set([...roles.map(({ profile }) => profile.role), ...orgChart.map(({ role }) => role), BOOTSTRAP_ROLE]),
  departments: new Set([...roles.map(({ profile }) => profile.department), ...orgChart.map(({ department }) => department)]),
  people: new Set(orgChart.map(({ id }) => id)),
});
