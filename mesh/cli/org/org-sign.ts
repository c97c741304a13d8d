/** `gaggle org sign`: builds and signs every role's bundle, one version up, and publishes them. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { buildBundles } from "../../../profiles/bundle/build-bundles.ts";
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import { signBundle } from "../../../profiles/bundle/sign-bundle.ts";
import { createBootstrapClient } from "../../agent/bootstrap-client.ts";
import type { SignedBundle } from "../../contract/bundle.ts";
import { BUNDLE_LIFETIME_MS } from "../../contract/limits.ts";
import { checkBaseUrl } from "../../identity/invitation.ts";
import { type Output, paint } from "../output.ts";
import { adminSigner, type OrgDeps, orgPaths, readOrg, readRevocations, readRoster, rootSigner, writeJson } from "./org-folder.ts";

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

/**
 * Signs new bundles (30 days) into `bundles/` and into the bootstrap node's folder; with `publish`, sends them to the running node too.
 * @throws GaggleError INVALID_INPUT naming what is wrong in the sources, NOT_FOUND, PEER_UNREACHABLE (signed, but not published)
 */
export async function orgSign(
  options: OrgSignOptions,
  out: Output,
  deps: OrgDeps & { fetch?: typeof globalThis.fetch },
): Promise<SignedRelease> {
  const { dir } = options;
  const paths = orgPaths(dir);
  const org = await readOrg(dir);
  const root = await rootSigner(dir);
  const drafts = buildBundles(await readSources(paths.profiles, paths.recipes));
  const trust = {
    org: org.org,
    issuers: org.issuers,
    admins: org.admins,
    roster: await readRoster(dir),
    revocations: await readRevocations(dir),
  };
  const version = org.version + 1;
  const nowMs = deps.clock.now();
  const bundles = drafts.map((draft) => ({ role: draft.role, bundle: signBundle({ draft, trust, version, nowMs, root }) }));
  // Before the bundles: after a crash a version is skipped, never used for two contents.
  await writeJson(paths.org, { ...org, version });
  for (const folder of [paths.bundles, paths.nodeBundles]) await replaceBundles(folder, bundles);
  if (options.publish !== undefined) await publish(options.publish, bundles, org.org, dir, deps);
  const expiresAt = new Date(nowMs + BUNDLE_LIFETIME_MS).toISOString();
  const release = { org: org.org, version, expiresAt, roles: bundles.map(({ role }) => role) };
  out.result(release);
  out.line(`Signed version ${paint.strong(String(version))} for ${release.roles.join(", ")}; good until ${expiresAt.slice(0, 10)}.`);
  if (options.publish === undefined) out.line("A bootstrap node that runs gets it with: gaggle org sign --publish URL");
  return release;
}

/** Writes the bundles of all roles; a role that is gone leaves no file behind. */
async function replaceBundles(folder: string, bundles: readonly { role: string; bundle: SignedBundle }[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const { role, bundle } of bundles) await writeJson(join(folder, `${role}.json`), bundle);
}

async function publish(
  url: string,
  bundles: readonly { role: string; bundle: SignedBundle }[],
  org: string,
  dir: string,
  deps: OrgDeps & { fetch?: typeof globalThis.fetch },
): Promise<void> {
  const signer = await adminSigner(dir);
  const config = { baseUrl: checkBaseUrl(url), org };
  const client = createBootstrapClient({ signer, clock: deps.clock, random: deps.random, fetch: deps.fetch ?? globalThis.fetch }, config);
  for (const { bundle } of bundles) await client.publish(bundle);
}
