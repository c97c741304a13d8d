/** A policy set parsed by Cedar, one part per action with only the policies that can apply. docs/decisions/0101-policy-bundle.md */
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
  /** Asks Cedar. Undefined where no policy is about the action. @throws where Cedar fails */
  ask(request: CedarRequest): CedarAnswer | undefined;
  /** Frees what Cedar holds. */
  close(): void;
}

/** Cedar keeps prepared sets under names for the whole process, so the names are counted for the whole process. */
let sets = 0;

/**
 * Gives a policy set to Cedar.
 * @throws where a policy is not valid Cedar
 */
export function prepareSet(cedar: Cedar, { policies }: PolicySet): PreparedSet {
  const name = `gaggle-${++sets}`;
  const byId = new Map(policies.map((policy) => [policy.id, { ...policy, meaning: readAnnotations(policy.effect, policy.annotations) }]));
  if (byId.size !== policies.length) throw new Error("two policies have the same id");
  const actions = new Set(policies.flatMap((policy) => policy.actions));
  const give = (action: string, texts: Record<string, string>): void => {
    const { type } = cedar.preparsePolicySet(`${name}:${action}`, { staticPolicies: texts });
    if (type !== "success") throw new Error(`the policies about ${action} are not valid`);
  };
  for (const action of actions) give(action, textsOf(policies.filter((policy) => policy.actions.includes(action))));
  return {
    policies: byId,
    ask({ principal, action, resource, context, entities }) {
      if (!actions.has(action.id)) return undefined;
      const preparsedPolicySetId = `${name}:${action.id}`;
      const answer = cedar.statefulIsAuthorized({ principal, action, resource, context, entities, preparsedPolicySetId });
      if (answer.type !== "success") throw new Error("Cedar could not evaluate the request");
      const { decision, diagnostics } = answer.response;
      return { allowed: decision === "allow", reason: diagnostics.reason, errors: diagnostics.errors.map(({ policyId }) => policyId) };
    },
    close() {
      for (const action of actions) give(action, {});
      actions.clear();
    },
  };
}

const textsOf = (policies: readonly SignedPolicy[]): Record<string, string> =>
  Object.fromEntries(policies.map(({ id, text }) => [id, text]));
