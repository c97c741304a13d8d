/** This agent's membership over time: its credential and bundle, kept fresh from the bootstrap node, and its judgement of others'. */
import type { BundleStore, TrustWord } from "../../profiles/bundle/bundle-store.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { OrgChart } from "../contract/bundle.ts";
import type { MembershipClaims, Principal } from "../contract/identity.ts";
import { canonicalHash } from "../contract/json.ts";
import { CREDENTIAL_RENEW_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { checkPinned, holdsPlace, verifyMembership } from "../identity/membership.ts";
import { revocationEvent, takeRevocations } from "../identity/revocation.ts";

/** What is asked of the bootstrap node here. */
export interface MembershipSource {
  /**
   * The newest bundle of a role, and admins' revocations since, unchecked.
   * @throws GaggleError POLICY_DENIED where the newest org chart gives this agent another role
   */
  profile(role: string): Promise<{ readonly bundle: unknown; readonly revocations?: readonly string[] | undefined }>;
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
  /** Stores the person's new place where other programs look. */
  savePlace?(place: Place): Promise<void>;
  /** Told of a credential that holds for this agent's own person and names another agent; it may be told more than once. */
  sawOwnSubject?(claims: MembershipClaims): void;
  audit(draft: Pick<AuditDraft, "action" | "target" | "result" | "details">): Promise<void>;
}

/** Where a person stands in the organisation. */
export type Place = Pick<Principal, "role" | "department">;

/** This agent's membership. */
export interface Membership {
  /** Where this agent's person stands by the org chart of its last good bundle; as it joined where there is none. */
  place(): Place;
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
  /** Why a bundle of a newer version of Gaggle was refused, while no good one has come since; undefined where none was. */
  refusedNewer(): string | undefined;
  /** Takes a bundle from anywhere; a refused one is audited and changes nothing. */
  accept(bundle: unknown): Promise<VerifiedBundle>;
  /** Fetches what is newer now. @throws what the bootstrap node or the check said */
  refresh(): Promise<void>;
  /** Whether the bootstrap node surely has something newer: a bundle that colleagues have told of, or a credential in place of one that holds no more. */
  isBehind(): boolean;
  /** Told after each new bundle or credential. */
  onChange(fn: () => void): void;
}

/** Makes the membership from what joining stored; `credential` is the stored JWT. */
export function createMembership(deps: MembershipDeps, stored: { credential: string }): Membership {
  let credential = stored.credential;
  const { sub, agent: own, ...joined } = unverifiedPayloadOf(credential) as MembershipClaims;
  let validity = validityOf(credential);
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    for (const fn of listeners) fn();
  };
  let here: { readonly chart: OrgChart | undefined; readonly place: Place } | undefined;
  /** Asked for with every decision, so the chart is looked through once. */
  const place = (): Place => {
    const chart = deps.bundles.last()?.orgChart;
    if (here === undefined || here.chart !== chart) here = { chart, place: placeOf(sub, chart) ?? joined };
    return here.place;
  };
  /** The bundle that was refused last, so that one that comes again and again is recorded once. */
  let refused = "";
  let tooNew: string | undefined;
  /** Only what the root key signed gets here: nobody else can make this agent complain. */
  const noteNewer = (error: unknown): void => {
    if (error instanceof GaggleError && error.code === "BUNDLE_NEWER") tooNew = error.message;
  };
  const accept = async (candidate: unknown): Promise<VerifiedBundle> => {
    try {
      const before = place();
      const { changed: isNew, bundle } = await deps.bundles.accept(candidate);
      await moved(before);
      if (isNew) {
        tooNew = undefined;
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
      noteNewer(error);
      const details = { code: errorCode(error), kept: deps.bundles.last()?.manifest.version ?? 0 };
      const which = `${details.code} ${details.kept} ${canonicalHash((candidate as { manifest?: unknown } | undefined)?.manifest ?? "")}`;
      if (which !== refused) await deps.audit({ action: "bundle.refuse", target: "bundle:candidate", result: "denied", details });
      refused = which;
      throw error;
    }
  };

  /** The person has another place than before: told and recorded; the credential follows with the next {@link Membership.refresh}. */
  const moved = async (before: Place): Promise<void> => {
    const { role, department } = place();
    if (role === before.role && department === before.department) return;
    await deps.savePlace?.({ role, department });
    const details = { fromRole: before.role, fromDepartment: before.department, role, department };
    await deps.audit({ action: "member.move", target: `person:${sub}`, result: "ok", details });
  };

  const isDue = (now: number): boolean => {
    const { role, department } = unverifiedPayloadOf(credential) as MembershipClaims;
    const here = place();
    const aged = now - validity.iat >= CREDENTIAL_RENEW_MS || now >= validity.exp;
    return aged || role !== here.role || department !== here.department || !holds();
  };

  /** Whether this agent's own credential is believed under the newest word: its issuer may have been revoked. */
  const holds = (): boolean => {
    try {
      verifyMembership({ jwt: credential, manifest: deps.bundles.trust().manifest, nowMs: deps.clock.now() });
      return true;
    } catch {
      return false;
    }
  };

  const renew = async (fetched?: string): Promise<void> => {
    const now = deps.clock.now();
    if (!isDue(now)) return;
    const fresh = fetched ?? (await deps.source.credential());
    bundleNow();
    const claims = verifyMembership({ jwt: fresh, manifest: deps.bundles.trust().manifest, nowMs: now });
    const mine = unverifiedPayloadOf(credential) as MembershipClaims;
    // By showing it in hello, this agent vouches for the key in it with its own: that has to be its own key too.
    if (claims.agent !== mine.agent || claims.seal.x !== mine.seal.x || claims.sub !== sub)
      throw new GaggleError(
        "CREDENTIAL_INVALID",
        "The bootstrap node sent a credential with another agent's key or for another person; it was not taken.",
      );
    await deps.saveCredential(fresh);
    credential = fresh;
    validity = validityOf(fresh);
    changed();
  };

  const bundleNow = (): VerifiedBundle => deps.bundles.current();

  /**
   * The newest bundle. The node gives this agent the bundle of its role in the newest chart alone; which role that is, a fresh credential says. It is believed
   * only with a bundle of the root's whose own chart says the same.
   */
  const fetchNewest = async (): Promise<{ profile: Awaited<ReturnType<MembershipSource["profile"]>>; credential?: string }> => {
    const { role } = place();
    try {
      return { profile: await deps.source.profile(role) };
    } catch (error) {
      if (errorCode(error) !== "POLICY_DENIED") throw error;
      const fresh = await deps.source.credential();
      const claimed = (unverifiedPayloadOf(fresh) as MembershipClaims).role;
      if (claimed === role) throw error;
      return { profile: await deps.source.profile(claimed), credential: fresh };
    }
  };

  const acceptRevocation = async (jws: string): Promise<boolean> => {
    const taken = await deps.bundles.acceptRevocation(jws);
    if (taken === undefined) return false;
    changed();
    await deps.audit(revocationEvent(taken));
    return true;
  };

  return {
    place,
    bundle: bundleNow,
    lastBundle: () => deps.bundles.last() ?? bundleNow(),
    credential: () => credential,
    credentialExpiresAt: () => validity.exp,
    verify(jwt, agentId, atMs = deps.clock.now()) {
      const { orgChart } = bundleNow();
      const { manifest } = deps.bundles.trust();
      const claims = verifyMembership({
        jwt,
        manifest,
        nowMs: atMs,
        ...(agentId === undefined ? {} : { agentId }),
      });
      checkPlace(claims, orgChart);
      checkPinned(claims, manifest.roster);
      if (claims.sub === sub && claims.agent !== own) deps.sawOwnSubject?.(claims);
      return claims;
    },
    accept,
    trust: () => deps.bundles.trust(),
    refusedNewer: () => tooNew,
    async acceptTrust(jws) {
      const isNew = await deps.bundles.acceptTrust(jws).catch((error: unknown) => {
        noteNewer(error);
        throw error;
      });
      if (!isNew) return;
      const { role, version, revocations } = deps.bundles.trust().manifest;
      await deps.audit({
        action: "bundle.trust",
        target: `bundle:${role}@${version}`,
        result: "ok",
        details: { revocationSeq: revocations.seq },
      });
      changed();
    },
    acceptRevocation,
    async refresh() {
      const { profile, credential: fetched } = await fetchNewest();
      await accept(profile.bundle);
      await takeRevocations({ acceptRevocation }, profile.revocations ?? []);
      await renew(fetched);
    },
    isBehind: () => {
      const held = deps.bundles.last();
      return held !== undefined && (!holds() || deps.bundles.trust().manifest.version > held.manifest.version);
    },
    onChange: (fn) => void listeners.push(fn),
  };
}

/** Who has which role is for the root key to say: an issuer's word for a person or role that the signed org chart doesn't have counts for nothing. */
function checkPlace({ sub, role, department }: MembershipClaims, orgChart: OrgChart): void {
  if (holdsPlace({ subject: sub, role, department }, orgChart)) return;
  throw new GaggleError(
    "NOT_A_MEMBER",
    "The signed org chart has no such person in this role; the member's agent renews itself at the bootstrap node when the role has changed.",
  );
}

const placeOf = (subject: string, chart: OrgChart | undefined): Place | undefined => chart?.find(({ id }) => id === subject);

/** From when until when a credential says it is good, in milliseconds since the epoch. */
function validityOf(credential: string): { iat: number; exp: number } {
  const { iat, exp } = unverifiedPayloadOf(credential) as { iat: number; exp: number };
  return { iat: iat * 1000, exp: exp * 1000 };
}
