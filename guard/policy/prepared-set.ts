/** A policy set parsed by Cedar, one part per action and role with only the policies that can apply. docs/decisions/0101-policy-bundle.md */
import type { PolicySet, SignedPolicy } from "../../mesh/contract/policy-set.ts";
import { type PolicyMeaning, readAnnotations } from "./annotations.ts";
import type { Cedar } from "./cedar.ts";
import type { CedarRequest } from "./request.ts";

/** What Cedar says to a request. */
export interface CedarAnswer {
  readonly allowed: boolean;
  /** Ids of the policies that decided. */
  readonly reason: readonly string[];
  /** Ids of the policies that could not be evaluated. Cedar skips these, also a forbid. */
  readonly errors: readonly string[];
}

/** A policy and what its annotations mean. */
export type PreparedPolicy = SignedPolicy & { readonly meaning: PolicyMeaning };

/** A policy set that Cedar holds. */
export interface PreparedSet {
  readonly policies: ReadonlyMap<string, PreparedPolicy>;
  /** Asks Cedar. @param role the principal's. Undefined where no policy is about the action. @throws where Cedar fails */
  ask(request: CedarRequest, role: string): CedarAnswer | undefined;
  /** Frees what Cedar holds. */
  close(): void;
}

/** Cedar keeps prepared sets under names for the whole process, so the names are counted for the whole process. */
let sets = 0;

/** Stands for every role that no policy's scope names. */
const OTHER_ROLE = "";

/**
 * Gives a policy set to Cedar.
 * @throws where a policy is not valid Cedar
 */
export function prepareSet(cedar: Cedar, { policies }: PolicySet): PreparedSet {
  const byId = new Map(policies.map((policy) => [policy.id, { ...policy, meaning: readAnnotations(policy.effect, policy.annotations) }]));
  if (byId.size !== policies.length) throw new Error("two policies have the same id");
  if (cedar.checkParsePolicySet({ staticPolicies: textsOf(policies) }).type !== "success") throw new Error("the policies are not valid");
  const slices = createSlices(cedar, policies, `gaggle-${++sets}`);
  return {
    policies: byId,
    ask({ principal, action, resource, context, entities }, role) {
      const preparsedPolicySetId = slices.nameOf(action.id, role);
      if (preparsedPolicySetId === undefined) return undefined;
      const answer = cedar.statefulIsAuthorized({ principal, action, resource, context, entities, preparsedPolicySetId });
      if (answer.type !== "success") throw new Error("Cedar could not evaluate the request");
      const { decision, diagnostics } = answer.response;
      return { allowed: decision === "allow", reason: diagnostics.reason, errors: diagnostics.errors.map(({ policyId }) => policyId) };
    },
    close: () => slices.close(),
  };
}

/** The parts of a set, each given to Cedar when it is first asked for. */
function createSlices(cedar: Cedar, policies: readonly SignedPolicy[], set: string) {
  const byAction = new Map<string, SignedPolicy[]>();
  for (const policy of policies) for (const action of policy.actions) byAction.set(action, [...(byAction.get(action) ?? []), policy]);
  const given = new Set<string>();
  const give = (name: string, part: readonly SignedPolicy[]): void => {
    const { type } = cedar.preparsePolicySet(name, { staticPolicies: textsOf(part) });
    if (type !== "success") throw new Error("the policies are not valid");
    given.add(name);
  };
  return {
    /** Name of the part with the policies that can apply; undefined where there is none. */
    nameOf(action: string, asked: string): string | undefined {
      const about = byAction.get(action);
      if (about === undefined) return undefined;
      const role = about.some((policy) => policy.role === asked) ? asked : OTHER_ROLE;
      const name = `${set}:${action}:${role}`;
      if (!given.has(name)) {
        const part = about.filter((policy) => policy.role === undefined || policy.role === role);
        give(name, part);
      }
      return name;
    },
    close(): void {
      byAction.clear();
      for (const name of given) give(name, []);
    },
  };
}

const textsOf = (policies: readonly SignedPolicy[]): Record<string, string> =>
  Object.fromEntries(policies.map(({ id, text }) => [id, text]));
