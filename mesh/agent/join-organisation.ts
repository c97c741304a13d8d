/** `gaggle join`: makes the agent key, enrols with the invitation, checks and stores what came back. */
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims } from "../contract/identity.ts";
import { parseInvitation } from "../identity/invitation.ts";
import { publicJwkOf } from "../identity/keys.ts";
import { verifyMembership } from "../identity/membership.ts";
import { type AgentConfig, homePaths } from "./agent-config.ts";
import { aloneInHome, becomeMember, type HomeChoice, type JoinDeps, prepareHome } from "./become-member.ts";
import { createBootstrapClient } from "./bootstrap-client.ts";
import { bootstrapFetch } from "./pinned-fetch.ts";
import { writePseudonymKey } from "./pseudonym-key.ts";

/** What the person or the admin chooses when joining. */
export interface JoinRequest extends HomeChoice {
  /** The invitation link. */
  readonly invitation: string;
}

/**
 * Joins an organisation. A join that was interrupted can be repeated with the same invitation: the key is kept.
 * @throws GaggleError ALREADY_JOINED, INVITATION_INVALID, INVITATION_USED, BUNDLE_SIGNATURE and its like, PEER_UNREACHABLE, TLS_PIN_MISMATCH
 */
export async function joinOrganisation(deps: JoinDeps, request: JoinRequest): Promise<AgentConfig> {
  const invitation = parseInvitation(request.invitation);
  return aloneInHome(request.home, () => joinByInvitation(deps, request, invitation));
}

async function joinByInvitation(
  deps: JoinDeps,
  request: JoinRequest,
  { baseUrl, claims, secret }: ReturnType<typeof parseInvitation>,
): Promise<AgentConfig> {
  const { home } = request;
  const { keys, signer, agentId } = await prepareHome(home, deps);
  const { org, role, sub } = claims;
  const { rootFingerprint, tlsPin } = secret;
  const client = createBootstrapClient({ ...deps, signer, fetch: bootstrapFetch(deps.fetch, tlsPin) }, { baseUrl, org });
  const joined = await client.join({ invitation: secret.jws, seal: publicJwkOf(keys.seal) });

  // Nothing of the answer is believed before the bundle is proven against the fingerprint that came with the invitation.
  const bundles = await openBundleStore(deps, { dir: homePaths(home).bundle, rootFingerprint, org, role });
  const { bundle } = await bundles.accept(joined.bundle);
  const member = checkMembership(joined.credential, bundle, { agentId, seal: keys.seal.x, sub, role, nowMs: deps.clock.now() });
  await writePseudonymKey(homePaths(home).pseudonymKey, { epoch: secret.pseudonymEpoch, key: secret.pseudonymKey });
  return becomeMember(request, { member, credential: joined.credential, peers: joined.peers, baseUrl, rootFingerprint, tlsPin });
}

/** The credential must be this agent's, for the person and role of the invitation. */
function checkMembership(
  jwt: string,
  bundle: VerifiedBundle,
  expected: { agentId: string; seal: string; sub: string; role: string; nowMs: number },
): MembershipClaims {
  const { agentId, seal, nowMs } = expected;
  const member = verifyMembership({ jwt, manifest: bundle.manifest, nowMs, agentId });
  if (member.sub !== expected.sub || member.role !== expected.role || member.seal.x !== seal) {
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      "The bootstrap node gave a membership for another person, role or key than this agent asked for; nothing was stored.",
    );
  }
  return member;
}
