/** `gaggle org init`: makes an organisation's keys and folder. */
import { cp, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { GaggleError, ifThere } from "../../contract/errors.ts";
import type { Ed25519Jwk } from "../../contract/identity.ts";
import type { Random } from "../../contract/ports.ts";
import { createVaultKey, openVaultRoot, type VaultKey } from "../../identity/vault-root.ts";
import { type RootDeps, vaultDeps } from "./open-root.ts";
import type { Protection } from "../../identity/at-rest/key-sources.ts";
import { protectFolder } from "../../identity/at-rest/protect-folder.ts";
import { readSigningKey, writeSigningKey } from "../../identity/key-file.ts";
import { type Ed25519PrivateJwk, generateSigningKey, publicJwkOf, thumbprintOf } from "../../identity/keys.ts";
import { orgIdOf } from "../../identity/org-id.ts";
import { addPseudonymKey, newPseudonymKey, readPseudonymKeys } from "../../identity/pseudonym-keys.ts";
import { makePrivateFolder, writePrivateFile } from "../../store/private-file.ts";
import { type Output, paint } from "../output.ts";
import { tellProtection } from "../key-words.ts";
import { findOrg, type OrgDeps, type OrgFile, orgPaths, readRoster, writeJson } from "./org-folder.ts";

/** Options of `gaggle org init`. */
export interface OrgInitOptions {
  readonly dir: string;
  /** Where Gaggle is installed: has `profiles/` and `recipes/`. */
  readonly installDir: string;
  readonly content: "sample" | "empty";
  /** Name of the organisation; default: what the content says. */
  readonly name?: string;
  /** Where the root key is, if not in this folder: on another machine, that told its public part, or in Vault. */
  readonly root?: { readonly kind: "offline"; readonly key: Ed25519Jwk } | VaultKey;
}

/**
 * Makes an organisation. Run again, it completes what is missing and replaces nothing, least of all a key.
 * @throws GaggleError NOT_FOUND where the installation lacks the content, CREDENTIAL_INVALID where others can read the keys
 */
export async function orgInit(options: OrgInitOptions, out: Output, deps: OrgDeps & RootDeps): Promise<OrgFile> {
  const { dir } = options;
  const existing = await findOrg(dir);
  if (existing !== undefined) {
    out.result(existing);
    out.line(`${dir} already holds the organisation ${existing.org}; nothing was changed.`);
    return existing;
  }
  const paths = orgPaths(dir);
  await makePrivateFolder(dir);
  const { by } = await protectFolder(dirname(paths.adminKey));
  const { rootFingerprint, root } = await ensureRoot(options, deps);
  const admin = await ensureKey(paths.adminKey, "admin key", deps.random);
  const issuer = await ensureKey(paths.issuerKey, "issuer key", deps.random);
  await ensurePseudonymKey(paths.pseudonym, deps);
  await copyContent(options);
  const org = orgIdOf(rootFingerprint);
  await writeJson(paths.node, { v: 1, org, rootFingerprint });
  await writeJson(paths.roster, await readRoster(dir));
  await writeJson(paths.revocations, { seq: 0, agents: [], subjects: [], keys: [] });
  // Last: only a complete folder counts as an organisation.
  const keys = { issuers: [publicJwkOf(issuer)], admins: [publicJwkOf(admin)] };
  const file: OrgFile = { v: 1, org, rootFingerprint, ...keys, version: 0, ...(root === undefined ? {} : { root }) };
  await writeJson(paths.org, file);
  tell(out, options, file, by);
  return file;
}

function tell(out: Output, { dir }: OrgInitOptions, file: OrgFile, by: Protection): void {
  const paths = orgPaths(dir);
  out.result(file);
  out.line(`Made the organisation ${paint.strong(file.org)} in ${dir}.`);
  const place = {
    file: `${paths.rootKey} (keep it offline; it is only needed for gaggle org sign)`,
    offline: "on the other machine",
    vault: "in Vault",
  };
  out.line(`  root key      ${place[file.root?.kind ?? "file"]}`);
  out.line(`  sources       ${paths.profiles} and ${paths.recipes} (edit them)`);
  out.line(`  for the node  ${join(dir, "bootstrap")} (all that gaggle bootstrap needs)`);
  tellProtection(out, by);
  out.line(`Next: gaggle org sign --dir ${dir}`);
}

/** Makes or finds the root key. */
async function ensureRoot({ dir, root }: OrgInitOptions, deps: OrgDeps & RootDeps): Promise<Pick<OrgFile, "rootFingerprint" | "root">> {
  if (root?.kind === "offline") return { rootFingerprint: thumbprintOf(root.key), root: { kind: "offline" } };
  if (root?.kind === "vault") {
    const vault = vaultDeps(deps);
    await createVaultKey(vault, root);
    return { rootFingerprint: (await openVaultRoot(vault, root)).thumbprint, root };
  }
  return { rootFingerprint: thumbprintOf(await ensureRootKey(dirname(orgPaths(dir).rootKey), deps.random)) };
}

/** The root key in a folder of its own; made where there is none. Run on a machine that may stay offline. */
export async function ensureRootKey(rootDir: string, random: Random): Promise<Ed25519Jwk> {
  await makePrivateFolder(rootDir);
  await protectFolder(rootDir);
  return publicJwkOf(await ensureKey(join(rootDir, "root.json"), "root key", random));
}

async function ensureKey(path: string, what: string, random: Random): Promise<Ed25519PrivateJwk> {
  if (await isThere(path)) return readSigningKey(path, what);
  const key = generateSigningKey(random);
  await writeSigningKey(path, key);
  return key;
}

async function ensurePseudonymKey(path: string, { random, clock }: OrgDeps): Promise<void> {
  if ((await readPseudonymKeys(path)) === undefined) await addPseudonymKey(path, { epoch: 1, key: newPseudonymKey(random) }, clock.now());
}

/** Copies the sources that the admin edits; what is there already stays as it is. */
async function copyContent({ dir, installDir, content, name }: OrgInitOptions): Promise<void> {
  const paths = orgPaths(dir);
  const from = join(installDir, "profiles", content);
  if (!(await isThere(join(from, "organisation.yaml")))) {
    throw new GaggleError("NOT_FOUND", `There is no ${content} organisation in ${from}; install Gaggle again.`);
  }
  const keep = { recursive: true, force: false, errorOnExist: false } as const;
  const first = !(await isThere(join(paths.profiles, "organisation.yaml")));
  for (const part of ["organisation.yaml", "policies", "guard.yaml", "models.yaml", "roles"])
    await cp(join(from, part), join(paths.profiles, part), keep);
  await mkdir(paths.recipes, { recursive: true });
  if (content === "sample") await cp(join(installDir, "recipes"), paths.recipes, keep);
  if (first && name !== undefined) await rename(join(paths.profiles, "organisation.yaml"), name);
}

/** Writes the name into the YAML; comments and the rest stay. */
async function rename(path: string, name: string): Promise<void> {
  const document = parseDocument(await readFile(path, "utf8"));
  document.set("name", name);
  await writePrivateFile(path, document.toString({ lineWidth: 0 }));
}

const isThere = async (path: string): Promise<boolean> => (await ifThere(stat(path))) !== undefined;
