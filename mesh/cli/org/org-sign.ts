/** `gaggle org sign`: builds and signs every role's bundle, one version up, and publishes them. */
import { BUNDLE_LIFETIME_MS } from "../../contract/limits.ts";
import { type Output, paint } from "../output.ts";
import { noteIssuersSigned } from "./org-rotate-issuer.ts";
import { gatherStatements } from "./revocation-listeners.ts";
import { openRoot, type RootDeps } from "./open-root.ts";
import type { OrgDeps } from "./org-folder.ts";
import { draftRelease, publishRelease, type ReleaseBundles, type ReleaseDraft, signRelease, storeRelease } from "./release.ts";

/** Options of `gaggle org sign`. */
export interface OrgSignOptions {
  readonly dir: string;
  /** Base URL of a running bootstrap node that shall have the bundles at once. */
  readonly publish?: string;
}

/** What was signed. */
export interface SignedRelease {
  readonly org: string;
  readonly version: number;
  readonly expiresAt: string;
  readonly roles: readonly string[];
}

/** What signing needs of the world. */
export type SignDeps = OrgDeps & RootDeps;

/**
 * Signs new bundles (30 days) into `bundles/` and into the bootstrap node's folder; with `publish`, sends them to the running node too.
 * @throws GaggleError INVALID_INPUT naming what is wrong in the sources, NOT_FOUND, PEER_UNREACHABLE (signed, but not published), what
 *   {@link openRoot} throws
 */
export async function orgSign(options: OrgSignOptions, out: Output, deps: SignDeps): Promise<SignedRelease> {
  const root = await openRoot(options.dir, deps);
  if (options.publish !== undefined) await gatherStatements(options.dir, options.publish, deps);
  const draft = await draftRelease(options.dir, deps.clock.now());
  return finishRelease(options, draft, await signRelease(draft, root), out, deps);
}

/** Stores and publishes what was signed, here or elsewhere, and says so. @throws GaggleError PEER_UNREACHABLE (signed, but not published) */
export async function finishRelease(
  { dir, publish }: OrgSignOptions,
  { version, nowMs, trust }: Pick<ReleaseDraft, "version" | "nowMs" | "trust">,
  bundles: ReleaseBundles,
  out: Output,
  deps: SignDeps,
): Promise<SignedRelease> {
  await storeRelease(dir, version, bundles);
  await noteIssuersSigned(dir, nowMs);
  if (publish !== undefined) await publishRelease(dir, publish, bundles, deps);
  const expiresAt = new Date(nowMs + BUNDLE_LIFETIME_MS).toISOString();
  const release = { org: trust.org, version, expiresAt, roles: bundles.map(({ role }) => role) };
  out.result(release);
  out.line(`Signed version ${paint.strong(String(version))} for ${release.roles.join(", ")}; good until ${expiresAt.slice(0, 10)}.`);
  if (publish === undefined) out.line("A bootstrap node that runs gets it with: gaggle org sign --publish URL");
  if (publish === undefined && version === 1) {
    out.line(`Next: run the node with gaggle bootstrap --dir ${dir}/bootstrap; then, for each person of the org chart:`);
    out.line(`  gaggle org invite --dir ${dir} --role ROLE --user ID --url http://127.0.0.1:4870`);
  }
  return release;
}
