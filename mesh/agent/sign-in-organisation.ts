/** Joining, and staying, by signing in with the organisation's identity provider. docs/decisions/0106-sign-in.md */
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import type { BootstrapResponse } from "../contract/bootstrap-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims } from "../contract/identity.ts";
import { slug } from "../contract/ids.ts";
import { parseAs } from "../contract/json.ts";
import type { SignInGrant, SignInProvider } from "../contract/sign-in.ts";
import type { JoinTarget } from "../identity/join-link.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { readAgentKeys } from "../identity/key-file.ts";
import { type AgentKeys, agentIdOf, createSigner, publicJwkOf } from "../identity/keys.ts";
import { verifyMembership } from "../identity/membership.ts";
import { signInNonce, verifySignInStatement } from "../identity/sign-in.ts";
import { signInWithBrowser } from "../sign-in/browser-sign-in.ts";
import { beginDeviceSignIn, type DeviceCode } from "../sign-in/device-sign-in.ts";
import { type AgentConfig, homePaths, readAgentConfig } from "./agent-config.ts";
import { aloneInHome, becomeMember, type HomeChoice, type JoinDeps, prepareHome } from "./become-member.ts";
import { type BootstrapClient, createBootstrapClient } from "./bootstrap-client.ts";
import { bootstrapFetch } from "./pinned-fetch.ts";
import { writeNoPseudonymKey } from "./pseudonym-key.ts";

/** RFC 8628, section 3.5: how much slower to ask after `slow_down`. */
const SLOW_DOWN_MS = 5_000;

/** How the person is led. */
export interface SignInDeps extends JoinDeps {
  /** Shows the provider's page: opens a browser or prints the address. */
  showPage(url: string): void;
  /** Tells what to type where; only asked for with `device`. */
  showCode(code: DeviceCode): void;
}

/** What the bootstrap node gave for a sign-in. */
type SignedIn = Extract<BootstrapResponse<"signInFinish">, { status: "signed-in" }>;

/** Joining by sign-in. */
export interface SignInJoinRequest extends HomeChoice {
  readonly target: JoinTarget;
  /** Without a browser on this machine. */
  readonly device: boolean;
}

/**
 * Joins an organisation by signing in. The key for pseudonyms comes later, from a steward's daemon.
 * @throws GaggleError ALREADY_JOINED, SIGN_IN_FAILED, UPSTREAM_FAILED, TIMEOUT, BUNDLE_SIGNATURE and its like, PEER_UNREACHABLE, TLS_PIN_MISMATCH
 */
export const joinBySignIn = (deps: SignInDeps, request: SignInJoinRequest): Promise<AgentConfig> =>
  aloneInHome(request.home, () => joinSigningIn(deps, request));

async function joinSigningIn(deps: SignInDeps, request: SignInJoinRequest): Promise<AgentConfig> {
  const { baseUrl, rootFingerprint, tlsPin } = request.target;
  const { keys, signer, agentId } = await prepareHome(request.home, deps);
  const callDeps = { ...deps, signer, fetch: bootstrapFetch(deps.fetch, tlsPin) };
  // Whether the node tells the truth about its organisation shows in what the root key has signed.
  const org = request.target.org ?? (await createBootstrapClient(callDeps, { baseUrl, org: "" }).health()).org;
  const client = createBootstrapClient(callDeps, { baseUrl, org });
  const begun = await client.signInBegin();
  const statement = verifySignInStatement({ jws: begun.statement, org, rootFingerprint, nowMs: deps.clock.now() });
  const { credential, bundle, peers } = await signIn(deps, {
    client,
    keys,
    challenge: begun.challenge,
    provider: statement.provider,
    device: request.device,
  });

  const { role } = unverifiedPayloadOf(credential) as { role: unknown };
  const trusted = { rootFingerprint, org, role: parseAs(slug, role, "The role in the membership") };
  const bundles = await openBundleStore(deps, { dir: homePaths(request.home).bundle, ...trusted });
  const { manifest, orgChart } = (await bundles.accept(bundle)).bundle;
  if (manifest.version < statement.version)
    throw new GaggleError("BUNDLE_ROLLBACK", "The bootstrap node gave an older bundle than it has; try again.");
  const member = verifyMembership({ jwt: credential, manifest, nowMs: deps.clock.now(), agentId });
  const place = orgChart.find(({ id }) => id === member.sub);
  if (member.seal.x !== keys.seal.x || place?.role !== member.role || place.department !== member.department) throw notOurs();
  await writeNoPseudonymKey(homePaths(request.home).pseudonymKey);
  return becomeMember(request, { member, credential, peers, baseUrl, rootFingerprint, tlsPin });
}

const notOurs = (): GaggleError =>
  new GaggleError(
    "CREDENTIAL_INVALID",
    "The bootstrap node gave a membership for another person, role or key than this agent's; nothing was stored.",
  );

/**
 * Signs in again, so that the membership goes on. The daemon gets its new credential by itself.
 * @returns who signed in, and how many days that counts
 * @throws GaggleError NOT_JOINED, NOT_FOUND where the organisation signs nobody in, and as {@link joinBySignIn}
 */
export async function signInAgain(deps: SignInDeps, home: string, device: boolean): Promise<{ subject: string; days: number }> {
  const { org, role, subject, agentId, rootFingerprint, bootstrapUrl, bootstrapPin } = await readAgentConfig(home);
  const keys = await readAgentKeys(homePaths(home).keys);
  const bundles = await openBundleStore(deps, { dir: homePaths(home).bundle, org, role, rootFingerprint });
  const provider = bundles.current().signIn?.provider;
  if (provider === undefined) throw new GaggleError("NOT_FOUND", "The organisation signs nobody in; ask an admin for an invitation.");
  const signer = createSigner(keys.sign);
  const client = createBootstrapClient(
    { ...deps, signer, fetch: bootstrapFetch(deps.fetch, bootstrapPin) },
    { baseUrl: bootstrapUrl, org },
  );
  const { challenge } = await client.signInBegin();
  const { credential } = await signIn(deps, { client, keys, challenge, provider, device });
  const member: MembershipClaims = verifyMembership({
    jwt: credential,
    manifest: bundles.trust().manifest,
    nowMs: deps.clock.now(),
    agentId,
  });
  if (member.sub !== subject || member.seal.x !== keys.seal.x) throw notOurs();
  return { subject, days: provider.days };
}

/** Leads the person through the provider's pages, and has the node redeem what came of it. */
async function signIn(
  deps: SignInDeps,
  begun: { client: BootstrapClient; keys: AgentKeys; challenge: string; provider: SignInProvider; device: boolean },
): Promise<SignedIn> {
  const { client, challenge, provider } = begun;
  const seal = publicJwkOf(begun.keys.seal);
  if (begun.device) {
    const { grant, shown, intervalMs, expiresInMs } = await beginDeviceSignIn(deps, provider);
    deps.showCode(shown);
    return await untilConfirmed(deps, () => client.signInFinish({ challenge, seal, grant }), { intervalMs, expiresInMs });
  }
  const nonce = signInNonce(challenge, agentIdOf(publicJwkOf(begun.keys.sign)));
  const grant: SignInGrant = await signInWithBrowser({ ...deps, show: deps.showPage }, provider, nonce);
  const state = await client.signInFinish({ challenge, seal, grant });
  if (state.status === "signed-in") return state;
  throw new GaggleError("UPSTREAM_FAILED", "The identity provider has not finished the sign-in; begin again.");
}

/** Asks until the person has confirmed, at the provider's pace. */
async function untilConfirmed(
  { clock }: Pick<SignInDeps, "clock">,
  ask: () => Promise<BootstrapResponse<"signInFinish">>,
  pace: { intervalMs: number; expiresInMs: number },
): Promise<SignedIn> {
  const endMs = clock.now() + pace.expiresInMs;
  let { intervalMs } = pace;
  while (clock.now() < endMs) {
    await new Promise<void>((resolve) => void clock.after(intervalMs, resolve));
    const state = await ask();
    if (state.status === "signed-in") return state;
    if (state.status === "slow-down") intervalMs += SLOW_DOWN_MS;
  }
  throw new GaggleError("TIMEOUT", "Nobody confirmed the code in time; begin again.");
}
