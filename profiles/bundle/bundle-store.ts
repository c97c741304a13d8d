/** The bundle an agent lives by: the last good one on disk, never an older one again. Source: design, Trust, Profile bundle; spec O4. */
import { join } from "node:path";
import { z } from "zod";
import { type BundleManifest, signedBundle } from "../../mesh/contract/bundle.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { sha256, thumbprint } from "../../mesh/contract/ids.ts";
import { canonicalHash, parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { Clock } from "../../mesh/contract/ports.ts";
import type { SignedRevocation } from "../../mesh/identity/revocation.ts";
import { readPrivateText, writePrivateFile } from "../../mesh/store/private-file.ts";
import { thumbprintOf } from "../../mesh/identity/keys.ts";
import { openRevocationBook } from "./revocation-book.ts";
import { checkBundleTimes, verifyBundle, verifyBundleContent, type VerifiedBundle, verifyManifest } from "./verify.ts";

/** Newest version ever accepted, the hash of what it said, and the root key that signed it, which older roots can never take the place of again. Kept apart from the bundle, so that a lost bundle loses no memory. */
const seen = z.strictObject({ v: z.literal(1), version: z.int().min(1), hash: sha256, root: thumbprint.optional() });
type Seen = z.infer<typeof seen>;

/** Where the store lies and whom it believes. */
export interface BundleStoreConfig {
  /** Folder of the store, for example `bundle/` of the agent's home. */
  readonly dir: string;
  /** Thumbprint of the root key, pinned when joining. */
  readonly rootFingerprint: string;
  readonly org: string;
  readonly role: string;
  /** Whose agent it is. The bundle has to be of the role that its own org chart gives this person; left out, or not on the chart, of `role`. */
  readonly subject?: string;
}

/** The bundle an agent lives by. */
export interface BundleStore {
  /**
   * The bundle in force.
   * @throws GaggleError BUNDLE_MISSING where there is none, BUNDLE_EXPIRED, or what was wrong with the stored one when it was read
   */
  current(): VerifiedBundle;
  /** The last good bundle, also when it has expired; undefined where there is none. For showing and for handing on, not for acting. */
  last(): VerifiedBundle | undefined;
  /**
   * Takes a newer bundle after checking all of it; the one that is already there changes nothing.
   * @returns whether it is another one than before
   * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_MISMATCH, BUNDLE_ROLLBACK, BUNDLE_EXPIRED, CLOCK_SKEW; CONFLICT for other content under
   *   the accepted
   *   version. The last good one stays.
   */
  accept(bundle: unknown): Promise<{ changed: boolean; bundle: VerifiedBundle }>;
  /**
   * Takes what a newer bundle of any role says about whom to believe: all roles are signed together, and the revocations are the same in all.
   * @returns whether it is newer than what was known
   * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_MISMATCH, BUNDLE_EXPIRED, CLOCK_SKEW
   */
  acceptTrust(manifest: string): Promise<boolean>;
  /**
   * Takes an admin's revocation statement: what it revokes counts at once, on top of the newest manifest.
   * @returns the statement where it says something new
   * @throws GaggleError CREDENTIAL_INVALID, REVOKED (its admin key), NOT_A_MEMBER, TOO_LARGE, BUNDLE_MISSING
   */
  acceptRevocation(jws: string): Promise<SignedRevocation | undefined>;
  /**
   * The newest word about issuers and revocations: of the bundle or of another role's newer one, and of admins' statements since.
   * @throws as {@link BundleStore.current}
   */
  trust(): TrustWord;
}

/** Whom to believe now. */
export interface TrustWord {
  /** The newest manifest that was checked, with what admins have revoked since among its revocations. */
  readonly manifest: BundleManifest;
  /** The manifest as the root key signed it: compact JWS. */
  readonly jws: string;
  /** The admins' statements that count on top of it: compact JWS. */
  readonly revocations: readonly string[];
}

/** A manifest as the root key signed it, and its text. */
type RootWord = Pick<TrustWord, "manifest" | "jws">;

/**
 * Opens the store and checks what is on the disk again. Never throws for a bad bundle: {@link BundleStore.current} then says what is
 * wrong.
 */
export async function openBundleStore(deps: { clock: Pick<Clock, "now"> }, config: BundleStoreConfig): Promise<BundleStore> {
  const pathOf = (name: string): string => join(config.dir, name);
  const paths = { bundle: pathOf("bundle.json"), seen: pathOf("seen.json"), trust: pathOf("trust.jws") };
  let highest = await readSeen(paths.seen);
  /** Whom the store believes now: the root that signed the newest word which it has taken. */
  const believed = (): BundleStoreConfig => {
    const root =
      newest !== undefined && newest.manifest.version > (highest?.version ?? 0) ? thumbprintOf(newest.manifest.root) : highest?.root;
    return { ...config, rootFingerprint: root ?? config.rootFingerprint };
  };
  let newest: RootWord | undefined;
  let { held, problem } = await readStored(paths.bundle, believed(), highest);
  if (held !== undefined && held.manifest.version > (highest?.version ?? 0)) highest = seenOf(held);
  newest = await readTrust(paths.trust, believed());
  const book = await openRevocationBook(pathOf("revocations.json"), readPrivateText);
  let turn: Promise<unknown> = Promise.resolve();

  const accept = async (bundle: unknown): Promise<{ changed: boolean; bundle: VerifiedBundle }> => {
    const expected = { ...believed(), bundle, minVersion: highest?.version ?? 1 };
    const verified = verifyBundle({ ...expected, role: claimedRole(expected), nowMs: deps.clock.now() });
    checkRole(verified, config);
    const next = seenOf(verified);
    if (highest?.version === next.version && highest.hash !== next.hash) {
      throw new GaggleError(
        "CONFLICT",
        `Another profile bundle of version ${next.version} was accepted before; an admin must sign a newer one.`,
      );
    }
    if (held !== undefined && highest?.version === next.version) return { changed: false, bundle: held };
    // The bundle first: after a crash in between, the newer bundle raises what was seen when it is read.
    await writePrivateFile(paths.bundle, JSON.stringify(verified.signed));
    await writePrivateFile(paths.seen, JSON.stringify(next));
    [held, highest, problem] = [verified, next, undefined];
    return { changed: true, bundle: verified };
  };

  const current = (): VerifiedBundle => {
    if (problem !== undefined) throw problem;
    if (held === undefined) {
      throw new GaggleError("BUNDLE_MISSING", "There is no profile bundle yet; it is fetched when the bootstrap node can be reached.");
    }
    checkBundleTimes(held.manifest, deps.clock.now());
    return held;
  };

  const acceptTrust = async (jws: string): Promise<boolean> => {
    const manifest = verifyManifest(jws, believed().rootFingerprint);
    if (manifest.org !== config.org) throw new GaggleError("BUNDLE_MISMATCH", "The manifest is of another organisation.");
    checkBundleTimes(manifest, deps.clock.now());
    if (manifest.version <= Math.max(newest?.manifest.version ?? 0, highest?.version ?? 0)) return false;
    await writePrivateFile(paths.trust, jws);
    newest = { manifest, jws };
    return true;
  };

  const rootWord = ({ manifest, signed }: VerifiedBundle): RootWord =>
    newest !== undefined && newest.manifest.version > manifest.version ? newest : { manifest, jws: signed.manifest };

  const acceptRevocation = async (jws: string): Promise<SignedRevocation | undefined> => {
    // Also an expired bundle names who may revoke: taking trust away is never wrong.
    const word = held === undefined ? newest : rootWord(held);
    if (word === undefined) throw new GaggleError("BUNDLE_MISSING", "There is no profile bundle yet that names who may revoke.");
    return book.add(jws, word.manifest);
  };

  /** One change after another. */
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = turn.then(change);
    turn = result.catch(() => undefined);
    return result;
  };

  return {
    current,
    last: () => held,
    accept: (bundle) => inTurn(() => accept(bundle)),
    acceptTrust: (jws) => inTurn(() => acceptTrust(jws)),
    acceptRevocation: (jws) => inTurn(() => acceptRevocation(jws)),
    trust() {
      const { manifest, jws } = rootWord(current());
      return { manifest: book.under(manifest), jws, revocations: book.open(manifest) };
    },
  };
}

const seenOf = (bundle: VerifiedBundle): Seen => ({
  v: 1,
  version: bundle.manifest.version,
  hash: bundleHash(bundle),
  root: thumbprintOf(bundle.manifest.root),
});

/** What a bundle says: its manifest (which has every file's hash), whatever the signature's bytes are. */
const bundleHash = (bundle: VerifiedBundle): string => canonicalHash(bundle.manifest);

/** The role to hold a bundle against: where the person is known, the one that it is made for, and {@link checkRole} has the last word. */
function claimedRole({ bundle, rootFingerprint, subject, role }: BundleStoreConfig & { readonly bundle: unknown }): string {
  const signed = subject === undefined ? undefined : signedBundle.safeParse(bundle);
  return signed?.success === true ? verifyManifest(signed.data.manifest, rootFingerprint).role : role;
}

/** Which role a person has is the root's word: the org chart in the bundle itself. So a bundle of the new role is taken as soon as the chart says so. */
function checkRole({ manifest, orgChart }: VerifiedBundle, { subject, role }: BundleStoreConfig): void {
  const expected = orgChart.find(({ id }) => id === subject)?.role ?? role;
  if (manifest.role === expected) return;
  throw new GaggleError("BUNDLE_MISMATCH", `The profile bundle is for the role ${manifest.role}, and this agent has the role ${expected}.`);
}

async function readSeen(path: string): Promise<Seen | undefined> {
  const text = await readPrivateText(path);
  return text === undefined ? undefined : parseAs(seen, parseJson(text, path), path);
}

/** Reads the stored bundle; an expired one is good (and says so when used), a damaged or older one is a problem to tell. */
async function readStored(
  path: string,
  config: BundleStoreConfig,
  highest: Seen | undefined,
): Promise<{ held?: VerifiedBundle; problem?: GaggleError }> {
  const text = await readPrivateText(path);
  if (text === undefined) return {};
  try {
    const expected = { ...config, bundle: parseJson(text, path), minVersion: highest?.version ?? 1 };
    const held = verifyBundleContent({ ...expected, role: claimedRole(expected) });
    checkRole(held, config);
    return { held };
  } catch (cause) {
    if (!(cause instanceof GaggleError)) throw cause;
    const code = cause.code === "INVALID_INPUT" ? "BUNDLE_SIGNATURE" : cause.code;
    return {
      problem: new GaggleError(
        code,
        `The stored profile bundle is refused; a good one is fetched from the bootstrap node. ${cause.message}`,
        { cause },
      ),
    };
  }
}

/** What another role's newer bundle said. A damaged file is as none: it comes again with the next word from a peer or with the bundle itself. */
async function readTrust(path: string, config: BundleStoreConfig): Promise<RootWord | undefined> {
  const jws = await readPrivateText(path);
  if (jws === undefined) return undefined;
  try {
    const manifest = verifyManifest(jws, config.rootFingerprint);
    return manifest.org === config.org ? { manifest, jws } : undefined;
  } catch (cause) {
    if (cause instanceof GaggleError) return undefined;
    throw cause;
  }
}
