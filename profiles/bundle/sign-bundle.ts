/** Signs a role's bundle with the root key. */
import { type BundleManifest, bundleManifest, signedBundle, type SignedBundle } from "../../mesh/contract/bundle.ts";
import { parseAs, sha256Hex } from "../../mesh/contract/json.ts";
import { BUNDLE_LIFETIME_MS } from "../../mesh/contract/limits.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { SIGN_IN_FILE, type SignInStatement } from "../../mesh/contract/sign-in.ts";
import { signJws } from "../../mesh/identity/jws.ts";
import type { BundleDraft } from "./build-bundles.ts";
import { BUNDLE_TYP } from "./verify.ts";

/** What the root key says beside the files: whom to believe for what. The same for every role. */
export type BundleTrust = Pick<BundleManifest, "org" | "issuers" | "admins" | "roster" | "revocations" | "rotation">;

/**
 * Signs a bundle.
 * @param input `root`: the root key; `version`: higher than any signed before; `lifetimeMs`: default and at most 30 days
 * @throws GaggleError INVALID_INPUT where a path or size is beyond what agents accept
 */
export function signBundle(input: {
  draft: BundleDraft;
  trust: BundleTrust;
  version: number;
  nowMs: number;
  root: Signer;
  lifetimeMs?: number;
}): SignedBundle {
  const { draft, nowMs, root } = input;
  const lifetimeMs = Math.min(input.lifetimeMs ?? BUNDLE_LIFETIME_MS, BUNDLE_LIFETIME_MS);
  const times = { issuedAt: new Date(nowMs).toISOString(), expiresAt: new Date(nowMs + lifetimeMs).toISOString() };
  const files = { ...draft.files, ...signInFile(input, times) };
  const manifest: BundleManifest = {
    v: 1,
    ...input.trust,
    orgName: draft.orgName,
    role: draft.role,
    version: input.version,
    ...times,
    root: root.publicJwk,
    ...(draft.retentionDays === undefined ? {} : { retentionDays: draft.retentionDays }),
    policyHash: draft.policyHash,
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, sha256Hex(text)])),
  };
  const what = `The bundle of the role ${draft.role}`;
  const jws = signJws({ typ: BUNDLE_TYP, payload: parseAs(bundleManifest, manifest, what), signer: root });
  return parseAs(signedBundle, { manifest: jws, files }, what);
}

/** Who signs people in, signed by itself, so that it can be shown to those who are no members yet. */
function signInFile(
  { draft, trust, version, root }: { draft: BundleDraft; trust: BundleTrust; version: number; root: Signer },
  times: Pick<SignInStatement, "issuedAt" | "expiresAt">,
): Readonly<Record<string, string>> {
  if (draft.signIn === undefined) return {};
  const statement: SignInStatement = { v: 1, org: trust.org, version, ...times, root: root.publicJwk, provider: draft.signIn };
  return { [SIGN_IN_FILE]: signJws({ typ: "gaggle-sign-in+jws", payload: statement, signer: root }) };
}
