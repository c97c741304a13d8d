/** Sign-ins under way: a challenge for one agent key, of use once and for a quarter of an hour. Source: docs/decisions/0106-sign-in.md */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { SIGN_IN_CHALLENGE_MS } from "../../mesh/contract/limits.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import type { SignInGrant } from "../../mesh/contract/sign-in.ts";
import type { ProofClaims } from "../../mesh/identity/proof.ts";
import type { X25519Jwk } from "../../mesh/identity/keys.ts";
import { signInNonce } from "../../mesh/identity/sign-in.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Member, Members } from "../members.ts";
import type { IdentityProvider } from "./identity-provider.ts";
import { checkGroups, subjectOf } from "./who-signed-in.ts";

/** Sign-ins under way in all; the oldest gives way. */
const MAX_CHALLENGES = 10_000;

/** How a sign-in stands. */
export type SignInState = { readonly status: "signed-in"; readonly member: Member } | { readonly status: "pending" | "slow-down" };

/** Lets people in whom the identity provider knows. */
export interface SignIns {
  /** Begins a sign-in for the agent whose key is proven. @throws GaggleError NOT_FOUND where the organisation has no provider, BUNDLE_MISSING */
  begin(proof: ProofClaims): { challenge: string; expiresAt: string; statement: string };
  /** Ends it. @throws GaggleError SIGN_IN_FAILED, UPSTREAM_FAILED, and as {@link Members.admit} */
  finish(request: { challenge: string; grant: SignInGrant; seal: X25519Jwk; proof: ProofClaims }): Promise<SignInState>;
}

/** Makes it. What is under way is forgotten when the node restarts: people begin again. */
export function createSignIns(deps: {
  clock: Pick<Clock, "now">;
  random: Random;
  shelf: BundleShelf;
  members: Pick<Members, "admit">;
  provider: IdentityProvider;
}): SignIns {
  const open = new Map<string, { agent: string; expiresAtMs: number }>();

  /** Takes a challenge out, so that two calls at once can't both use it. */
  const take = (challenge: string, agent: string) => {
    const begun = open.get(challenge);
    if (begun?.agent !== agent || begun.expiresAtMs <= deps.clock.now())
      throw new GaggleError("SIGN_IN_FAILED", "This sign-in was not begun by this machine, is over or took too long; begin again.");
    open.delete(challenge);
    return begun;
  };

  return {
    begin({ agent }) {
      const { statement } = providerOf(deps.shelf);
      const now = deps.clock.now();
      for (const [challenge, { expiresAtMs }] of open) {
        if (open.size < MAX_CHALLENGES && expiresAtMs > now) break;
        open.delete(challenge);
      }
      const challenge = Buffer.from(deps.random.bytes(32)).toString("base64url");
      open.set(challenge, { agent, expiresAtMs: now + SIGN_IN_CHALLENGE_MS });
      return { challenge, expiresAt: new Date(now + SIGN_IN_CHALLENGE_MS).toISOString(), statement };
    },
    async finish({ challenge, grant, seal, proof }) {
      const { provider } = providerOf(deps.shelf);
      if (grant.type === "device" && !provider.device)
        throw new GaggleError(
          "SIGN_IN_FAILED",
          "The organisation does not allow signing in with a code; use a machine with a browser, without --device.",
        );
      const begun = take(challenge, proof.agent);
      const redeemed = await deps.provider.redeem(provider, grant, signInNonce(challenge, proof.agent));
      if (redeemed.state !== "signed-in") {
        open.set(challenge, begun);
        return { status: redeemed.state };
      }
      const subject = subjectOf(redeemed.claims, provider);
      const member = await deps.members.admit({ subject, seal, proof, confirm: (role) => checkGroups(redeemed.claims, provider, role) });
      return { status: "signed-in", member };
    },
  };
}

function providerOf(shelf: BundleShelf) {
  const { signIn } = shelf.newest();
  if (signIn !== undefined) return signIn;
  throw new GaggleError("NOT_FOUND", "This organisation signs nobody in; ask an admin for an invitation.");
}
