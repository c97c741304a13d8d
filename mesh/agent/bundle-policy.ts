/** The policy engine over the newest bundle: without a valid bundle everything is denied, and whom it revokes everything too. */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { createEngineKeeper } from "../../guard/policy/engine-keeper.ts";
import type { BundleManifest } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../contract/ports.ts";
import { holdsPlace, isRevoked } from "../identity/membership.ts";

/** Stands for the policy set where there is none. */
const NO_POLICY_HASH = "0".repeat(64);

/** Hash of the policy set of a bundle; of none where there is no such bundle. @param bundle throws BUNDLE_MISSING and its like */
export function policyHashOf(bundle: () => VerifiedBundle): string {
  try {
    return bundle().manifest.policyHash;
  } catch (error) {
    if (error instanceof GaggleError) return NO_POLICY_HASH;
    throw error;
  }
}

/**
 * An engine that always answers by the bundle in force.
 * @param bundle throws BUNDLE_MISSING and its like
 * @param trust the newest word about revocations, where another role's bundle may be newer; throws as `bundle`
 */
export function createBundlePolicy(
  bundle: () => VerifiedBundle,
  trust: () => Pick<BundleManifest, "revocations"> = () => bundle().manifest,
): PolicyEngine {
  const keeper = createEngineKeeper();
  const engineOf = ({ policy, orgChart, manifest }: VerifiedBundle): PolicyEngine =>
    keeper.engineFor({ set: policy, orgChart, policyHash: manifest.policyHash });
  try {
    // Before the first question, which would wait for it.
    engineOf(bundle());
  } catch {
    // Without a bundle there is nothing to load yet.
  }
  return {
    decide(question) {
      let current: VerifiedBundle;
      let revoked: boolean;
      try {
        current = bundle();
        revoked = isRevoked(question.principal, trust());
      } catch (error) {
        return denyAll(error instanceof GaggleError ? error.message : "The profile bundle could not be read.");
      }
      const hash = current.manifest.policyHash;
      // Who was a member, and in this role, when a message came in may be none when it is acted upon.
      if (revoked) return denyAll(`${question.principal.subject} has been revoked.`, hash);
      if (!holdsPlace(question.principal, current.orgChart)) return denyAll(`${question.principal.subject} no longer has this role.`, hash);
      return engineOf(current).decide(question);
    },
  };
}

const denyAll = (reason: string, policyHash = NO_POLICY_HASH): PolicyDecision => ({ allowed: false, rules: [], reason, policyHash });

/** What policy is asked about a tool call. */
export const toolQuestion = (self: Principal, { tool, unattended }: { tool: string; unattended: boolean }): PolicyQuestion => ({
  action: "tool.call",
  principal: self,
  resource: tool,
  context: { unattended, participants: [self.subject] },
});

/**
 * Decides on a tool call. A run without a person may use only the tools that its role's profile names; a person's chat also those of Goose itself
 * that policy allows.
 * @param call `tool`: as Goose names it, `extension__tool` or a bare name for Goose's own; `counts`: false where the same call was counted before
 */
export function decideToolCall(
  deps: { policy: PolicyEngine; bundle: () => VerifiedBundle; self: Principal },
  call: { tool: string; unattended: boolean; counts?: boolean },
): PolicyDecision {
  const decision = deps.policy.decide(toolQuestion(deps.self, call), { counts: call.counts ?? true });
  if (!decision.allowed || !call.unattended || call.tool === FINAL_OUTPUT) return decision;
  const named = deps.bundle().profile.extensions.some(({ name, tools }) => tools.some((tool) => call.tool === `${name}__${tool}`));
  return named
    ? decision
    : { ...decision, allowed: false, reason: "The role's profile does not name this tool, so a run without a person can't use it." };
}

/** Goose's own tool with which a recipe hands over its typed result. */
export const FINAL_OUTPUT = "recipe__final_output";
