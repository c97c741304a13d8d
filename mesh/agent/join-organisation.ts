/** `gaggle join`: makes the agent key, enrols with the invitation, checks and stores what came back. */
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Clock, Random } from "../contract/ports.ts";
import { type Invitation, parseInvitation } from "../identity/invitation.ts";
import { protectFolder } from "../identity/at-rest/protect-folder.ts";
import { ensureAgentKeys } from "../identity/key-file.ts";
import { agentIdOf, createSigner, publicJwkOf } from "../identity/keys.ts";
import { verifyMembership } from "../identity/membership.ts";
import { makePrivateFolder, writePrivateFile } from "../store/private-file.ts";
import { type AgentConfig, DEFAULT_UPSTREAM, homePaths, type ModelUpstream, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { createBootstrapClient } from "./bootstrap-client.ts";
import { freePort } from "./free-port.ts";
import { writeModelKey } from "./model-key.ts";
import { writePseudonymKey } from "./pseudonym-key.ts";

/** What the person or the admin chooses when joining. */
export interface JoinRequest {
  /** Folder of the new agent; made where missing. */
  readonly home: string;
  /** The invitation link. */
  readonly invitation: string;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  readonly mdns: boolean;
  /** Port of the guard's gateway; left out, a free one is taken and kept. */
  readonly gatewayPort?: number;
  readonly gooseRoot: string | null;
  /** The model's server behind the guard, where there is one already. */
  readonly upstream: ModelUpstream | null;
  readonly modelKey?: string;
}

/**
 * Joins an organisation. A join that was interrupted can be repeated with the same invitation: the key is kept.
 * @throws GaggleError ALREADY_JOINED, INVITATION_INVALID, INVITATION_USED, BUNDLE_SIGNATURE and its like, PEER_UNREACHABLE
 */
export async function joinOrganisation(
  deps: { clock: Clock; random: Random; fetch: typeof globalThis.fetch },
  request: JoinRequest,
): Promise<AgentConfig> {
  const { home } = request;
  const invitation = parseInvitation(request.invitation);
  await refuseSecondJoin(home);
  const paths = homePaths(home);
  await makePrivateFolder(home);
  await makePrivateFolder(paths.keys);
  await protectFolder(paths.keys);
  const keys = await ensureAgentKeys(paths.keys, deps.random);
  const signer = createSigner(keys.sign);
  const agentId = agentIdOf(signer.publicJwk);
  const { org, role, sub } = invitation.claims;
  const client = createBootstrapClient({ ...deps, signer }, { baseUrl: invitation.baseUrl, org });
  const joined = await client.join({ invitation: invitation.secret.jws, seal: publicJwkOf(keys.seal) });

  // Nothing of the answer is believed before the bundle is proven against the fingerprint that came with the invitation.
  const bundles = await openBundleStore(deps, { dir: paths.bundle, rootFingerprint: invitation.secret.rootFingerprint, org, role });
  const { bundle } = await bundles.accept(joined.bundle);
  const member = checkMembership(joined.credential, bundle, { agentId, seal: keys.seal.x, invitation, nowMs: deps.clock.now() });

  await writePrivateFile(paths.credential, joined.credential);
  await writePseudonymKey(paths.pseudonymKey, { epoch: invitation.secret.pseudonymEpoch, key: invitation.secret.pseudonymKey });
  if (request.modelKey !== undefined) await writeModelKey(paths.modelKey(DEFAULT_UPSTREAM), request.modelKey);
  const config: AgentConfig = {
    v: 2,
    org,
    subject: sub,
    role,
    department: member.department,
    agentId,
    bootstrapUrl: invitation.baseUrl,
    rootFingerprint: invitation.secret.rootFingerprint,
    listen: [...request.listen],
    mdns: request.mdns,
    bootstrapPeers: joined.peers,
    // Goose's provider file will name it, so it is kept from now on.
    gatewayPort: request.gatewayPort ?? (await freePort()),
    upstreams: request.upstream === null ? {} : { [DEFAULT_UPSTREAM]: request.upstream },
    gooseRoot: request.gooseRoot,
  };
  // Last, since this file is what makes the home a member.
  await writeAgentConfig(home, config);
  return config;
}

async function refuseSecondJoin(home: string): Promise<void> {
  try {
    const { subject, role } = await readAgentConfig(home);
    throw new GaggleError("ALREADY_JOINED", `This home is ${subject}'s (${role}) already. Use another GAGGLE_HOME for another membership.`);
  } catch (error) {
    if (!(error instanceof GaggleError) || error.code !== "NOT_JOINED") throw error;
  }
}

/** The credential must be this agent's, for the person and role of the invitation. */
function checkMembership(
  jwt: string,
  bundle: VerifiedBundle,
  expected: { agentId: string; seal: string; invitation: Invitation; nowMs: number },
) {
  const { agentId, seal, invitation, nowMs } = expected;
  const member = verifyMembership({ jwt, manifest: bundle.manifest, nowMs, agentId });
  if (member.sub !== invitation.claims.sub || member.role !== invitation.claims.role || member.seal.x !== seal) {
    throw new GaggleError(
      "CREDENTIAL_INVALID",
      "The bootstrap node gave a membership for another person, role or key than this agent asked for; nothing was stored.",
    );
  }
  return member;
}
