/** Policy as a plain allow-list from the signed bundle: default deny, a deny beats every allow. Source: design, Trust, Policy; spec P1. */
import type { z } from "zod";
import { type PolicySet, type policyRule, policySet } from "../../mesh/contract/bundle.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";

type Rule = z.infer<typeof policyRule>;

/** A list that is left out matches anything, `"*"` too; a list with names matches only a question that has one of them. */
const matches = (list: readonly string[] | undefined, value: string | undefined): boolean =>
  list === undefined || list.includes("*") || (value !== undefined && list.includes(value));

const applies = (rule: Rule, { action, principal, targetRole, resource }: PolicyQuestion): boolean =>
  rule.actions.includes(action) &&
  matches(rule.principalRoles, principal.role) &&
  matches(rule.targetRoles, targetRole) &&
  matches(rule.resources, resource);

/** The question in words: `task.send accruals to marketing`. */
const inWords = ({ action, targetRole, resource }: PolicyQuestion): string =>
  [action, resource, targetRole === undefined ? undefined : `to ${targetRole}`].filter((part) => part !== undefined).join(" ");

/**
 * A policy engine over an allow-list. It never throws: a policy set that is not valid, or any failure, denies everything.
 * @param set `policy.json` of the bundle
 * @param policyHash SHA-256 of that file, as the manifest has it; every decision names it
 */
export function createAllowListEngine(set: PolicySet, policyHash: string): PolicyEngine {
  const parsed = policySet.safeParse(set);
  const rules = parsed.success ? parsed.data : undefined;
  const deny = (reason: string, ids: readonly string[] = []): PolicyDecision => ({ allowed: false, rules: ids, reason, policyHash });

  const decide = (question: PolicyQuestion): PolicyDecision => {
    if (rules === undefined) return deny("The policy set is not valid, so everything is denied; an admin must sign a new one.");
    const words = inWords(question);
    const forbids = rules.deny.filter((rule) => applies(rule, question)).map(({ id }) => id);
    if (forbids.length > 0) return deny(`The policy forbids ${question.principal.role} to do ${words} (${forbids.join(", ")}).`, forbids);
    const permits = rules.allow.filter((rule) => applies(rule, question)).map(({ id }) => id);
    if (permits.length === 0) return deny(`No rule of the policy lets ${question.principal.role} do ${words}.`);
    return {
      allowed: true,
      rules: permits,
      reason: `The policy lets ${question.principal.role} do ${words} (${permits.join(", ")}).`,
      policyHash,
    };
  };

  return {
    decide(question) {
      try {
        return decide(question);
      } catch {
        // Whatever went wrong, and whatever it holds of the question: the answer is no.
        return deny("The policy could not be evaluated, so the answer is no.");
      }
    },
  };
}
