/** Why a policy answers as it does: the policies that decided, or the permits that came closest and what they lacked. For people; not for speed. */
import type { SignedPolicy } from "../../mesh/contract/policy-set.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";
import type { PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";
import { type Cedar, loadCedar } from "./cedar.ts";
import type { CedarEngineConfig } from "./cedar-engine.ts";
import { conditionInWords } from "./condition-words.ts";
import { type Condition, conditionsOf } from "./conditions.ts";
import { cedarRequest, peopleOf } from "./request.ts";

/** A condition that did not hold. */
export interface FailedCondition {
  /** In plain words, as a clause that would have to hold: `who acts has the role hr`. */
  readonly words: string;
  /** In Cedar. */
  readonly text: string;
}

/** A permit that would have allowed it, had the conditions held that failed. */
export interface NearMiss {
  readonly policy: SignedPolicy;
  /** How many of its conditions hold. */
  readonly met: number;
  readonly failed: readonly FailedCondition[];
}

/** An answer of the policy with what led to it. */
export interface Explanation {
  readonly decision: PolicyDecision;
  /** The policies that decided; `words` is the admin's comment above each. */
  readonly determining: readonly SignedPolicy[];
  /** For a default deny: the permits that came closest, the closest first. */
  readonly closest: readonly NearMiss[];
}

/** Most permits that are shown for a default deny. */
const MOST_NEAR_MISSES = 3;

/**
 * What explains decisions.
 * @param engine decides; the explanation never differs from it
 */
export function createPolicyExplainer(engine: PolicyEngine, config: CedarEngineConfig): { explain(question: PolicyQuestion): Explanation } {
  const { policies } = config.set;
  const people = peopleOf(config.orgChart);
  return {
    explain(question) {
      const decision = engine.decide(question);
      const determining = policies.filter(({ id }) => decision.rules.includes(id));
      if (decision.allowed || determining.length > 0) return { decision, determining, closest: [] };
      try {
        const permits = policies.filter(({ effect, actions }) => effect === "permit" && actions.includes(question.action));
        return { decision, determining, closest: nearest(loadCedar(), permits, cedarRequest(question, people)) };
      } catch {
        // The decision stands; only its explanation is missing.
        return { decision, determining, closest: [] };
      }
    },
  };
}

type Request = ReturnType<typeof cedarRequest>;

function nearest(cedar: Cedar, permits: readonly SignedPolicy[], request: Request): NearMiss[] {
  const taken = permits.map((policy) => ({ policy, conditions: conditionsOf(jsonOf(cedar, policy)) }));
  const held = holding(cedar, new Map(taken.map(({ policy, conditions }) => [policy.id, conditions])), request);
  const misses = taken.map(({ policy, conditions }) => {
    const failed = failedOf(conditions, (i) => held.has(key(policy.id, i)));
    return { policy, met: conditions.filter((_, i) => held.has(key(policy.id, i))).length, failed };
  });
  return misses
    .filter(({ failed }) => failed.length > 0)
    .sort((a, b) => a.failed.length - b.failed.length || b.met - a.met || (a.policy.id < b.policy.id ? -1 : 1))
    .slice(0, MOST_NEAR_MISSES)
    .map(({ policy, met, failed }) => ({ policy, met, failed: failed.map((condition) => inWords(cedar, condition)) }));
}

const key = (id: string, index: number): string => `${id}/${index}`;

function jsonOf(cedar: Cedar, { text }: SignedPolicy): PolicyJson {
  const parsed = cedar.policyToJson(text);
  if (parsed.type !== "success") throw new Error("a signed policy is not valid");
  return parsed.json;
}

/** Keys of the conditions that hold. One call: of permits, Cedar names every one that applies. */
function holding(cedar: Cedar, byPolicy: ReadonlyMap<string, readonly Condition[]>, request: Request): ReadonlySet<string> {
  const probes = [...byPolicy].flatMap(([id, conditions]) => conditions.map(({ probe }, i) => [key(id, i), probe] as const));
  const answer = cedar.isAuthorized({ ...request, policies: { staticPolicies: Object.fromEntries(probes) } });
  if (answer.type !== "success") throw new Error("the conditions could not be evaluated");
  return new Set(answer.response.diagnostics.reason);
}

/** What failed; of each clause only the first, since the rest may only make sense where that holds. */
function failedOf(conditions: readonly Condition[], holds: (index: number) => boolean): Condition[] {
  const seen = new Set<number>();
  return conditions.filter(({ clause }, i) => {
    if (holds(i) || seen.has(clause)) return false;
    seen.add(clause);
    return true;
  });
}

function inWords(cedar: Cedar, { probe }: Condition): FailedCondition {
  const shown = cedar.policyToText(probe);
  const text = shown.type === "success" ? conditionText(shown.text) : "";
  return { words: conditionInWords(probe, text), text };
}

/** What stands between the braces, or the scope where there are none. */
const conditionText = (policy: string): string =>
  (/when\s*\{([\s\S]*)\}/.exec(policy)?.[1] ?? /\(([\s\S]*)\)/.exec(policy)?.[1] ?? policy).replace(/\s+/g, " ").trim();
