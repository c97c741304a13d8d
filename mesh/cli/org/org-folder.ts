/** The admin's folder of an organisation: keys, sources, roster, revocations, signed bundles. Made by `gaggle org init`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Revocations, type Roster, revocations, roster } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { ed25519Jwk } from "../../contract/identity.ts";
import { orgId, thumbprint } from "../../contract/ids.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { rotation } from "../../contract/root-step.ts";
import type { Clock, Random, Signer } from "../../contract/ports.ts";
import { vaultKey } from "../../identity/vault-root.ts";
import { readSigningKey } from "../../identity/key-file.ts";
import { createSigner } from "../../identity/keys.ts";
import { type PseudonymKey, readPseudonymKeys } from "../../identity/pseudonym-keys.ts";
import { readPrivateText, writePrivateFile } from "../../store/private-file.ts";

/** Where the root key is: in a file of this folder, on another machine, or in Vault. */
const rootPlace = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("file") }),
  z.strictObject({ kind: z.literal("offline") }),
  vaultKey,
]);
/** `org.json`: public facts about the organisation. `version` is the last one that was signed; 0 before the first. */
const orgFile = z.strictObject({
  v: z.literal(1),
  org: orgId,
  rootFingerprint: thumbprint,
  issuers: z.array(ed25519Jwk).min(1),
  admins: z.array(ed25519Jwk).min(1),
  version: z.int().min(0),
  /** Where the root key is; in `root/` where left out. */
  root: rootPlace.optional(),
  /** How the root key came to be this one. */
  rotation: rotation.optional(),
});
/** `org.json`: public facts about the organisation. */
export type OrgFile = z.infer<typeof orgFile>;

/** What the commands need of the world. */
export interface OrgDeps {
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
}

/** The files of an organisation's folder. */
export const orgPaths = (dir: string) => ({
  org: join(dir, "org.json"),
  rootKey: join(dir, "root", "root.json"),
  adminKey: join(dir, "admin", "admin.json"),
  pseudonym: join(dir, "admin", "pseudonym.json"),
  issuerKey: join(dir, "bootstrap", "keys", "issuer.json"),
  node: join(dir, "bootstrap", "node.json"),
  nodeBundles: join(dir, "bootstrap", "bundles"),
  profiles: join(dir, "profiles"),
  recipes: join(dir, "recipes"),
  roster: join(dir, "roster.json"),
  revocations: join(dir, "revocations.json"),
  statements: join(dir, "statements.json"),
  bundles: join(dir, "bundles"),
});

/** `org.json`, or undefined where the folder holds no organisation. */
export const findOrg = (dir: string): Promise<OrgFile | undefined> => readJson(orgPaths(dir).org, orgFile);

/** `org.json`. @throws GaggleError NOT_FOUND */
export async function readOrg(dir: string): Promise<OrgFile> {
  const found = await findOrg(dir);
  if (found !== undefined) return found;
  throw new GaggleError("NOT_FOUND", `There is no organisation in ${dir}. Make one with: gaggle org init --dir ${dir}`);
}

/** Who counts as approver and steward. */
export const readRoster = async (dir: string): Promise<Roster> =>
  (await readJson(orgPaths(dir).roster, roster)) ?? { approvers: [], stewards: [] };

/** What is revoked, or undefined where the folder has no list: an admin's machine without the root key needs none. */
export const findRevocations = (dir: string): Promise<Revocations | undefined> => readJson(orgPaths(dir).revocations, revocations);

/** What is revoked. @throws GaggleError NOT_FOUND: that the list is lost must not pass for an empty one */
export async function readRevocations(dir: string): Promise<Revocations> {
  const path = orgPaths(dir).revocations;
  const found = await findRevocations(dir);
  if (found !== undefined) return found;
  throw new GaggleError("NOT_FOUND", `There is no ${path}; restore it from a backup, or members that were revoked would be trusted again.`);
}

/** The root key's signer, where the key is in this folder. @throws GaggleError NOT_FOUND, CONFLICT where it is not this organisation's */
export const rootSigner = async (dir: string): Promise<Signer> =>
  readLocalRoot(dirname(orgPaths(dir).rootKey), (await readOrg(dir)).rootFingerprint);

/** Where a root key lies that followed another: the first one is `root.json`. */
export const nextRootPath = (rootDir: string, fingerprint: string): string => join(rootDir, `${fingerprint}.json`);

/** A root key in a folder. @throws GaggleError NOT_FOUND where there is none, CONFLICT where it is another */
export async function readLocalRoot(rootDir: string, fingerprint: string): Promise<Signer> {
  const later = nextRootPath(rootDir, fingerprint);
  const path = existsSync(later) ? later : join(rootDir, "root.json");
  const signer = createSigner(await readSigningKey(path, "root key"));
  if (signer.thumbprint === fingerprint) return signer;
  throw new GaggleError("CONFLICT", `The key in ${path} is not this organisation's root key; restore the right one.`);
}

/** The admin key's signer. @throws GaggleError NOT_FOUND */
export const adminSigner = async (dir: string): Promise<Signer> => createSigner(await readSigningKey(orgPaths(dir).adminKey, "admin key"));

/** The newest pseudonym key and its epoch. @throws GaggleError NOT_FOUND */
export async function readPseudonymKey(dir: string): Promise<PseudonymKey> {
  const path = orgPaths(dir).pseudonym;
  const [newest] = (await readPseudonymKeys(path)) ?? [];
  if (newest === undefined) throw new GaggleError("NOT_FOUND", `There is no pseudonym key at ${path}; restore it from a backup.`);
  return newest;
}

/** Writes a value as JSON, atomically. */
export const writeJson = (path: string, value: unknown): Promise<void> => writePrivateFile(path, `${JSON.stringify(value, null, 2)}\n`);

/** Reads a JSON file of the given shape, or undefined where there is none. @throws GaggleError INVALID_INPUT naming the file */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readPrivateText(path);
  return text === undefined ? undefined : parseAs(schema, parseJson(text, path), path);
}
