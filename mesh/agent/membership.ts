/** This agent's membership over time: its credential and bundle, kept fresh from the bootstrap node, and its judgement of others'. */
import type { BundleStore, TrustWord } from "../../profiles/bundle/bundle-store.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { OrgChart } from "../contract/bundle.ts";
import { BOOTSTRAP_ROLE, type MembershipClaims } from "../contract/identity.ts";
import { CREDENTIAL_RENEW_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { verifyMembership } from "../identity/membership.ts";
import { revocationEvent } from "../identity/revocation.ts";

/** What is asked of the bootstrap node here. */
export interface MembershipSource {
  /** The newest bundle of this agent's role, unchecked. */
  bundle(): Promise<unknown>;
  /** A fresh membership credential. */
  credential(): Promise<string>;
}

/** What the membership needs. */
export interface MembershipDeps {
  readonly bundles: BundleStore;
  readonly source: MembershipSource;
  readonly clock: Clock;
  /** Stores the credential where a restart finds it. */
  saveCredential(jwt: string): Promise<void>;
  audit(draft: Pick<AuditDraft, "action" | "target" | "result" | "details">): Promise<void>;
}

/** This agent's membership. */
export interface Membership {
  /** The bundle in force. @throws GaggleError BUNDLE_MISSING, BUNDLE_EXPIRED and its like: then nothing is sent or run */
  bundle(): VerifiedBundle;
  /** The last good bundle, also when it has expired: for showing, not for acting. @throws GaggleError BUNDLE_MISSING and its like */
  lastBundle(): VerifiedBundle;
  /** The newest signed word about issuers and revocations, of whichever role's bundle. @throws as {@link Membership.bundle} */
  trust(): TrustWord;
  /** Takes a manifest of any role from a peer: what it revokes counts at once, before the own bundle has come. @throws GaggleError where it is not the root's word */
  acceptTrust(manifest: string): Promise<void>;
  /**
   * Takes an admin's revocation statement from anywhere: it counts at once.
   * @returns whether it says something new
   * @throws GaggleError where no admin key signed it that the newest bundle names
   */
  acceptRevocation(jws: string): Promise<boolean>;
  /** The newest credential, which others judge by its own expiry. */
  credential(): string;
  /** When the credential ends, in milliseconds since the epoch. */
  credentialExpiresAt(): number;
  /** Judges another's credential by the newest bundle, as of a time (default now). @throws GaggleError as `verifyMembership` */
  verify(jwt: string, agentId?: string, atMs?: number): MembershipClaims;
  /** Takes a bundle from anywhere; a refused one is audited and changes nothing. */
  accept(bundle: unknown): Promise<VerifiedBundle>;
  /** Fetches what is newer now. @throws what the bootstrap node or the check said */
  refresh(): Promise<void>;
  /** Told after each new bundle or credential. */
  onChange(fn: () => void): void;
}

/** Makes the membership from what joining stored; `credential` is the stored JWT. */
export function createMembership(deps: MembershipDeps, stored: { credential: string }): Membership {
  let credential = stored.credential;
  let validity = validityOf(credential);
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    for (const fn of listeners) fn();
  };
  const accept = async (candidate: unknown): Promise<VerifiedBundle> => {
    try {
      const { changed: isNew, bundle } = await deps.bundles.accept(candidate);
      if (isNew) {
        const { role, version, policyHash, revocations } = bundle.manifest;
        await deps.audit({
          action: "bundle.accept",
          target: `bundle:${role}@${version}`,
          result: "ok",
          details: { policyHash, revocationSeq: revocations.seq },
        });
        changed();
      }
      return bundle;
    } catch (error) {
      const version = deps.bundles.last()?.manifest.version ?? 0;
      await deps.audit({
        action: "bundle.refuse",
        target: "bundle:candidate",
        result: "denied",
        details: { code: errorCode(error), kept: version },
      });
      throw error;
    }
  };

  const renew = async (): Promise<void> => {
    const { iat, exp } = validity;
    const now = deps.clock.now();
    if (now - iat < CREDENTIAL_RENEW_MS && now < exp) return;
    const fresh = await deps.source.credential();
    const claims = verifyMembership({ jwt: fresh, manifest: bundleNow().manifest, nowMs: now });
    const mine = unverifiedPayloadOf(credential) as MembershipClaims;
    // By showing it in hello, this agent vouches for the key in it with its own: that has to be its own key too.
    if (claims.agent !== mine.agent || claims.seal.x !== mine.seal.x)
      throw new GaggleError("CREDENTIAL_INVALID", "The bootstrap node sent a credential with another agent's key; it was not taken.");
    await deps.saveCredential(fresh);
    credential = fresh;
    validity = validityOf(fresh);
    changed();
  };

  const bundleNow = (): VerifiedBundle => deps.bundles.current();

  return {
    bundle: bundleNow,
    lastBundle: () => deps.bundles.last() ?? bundleNow(),
    credential: () => credential,
    credentialExpiresAt: () => validity.exp,
    verify(jwt, agentId, atMs = deps.clock.now()) {
      const { orgChart } = bundleNow();
      const claims = verifyMembership({
        jwt,
        manifest: deps.bundles.trust().manifest,
        nowMs: atMs,
        ...(agentId === undefined ? {} : { agentId }),
      });
      checkPlace(claims, orgChart);
      return claims;
    },
    accept,
    trust: () => deps.bundles.trust(),
    async acceptTrust(jws) {
      if (!(await deps.bundles.acceptTrust(jws))) return;
      const { role, version, revocations } = deps.bundles.trust().manifest;
      await deps.audit({
        action: "bundle.trust",
        target: `bundle:${role}@${version}`,
        result: "ok",
        details: { revocationSeq: revocations.seq },
      });
      changed();
    },
    async acceptRevocation(jws) {
      const taken = await deps.bundles.acceptRevocation(jws);
      if (taken === undefined) return false;
      changed();
      await deps.audit(revocationEvent(taken));
      return true;
    },
    async refresh() {
      await accept(await deps.source.bundle());
      await renew();
    },
    onChange: (fn) => void listeners.push(fn),
  };
}

/** Who has which role is for the root key to say: an issuer's word for a person or role that the signed org chart doesn't have counts for nothing. */
function checkPlace({ sub, role, department }: MembershipClaims, orgChart: OrgChart): void {
  if (role === BOOTSTRAP_ROLE) return;
  const place = orgChart.find(({ id }) => id === sub);
  if (place?.role === role && place.department === department) return;
  throw new GaggleError(
    "NOT_A_MEMBER",
    "The signed org chart has no such person in this role; the member must join again in the role it has now.",
  );
}

/** From when until when a credential says it is good, in milliseconds since the epoch. */
function validityOf(credential: string): { iat: number; exp: number } {
  const { iat, exp } = unverifiedPayloadOf(credential) as { iat: number; exp: number };
  return { iat: iat * 1000, exp: exp * 1000 };
}
