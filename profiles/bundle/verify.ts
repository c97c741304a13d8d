/** Decides whether a profile bundle is believed. Source: design, Trust, Profile bundle; spec O4; docs/decisions/0011-bundle-format.md. */
import { z } from "zod";
import {
  type BundleManifest,
  bundleManifest,
  type OrgChart,
  orgChart,
  type RoleProfile,
  roleProfile,
  type SignedBundle,
  signedBundle,
} from "../../mesh/contract/bundle.ts";
import { type ErrorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { type GuardLists, guardLists } from "../../mesh/contract/guard-policy.ts";
import { parseAs, parseJson, sha256Hex } from "../../mesh/contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../../mesh/contract/limits.ts";
import { type ModelPolicy, modelPolicy } from "../../mesh/contract/model-policy.ts";
import { type PolicySet, policySet } from "../../mesh/contract/policy-set.ts";
import { SIGN_IN_FILE, type SignInProvider } from "../../mesh/contract/sign-in.ts";
import { unverifiedPayloadOf, verifyJws } from "../../mesh/identity/jws.ts";
import { thumbprintOf } from "../../mesh/identity/keys.ts";
import { rootsAfter } from "../../mesh/identity/root-chain.ts";
import { openSignInStatement } from "../../mesh/identity/sign-in.ts";
import { withPeople } from "./known-people.ts";

/** `typ` of a manifest's JWS. */
export const BUNDLE_TYP = "gaggle-bundle+jws";
/** Largest manifest JWS, in bytes. */
const MAX_MANIFEST_BYTES = 1_048_576;
/** Most files in a bundle. */
export const MAX_BUNDLE_FILES = 500;
/** Largest sum of all files of a bundle, in bytes; so that a bundle fits into one request body. */
export const MAX_BUNDLE_BYTES = 4_194_304;

/** A bundle that was checked, with its parts parsed. */
export interface VerifiedBundle {
  readonly manifest: BundleManifest;
  readonly profile: RoleProfile;
  readonly orgChart: OrgChart;
  readonly policy: PolicySet;
  /** The organisation's lists for the guard, with the people of the org chart among the denied values. */
  readonly guardLists: GuardLists;
  /** Which model serves which call, and what it may cost. */
  readonly modelPolicy: ModelPolicy;
  /** Who signs people in, and the root key's statement of it for those who are no members yet; undefined where members join by invitation alone. */
  readonly signIn?: { readonly provider: SignInProvider; readonly statement: string };
  /** Text of every file by its path. */
  readonly files: Readonly<Record<string, string>>;
  /** The bundle as it came, to be stored or handed on. */
  readonly signed: SignedBundle;
  /** Text of one file. @throws GaggleError NOT_FOUND */
  text(path: string): string;
}

/** What a bundle is held against. */
export interface BundleExpectation {
  /** Thumbprint of the root key, pinned when joining. */
  readonly rootFingerprint: string;
  readonly org: string;
  readonly role: string;
  readonly nowMs: number;
  /** Oldest version that is taken: the highest seen so far. */
  readonly minVersion: number;
}

const refuse = (code: ErrorCode, message: string): GaggleError => new GaggleError(code, message);
const altered = (problem: string): GaggleError =>
  refuse("BUNDLE_SIGNATURE", `The profile bundle is refused: ${problem}. Get it again from the bootstrap node or the admin.`);

/**
 * Checks a bundle completely: {@link verifyBundleContent} and {@link checkBundleTimes}.
 * @throws GaggleError BUNDLE_SIGNATURE (unsigned, by another key, or altered), BUNDLE_NEWER, BUNDLE_MISMATCH, BUNDLE_ROLLBACK, BUNDLE_EXPIRED, CLOCK_SKEW
 */
export function verifyBundle(input: { bundle: unknown } & BundleExpectation): VerifiedBundle {
  const verified = verifyBundleContent(input);
  checkBundleTimes(verified.manifest, input.nowMs);
  return verified;
}

/**
 * Checks all of a bundle but its times: signature by the pinned root key, every file's hash, organisation, role, version, contents.
 * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_MISMATCH, BUNDLE_ROLLBACK
 */
export function verifyBundleContent(input: { bundle: unknown } & Omit<BundleExpectation, "nowMs">): VerifiedBundle {
  const signed = signedBundle.safeParse(input.bundle);
  if (!signed.success) throw altered("it is not a signed bundle (a manifest and its files)");
  const manifest = verifyManifest(signed.data.manifest, input.rootFingerprint);
  checkFiles(manifest, signed.data.files);
  checkExpectation(manifest, input);
  return openBundle(manifest, signed.data);
}

/** What of a manifest says whose it is; the rest may be of a version that is not known here. */
const anyManifest = z.looseObject({
  root: bundleManifest.shape.root,
  org: bundleManifest.shape.org,
  rotation: bundleManifest.shape.rotation,
});

/** @throws GaggleError BUNDLE_NEWER: what the root key signed is never taken in part, since a part that is not known may forbid something */
const newer = (cause: unknown): GaggleError =>
  new GaggleError(
    "BUNDLE_NEWER",
    "The profile bundle is signed by the root key, but for a newer Gaggle than this: update Gaggle on this machine. Until then the last good bundle counts, until it expires.",
    { cause },
  );

/**
 * Checks a manifest's signature and shape; not its times, version or files. A root key that followed the pinned one is believed, the pinned one
 * itself then no more.
 * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_NEWER
 */
export function verifyManifest(jws: string, rootFingerprint: string): BundleManifest {
  const signed = signedByRoot(jws, rootFingerprint);
  const manifest = bundleManifest.safeParse(signed);
  if (manifest.success) return manifest.data;
  const isOnlyMore = manifest.error.issues.every(({ code }) => code === "unrecognized_keys" || code === "invalid_value");
  throw isOnlyMore ? newer(manifest.error) : altered("its manifest lacks something or is malformed");
}

/** What the root key signed, whatever it says. @throws GaggleError BUNDLE_SIGNATURE */
function signedByRoot(jws: string, rootFingerprint: string): unknown {
  try {
    const { root, org, rotation = [] } = anyManifest.parse(unverifiedPayloadOf(jws, MAX_MANIFEST_BYTES));
    if (thumbprintOf(root) !== rootsAfter(rootFingerprint, rotation, org).at(-1)) throw altered("it is not signed by the pinned root key");
    return verifyJws({ jws, typ: BUNDLE_TYP, key: root, maxBytes: MAX_MANIFEST_BYTES });
  } catch (cause) {
    if (cause instanceof GaggleError && cause.code === "BUNDLE_SIGNATURE") throw cause;
    throw new GaggleError("BUNDLE_SIGNATURE", "The profile bundle is refused: its manifest is not signed or was altered. Get it again.", {
      cause,
    });
  }
}

/** The files must be exactly those of the manifest, byte for byte. */
function checkFiles(manifest: BundleManifest, files: Record<string, string>): void {
  const named = Object.keys(manifest.files);
  const given = Object.keys(files);
  if (given.length > MAX_BUNDLE_FILES) throw altered(`it has more than ${MAX_BUNDLE_FILES} files`);
  if (named.length !== given.length) throw altered("its files are not those of the manifest");
  let bytes = 0;
  for (const [path, text] of Object.entries(files)) {
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_BUNDLE_BYTES) throw altered(`its files are larger than ${MAX_BUNDLE_BYTES} bytes`);
    if (manifest.files[path] !== sha256Hex(text)) throw altered(`the file ${path} is not the signed one`);
  }
}

function checkExpectation(manifest: BundleManifest, expected: Omit<BundleExpectation, "nowMs">): void {
  if (manifest.org !== expected.org) throw refuse("BUNDLE_MISMATCH", "The profile bundle is for another organisation.");
  if (manifest.role !== expected.role) {
    throw refuse("BUNDLE_MISMATCH", `The profile bundle is for the role ${manifest.role}, and this agent has the role ${expected.role}.`);
  }
  if (manifest.version < expected.minVersion) {
    throw refuse("BUNDLE_ROLLBACK", `The profile bundle has version ${manifest.version}, older than the accepted ${expected.minVersion}.`);
  }
}

/**
 * Checks that a manifest is in time.
 * @throws GaggleError BUNDLE_EXPIRED, CLOCK_SKEW (it is from the future by more than the leeway)
 */
export function checkBundleTimes(manifest: BundleManifest, nowMs: number): void {
  if (Date.parse(manifest.issuedAt) > nowMs + CLOCK_LEEWAY_MS) {
    throw refuse("CLOCK_SKEW", "The profile bundle is from the future; set this machine's clock right.");
  }
  if (nowMs >= Date.parse(manifest.expiresAt)) {
    throw refuse(
      "BUNDLE_EXPIRED",
      `The profile bundle expired at ${manifest.expiresAt}; an admin renews it with: gaggle org sign --publish URL`,
    );
  }
}

function signInOf(manifest: BundleManifest, { files }: SignedBundle): Pick<VerifiedBundle, "signIn"> {
  const statement = Object.hasOwn(files, SIGN_IN_FILE) ? files[SIGN_IN_FILE] : undefined;
  if (statement === undefined) return {};
  const { org, version, provider } = openSignInStatement(statement, manifest.root);
  if (org !== manifest.org || version !== manifest.version) throw refuse("INVALID_INPUT", "sign-in.jws is not of this bundle.");
  return { signIn: { provider, statement } };
}

/** What stands for a file that bundles did not have before 2026-11. */
const NOTHING = JSON.stringify({ v: 1 });

/** Parses what every bundle holds; a signed bundle that lacks it is refused too. */
function openBundle(manifest: BundleManifest, signed: SignedBundle): VerifiedBundle {
  const text = (path: string): string => {
    const found = Object.hasOwn(signed.files, path) ? signed.files[path] : undefined;
    if (found === undefined) throw refuse("NOT_FOUND", `The profile bundle has no file ${path}.`);
    return found;
  };
  try {
    const parse = <T>(path: string, schema: z.ZodType<T>, missing?: string): T => {
      const given = missing !== undefined && !Object.hasOwn(signed.files, path) ? missing : text(path);
      return parseAs(schema, parseJson(given, path), path);
    };
    const profile = parse("profile.json", roleProfile);
    const chart = parse("org-chart.json", orgChart);
    const policy = parse("policy.json", policySet);
    const lists = withPeople(parse("guard.json", guardLists, NOTHING), chart);
    const models = parse("models.json", modelPolicy, NOTHING);
    if (profile.role !== manifest.role) throw refuse("INVALID_INPUT", "profile.json is for another role than the manifest.");
    if (sha256Hex(text("policy.json")) !== manifest.policyHash) throw refuse("INVALID_INPUT", "policyHash is not the hash of policy.json.");
    // What is evaluated is what the admin's files say, so that reading them is enough.
    for (const one of policy.policies)
      if (!text(one.file).includes(one.text)) throw refuse("INVALID_INPUT", `${one.file} lacks ${one.id}.`);
    for (const { recipe } of profile.skills) text(recipe);
    return {
      ...signInOf(manifest, signed),
      manifest,
      profile,
      orgChart: chart,
      policy,
      guardLists: lists,
      modelPolicy: models,
      files: signed.files,
      signed,
      text,
    };
  } catch (cause) {
    throw new GaggleError(
      "BUNDLE_SIGNATURE",
      "The profile bundle is signed, but something in it is missing or not known to this Gaggle: update Gaggle on this machine; where that is done, an admin must sign a new one with: gaggle org sign",
      { cause },
    );
  }
}
