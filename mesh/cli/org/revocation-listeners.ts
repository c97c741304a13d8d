/** Who can be told a revocation: the bootstrap node over its API, the daemon of this machine over its socket. */
import { verifyManifest } from "../../../profiles/bundle/verify.ts";
import { createBootstrapClient } from "../../agent/bootstrap-client.ts";
import { connectDaemon } from "../../client/connect-daemon.ts";
import { GaggleError } from "../../contract/errors.ts";
import { checkBaseUrl } from "../../identity/invitation.ts";
import { nodeFetch } from "./node-pin.ts";
import { adminSigner, findRevocations, type OrgDeps, orgPaths, readOrg } from "./org-folder.ts";
import type { RevocationListener } from "./org-revoke.ts";
import { readStatements, writeStatements } from "./revocation-file.ts";

/** What reaching a node needs. */
export type NodeDeps = OrgDeps & { readonly fetch?: typeof globalThis.fetch };

/** A bootstrap node. @param url its base URL */
export async function nodeListener(dir: string, url: string, deps: NodeDeps): Promise<RevocationListener> {
  const { org, rootFingerprint } = await readOrg(dir);
  const baseUrl = checkBaseUrl(url);
  const client = createBootstrapClient(
    { ...deps, fetch: await nodeFetch(dir, url, deps.fetch), signer: await adminSigner(dir) },
    { baseUrl, org },
  );
  return {
    name: baseUrl,
    known: async () => (await client.revocations()).statements,
    list: async () => verifyManifest((await client.revocations()).manifest, rootFingerprint).revocations,
    tell: (statement) => client.revoke(statement),
  };
}

/** The daemon of a home; undefined where none runs. It is not started for this. */
export async function daemonListener(home: string): Promise<(RevocationListener & { close(): void }) | undefined> {
  try {
    const daemon = await connectDaemon({ home, program: "gaggle", timeoutMs: 500 });
    return {
      name: "this machine's agent",
      known: async () => [],
      tell: (statement) => daemon.call("member.revoke", { statement }),
      close: () => daemon.close(),
    };
  } catch (error) {
    if (error instanceof GaggleError) return undefined;
    throw error;
  }
}

/** An organisation's folder from an old backup, or an old copy, would sign away what was revoked since. @throws GaggleError CONFLICT */
async function refuseOlderList(dir: string, node: RevocationListener): Promise<void> {
  const published = await node.list?.().catch(() => undefined);
  const own = await findRevocations(dir);
  if (published === undefined || own === undefined || own.seq >= published.seq) return;
  const problem = `The list in ${orgPaths(dir).revocations} (number ${own.seq}) is older than the published one (number ${published.seq})`;
  throw new GaggleError(
    "CONFLICT",
    `${problem}: whom it lacks would be trusted again. Take the newest copy of this folder, or write the published list there.`,
  );
}

/**
 * Adds to the folder what other admins' machines have told a node, so that the next bundle carries it. What does not hold is left out when it is folded in.
 * A node that does not answer is left out: what it knows stays open, and counts until a bundle settles it.
 * @throws GaggleError CONFLICT where the folder's list is older than the published one
 */
export async function gatherStatements(dir: string, url: string, deps: NodeDeps): Promise<void> {
  const own = await readStatements(dir);
  const node = await nodeListener(dir, url, deps);
  await refuseOlderList(dir, node);
  const heard = await node.known().catch((error: unknown) => {
    if (error instanceof GaggleError) return [];
    throw error;
  });
  if (heard.some((one) => !own.includes(one))) await writeStatements(dir, [...own, ...heard]);
}
