/** The policy engine of the node: what members may call is asked from the newest signed bundle, as everything else. */
import { createEngineKeeper } from "../guard/policy/engine-keeper.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { PolicyDecision, PolicyEngine } from "../mesh/contract/ports.ts";
import type { BundleShelf } from "./bundle-shelf.ts";

/** Stands for the policy set where there is none. */
const NO_POLICY_HASH = "0".repeat(64);

const denyAll = (reason: string): PolicyDecision => ({ allowed: false, rules: [], reason, policyHash: NO_POLICY_HASH });

/** An engine that answers by the shelf's newest bundle; without a valid one it denies everything. */
export function createNodePolicy(shelf: Pick<BundleShelf, "newest">): PolicyEngine {
  const keeper = createEngineKeeper();
  return {
    decide(question) {
      try {
        const { policy, orgChart, manifest } = shelf.newest();
        return keeper.engineFor({ set: policy, orgChart, policyHash: manifest.policyHash }).decide(question);
      } catch (error) {
        return denyAll(error instanceof GaggleError ? error.message : "The profile bundle could not be read.");
      }
    },
  };
}
