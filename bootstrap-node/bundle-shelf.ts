/** The newest signed bundle of each role, as the bootstrap node hands them out. It can hold them back, but not make or change one. */
import { z } from "zod";
import type { BundleManifest, SignedBundle } from "../mesh/contract/bundle.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { canonicalHash, parseAs, parseJson, sha256Hex } from "../mesh/contract/json.ts";
import { RETENTION_DAYS } from "../mesh/contract/limits.ts";
import type { Clock, CommitQueue, OrderedStore } from "../mesh/contract/ports.ts";
import { claimedKeyOf } from "../mesh/identity/jws.ts";
import { thumbprintOf } from "../mesh/identity/keys.ts";
import { addRevocation, openRevocations, revocationEvent, withRevocations } from "../mesh/identity/revocation.ts";
import { checkBundleTimes, verifyBundleContent, verifyManifest, type VerifiedBundle } from "../profiles/bundle/verify.ts";
import { ownEvent, type OwnIdentity } from "./own-event.ts";

const PREFIX = "bundle/";
const REVOCATION_PREFIX = "revocation/";
const ISSUER_PREFIX = "issuer/";
/** The newest manifest for each number of days that events were to be kept: why a chain in an export may begin later than today's number says. */
const RETENTION_PREFIX = "retention/";
/** An issuer key that a bundle named: since when, and the newest manifest that did. */
const namedIssuer = z.strictObject({ namedAt: z.int(), manifest: z.string() });

/** Whom the node serves. */
export interface ShelfConfig {
  readonly org: string;
  readonly rootFingerprint: string;
}

/** The bundles of all roles. */
export interface BundleShelf {
  /** The newest bundle of a role. @throws GaggleError BUNDLE_MISSING, BUNDLE_EXPIRED */
  ofRole(role: string): VerifiedBundle;
  /**
   * The newest of all: its manifest, org chart and policy say whom to believe. Among its revocations are those of admins' statements since.
   * @throws GaggleError BUNDLE_MISSING, BUNDLE_EXPIRED
   */
  newest(): VerifiedBundle;
  /** Highest version on the shelf; 0 where it is empty. */
  version(): number;
  /**
   * Takes a bundle if the root key signed it and it is not older than what is there.
   * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_NEWER, BUNDLE_MISMATCH, BUNDLE_ROLLBACK, BUNDLE_EXPIRED, CLOCK_SKEW, CONFLICT
   */
  accept(bundle: SignedBundle): Promise<BundleManifest>;
  /**
   * Takes an admin's revocation statement, which counts at once. The node itself can make none.
   * @returns whether it says something new
   * @throws GaggleError CREDENTIAL_INVALID, REVOKED (its admin key), NOT_A_MEMBER, TOO_LARGE, BUNDLE_MISSING
   */
  acceptRevocation(jws: string): Promise<boolean>;
  /** The statements that count on top of the newest bundle: compact JWS. */
  revocations(): readonly string[];
  /** Since when a bundle that was taken here has named an issuer key, in milliseconds since the epoch; undefined for a key that none has. */
  issuerNamedAt(thumbprint: string): number | undefined;
  /**
   * The newest manifest; for each issuer key that has left since the last one that named it, what any credential can be checked with; and those by which
   * events were forgotten sooner than the newest says.
   */
  manifests(): Promise<readonly string[]>;
  /** Told after each newer bundle and each revocation. */
  onChange(fn: () => void): void;
}

/** Opens the shelf; what the store holds is checked again. @throws GaggleError where the store holds a bundle that is not the root's */
export async function openBundleShelf(
  deps: { store: OrderedStore; queue: CommitQueue; clock: Clock; own: OwnIdentity },
  config: ShelfConfig,
): Promise<BundleShelf> {
  const shelf = new Map<string, VerifiedBundle>();
  const listeners: (() => void)[] = [];
  for (const [key, text] of await deps.store.range({ gte: PREFIX, lt: `${PREFIX}~` })) {
    const role = key.slice(PREFIX.length);
    shelf.set(role, verifyBundleContent({ ...config, bundle: parseJson(text, "A stored bundle"), role, minVersion: 1 }));
  }

  const inTime = (bundle: VerifiedBundle | undefined, what: string): VerifiedBundle => {
    if (bundle === undefined) {
      throw new GaggleError(
        "BUNDLE_MISSING",
        `The bootstrap node has no profile bundle ${what}; an admin publishes one with: gaggle org sign --publish URL`,
      );
    }
    checkBundleTimes(bundle.manifest, deps.clock.now());
    return bundle;
  };
  const newest = (): VerifiedBundle | undefined => [...shelf.values()].reduce<VerifiedBundle | undefined>(newer, undefined);
  /** A root key that another has followed is never believed again. */
  const newestRoot = (): string => {
    const manifest = newest()?.manifest;
    return manifest === undefined ? config.rootFingerprint : thumbprintOf(manifest.root);
  };

  const stored = await deps.store.range({ gte: REVOCATION_PREFIX, lt: `${REVOCATION_PREFIX}~` });
  let statements: readonly string[] = stored.map(([, jws]) => jws);
  let view: { readonly of: VerifiedBundle; readonly merged: VerifiedBundle; readonly open: readonly string[] } | undefined;
  const viewOf = (bundle: VerifiedBundle): NonNullable<typeof view> => {
    if (view?.of === bundle) return view;
    const open = openRevocations(statements, bundle.manifest).map(({ jws }) => jws);
    const revocations = withRevocations(bundle.manifest, open);
    view = { of: bundle, merged: { ...bundle, manifest: { ...bundle.manifest, revocations } }, open };
    return view;
  };

  return {
    ofRole: (role) => inTime(shelf.get(role), `for the role ${role}`),
    newest: () => viewOf(inTime(newest(), "yet")).merged,
    issuerNamedAt: (thumbprint) => readIssuer(deps.store.get(ISSUER_PREFIX + thumbprint))?.namedAt,
    async manifests() {
      const { signed, manifest } = inTime(newest(), "yet");
      const here = new Set(manifest.issuers.map((key) => ISSUER_PREFIX + thumbprintOf(key)));
      const all = await deps.store.range({ gte: ISSUER_PREFIX, lt: `${ISSUER_PREFIX}~` });
      const left = all.filter(([key]) => !here.has(key)).map(([, text]) => readIssuer(text)?.manifest ?? "");
      const shorter = (await deps.store.range({ gte: RETENTION_PREFIX, lt: `${RETENTION_PREFIX}~` }))
        .filter(([key]) => Number(key.slice(RETENTION_PREFIX.length)) < daysOf(manifest))
        .map(([, jws]) => jws);
      return [...new Set([signed.manifest, ...[...left, ...shorter].filter((jws) => isSignedBy(jws, thumbprintOf(manifest.root)))])];
    },
    revocations: () => {
      const bundle = newest();
      return bundle === undefined ? [] : viewOf(bundle).open;
    },
    async acceptRevocation(jws) {
      const bundle = newest();
      if (bundle === undefined)
        throw new GaggleError("BUNDLE_MISSING", "The bootstrap node has no profile bundle yet that names who may revoke.");
      const taken = await deps.queue.run(
        (tx) => {
          const next = addRevocation(statements, jws, bundle.manifest);
          if (next === undefined) return false;
          for (const old of statements) if (!next.statements.includes(old)) tx.del(REVOCATION_PREFIX + sha256Hex(old));
          tx.put(REVOCATION_PREFIX + sha256Hex(jws), jws);
          tx.audit(ownEvent(deps.own, revocationEvent(next.added)));
          tx.afterCommit(() => ([statements, view] = [next.statements, undefined]));
          return true;
        },
        { finishing: true },
      );
      if (taken) for (const fn of listeners) fn();
      return taken;
    },
    version: () => newest()?.manifest.version ?? 0,
    async accept(bundle) {
      const believed = { ...config, rootFingerprint: newestRoot() };
      const { role } = verifyManifest(bundle.manifest, believed.rootFingerprint);
      const verified = verifyBundleContent({ ...believed, bundle, role, minVersion: shelf.get(role)?.manifest.version ?? 1 });
      checkBundleTimes(verified.manifest, deps.clock.now());
      const taken = await deps.queue.run((tx) => {
        const there = shelf.get(role);
        if (!replaces(verified, there)) return false;
        tx.put(`${PREFIX}${role}`, JSON.stringify(verified.signed));
        tx.put(RETENTION_PREFIX + daysOf(verified.manifest), verified.signed.manifest);
        for (const issuer of verified.manifest.issuers) {
          const key = ISSUER_PREFIX + thumbprintOf(issuer);
          const { namedAt = tx.now } = readIssuer(tx.get(key)) ?? {};
          tx.put(key, JSON.stringify({ namedAt, manifest: verified.signed.manifest }));
        }
        tx.audit(ownEvent(deps.own, { action: "bundle.accept", target: `bundle:${role}@${verified.manifest.version}`, result: "ok" }));
        // Inside the transition, so that the next one is held against this bundle; a failed write stops the node.
        shelf.set(role, verified);
        return true;
      });
      if (taken) for (const fn of listeners) fn();
      return verified.manifest;
    },
    onChange: (fn) => void listeners.push(fn),
  };
}

const daysOf = ({ retentionDays = RETENTION_DAYS }: BundleManifest): number => retentionDays;

const newer = (a: VerifiedBundle | undefined, b: VerifiedBundle): VerifiedBundle =>
  a === undefined || b.manifest.version > a.manifest.version ? b : a;

/** Whether a bundle takes another's place; the same one again does not. @throws GaggleError BUNDLE_ROLLBACK, CONFLICT */
function replaces(candidate: VerifiedBundle, there: VerifiedBundle | undefined): boolean {
  if (there === undefined || candidate.manifest.version > there.manifest.version) return true;
  const { version } = candidate.manifest;
  if (version < there.manifest.version) {
    throw new GaggleError(
      "BUNDLE_ROLLBACK",
      `The profile bundle has version ${version}, older than the accepted ${there.manifest.version}.`,
    );
  }
  if (canonicalHash(candidate.manifest) !== canonicalHash(there.manifest)) {
    throw new GaggleError(
      "CONFLICT",
      `Another profile bundle of version ${version} was published before; sign a newer one with: gaggle org sign`,
    );
  }
  return false;
}

const readIssuer = (text: string | undefined): z.infer<typeof namedIssuer> | undefined =>
  text === undefined ? undefined : parseAs(namedIssuer, parseJson(text, "A stored issuer"), "A stored issuer");

/** Whether a manifest that was checked when it came is of this root: one of a root that another has followed is believed by no verifier. */
const isSignedBy = (jws: string, root: string): boolean => claimedKeyOf(jws, jws.length) === root;
