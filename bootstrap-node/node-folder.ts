/**
 * The folder that a bootstrap node lives in: made by `gaggle org init` as `bootstrap/`, and all that the node ever needs of the
 * organisation.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type SignedBundle, signedBundle } from "../mesh/contract/bundle.ts";
import { GaggleError, ifThere, systemCode } from "../mesh/contract/errors.ts";
import { orgId, thumbprint } from "../mesh/contract/ids.ts";
import { readNetworkKey } from "../mesh/identity/network-key.ts";
import { parseAs, parseJson } from "../mesh/contract/json.ts";
import type { Random } from "../mesh/contract/ports.ts";
import { protectFolder } from "../mesh/identity/at-rest/protect-folder.ts";
import { ensureAgentKeys, readSigningKey } from "../mesh/identity/key-file.ts";
import type { AgentKeys, Ed25519PrivateJwk } from "../mesh/identity/keys.ts";
import { refuseForeignHand } from "../mesh/store/private-file.ts";

/** `node.json` of the folder: whom the node serves. Nothing in it is secret. */
export const nodeFile = z.strictObject({ v: z.literal(1), org: orgId, rootFingerprint: thumbprint });

/** What a node knows from its folder when it starts. */
export interface NodeFolder {
  readonly org: string;
  readonly rootFingerprint: string;
  /** The issuer keys that are there, the next one last; see {@link readIssuers}. */
  readonly issuers: readonly [Ed25519PrivateJwk, ...Ed25519PrivateJwk[]];
  /** Folder of the node's keys. */
  readonly keysDir: string;
  /** The node's own keys as a peer; made at the first start. */
  readonly agentKeys: AgentKeys;
  /** Pre-shared key of the network; undefined where the organisation uses none. */
  readonly networkKey: Uint8Array | undefined;
  /** Bundles that the admin put there; unchecked. */
  readonly bundles: readonly SignedBundle[];
  /** Folder of the node's LevelDB. */
  readonly storeDir: string;
}

/**
 * Reads a node's folder.
 * @throws GaggleError NOT_FOUND where it is none, CREDENTIAL_INVALID where others can read its keys or write the folder
 */
export async function readNodeFolder(dir: string, random: Random): Promise<NodeFolder> {
  for (const one of [dir, join(dir, "node.json")]) await refuseForeignHand(one);
  const { org, rootFingerprint } = await readNodeFile(join(dir, "node.json"));
  const keysDir = join(dir, "keys");
  // The admin's machine made the issuer's key plain, to be carried here; from now on it opens here alone.
  await protectFolder(keysDir);
  return {
    org,
    rootFingerprint,
    issuers: await readIssuers(keysDir),
    keysDir,
    agentKeys: await ensureAgentKeys(keysDir, random),
    networkKey: await readNetworkKey(join(keysDir, "network.json")),
    bundles: await readBundles(join(dir, "bundles")),
    storeDir: join(dir, "store"),
  };
}

/**
 * The issuer key in use and, while one is being replaced, the next one (`issuer-next.json`).
 * @throws GaggleError NOT_FOUND, CREDENTIAL_INVALID
 */
export async function readIssuers(keysDir: string): Promise<[Ed25519PrivateJwk, ...Ed25519PrivateJwk[]]> {
  const current = await readSigningKey(join(keysDir, "issuer.json"), "issuer key");
  try {
    return [current, await readSigningKey(join(keysDir, "issuer-next.json"), "next issuer key")];
  } catch (error) {
    if (error instanceof GaggleError && error.code === "NOT_FOUND") return [current];
    throw error;
  }
}

async function readNodeFile(path: string): Promise<z.infer<typeof nodeFile>> {
  try {
    return parseAs(nodeFile, parseJson(await readFile(path, "utf8"), path), path);
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new GaggleError("NOT_FOUND", `There is no ${path}; name the folder bootstrap/ that gaggle org init made.`, { cause });
  }
}

async function readBundles(dir: string): Promise<SignedBundle[]> {
  const names = (await ifThere(readdir(dir))) ?? [];
  const paths = names.filter((name) => /^[a-z][a-z0-9-]*\.json$/.test(name)).map((name) => join(dir, name));
  return Promise.all(paths.map(async (path) => parseAs(signedBundle, parseJson(await readFile(path, "utf8"), path), path)));
}
