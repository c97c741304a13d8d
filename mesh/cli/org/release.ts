/** A release: the bundles of all roles under one version, from what is to be signed to what lies in the folders. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type BundleDraft, buildBundles } from "../../../profiles/bundle/build-bundles.ts";
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import { type BundleTrust, signBundle } from "../../../profiles/bundle/sign-bundle.ts";
import { createBootstrapClient } from "../../agent/bootstrap-client.ts";
import { type SignedBundle, signedBundle } from "../../contract/bundle.ts";
import { slug } from "../../contract/ids.ts";
import { checkBaseUrl } from "../../identity/invitation.ts";
import { type RootSigner, signWithRoot } from "../../identity/root-signer.ts";
import { nodeFetch } from "./node-pin.ts";
import { adminSigner, type OrgDeps, orgPaths, readOrg, readRoster, writeJson } from "./org-folder.ts";
import { foldRevocations } from "./revocation-file.ts";

/** What is to be signed: everything that goes into the bundles, and nothing that is not said. */
export interface ReleaseDraft {
  readonly version: number;
  /** When it counts as issued, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly trust: BundleTrust;
  readonly drafts: readonly BundleDraft[];
}

/** The bundles of all roles. */
export const releaseBundles = z.array(z.strictObject({ role: slug, bundle: signedBundle })).min(1);
/** The bundles of all roles. */
export type ReleaseBundles = readonly { readonly role: string; readonly bundle: SignedBundle }[];

/** Puts together what the next version says. @throws GaggleError INVALID_INPUT naming what is wrong in the sources, NOT_FOUND */
export async function draftRelease(dir: string, nowMs: number): Promise<ReleaseDraft> {
  const { profiles, recipes } = orgPaths(dir);
  const { org, issuers, admins, version, rotation } = await readOrg(dir);
  const drafts = buildBundles(await readSources(profiles, recipes));
  const trust = { org, issuers, admins, roster: await readRoster(dir), revocations: await foldRevocations(dir) };
  return { version: version + 1, nowMs, trust: rotation === undefined ? trust : { ...trust, rotation }, drafts };
}

/** Signs it, wherever the root key is. */
export const signRelease = ({ drafts, ...rest }: ReleaseDraft, root: RootSigner): Promise<ReleaseBundles> =>
  signWithRoot(root, (signer) => drafts.map((draft) => ({ role: draft.role, bundle: signBundle({ draft, ...rest, root: signer }) })));

/** Puts signed bundles into the folders of admin and node. */
export async function storeRelease(dir: string, version: number, bundles: ReleaseBundles): Promise<void> {
  const paths = orgPaths(dir);
  // Before the bundles: after a crash a version is skipped, never used for two contents.
  await writeJson(paths.org, { ...(await readOrg(dir)), version });
  for (const folder of [paths.bundles, paths.nodeBundles]) {
    // A role that is gone leaves no file behind.
    await rm(folder, { recursive: true, force: true });
    for (const { role, bundle } of bundles) await writeJson(join(folder, `${role}.json`), bundle);
  }
}

/** Sends signed bundles to a running node. @throws GaggleError PEER_UNREACHABLE and what the node answers */
export async function publishRelease(
  dir: string,
  url: string,
  bundles: ReleaseBundles,
  deps: OrgDeps & { fetch?: typeof globalThis.fetch },
): Promise<void> {
  const { org } = await readOrg(dir);
  const wire = { signer: await adminSigner(dir), clock: deps.clock, random: deps.random, fetch: await nodeFetch(dir, url, deps.fetch) };
  const client = createBootstrapClient(wire, { baseUrl: checkBaseUrl(url), org });
  for (const { bundle } of bundles) await client.publish(bundle);
}
