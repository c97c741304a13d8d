/** `gaggle org rotate-root`: another root key takes the place of this one; the old and the new one both sign it. docs/decisions/0111-root-key.md */
import { dirname } from "node:path";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { type RootStep, rootStep } from "../../contract/root-step.ts";
import { protectFolder } from "../../identity/at-rest/protect-folder.ts";
import { writeSigningKey } from "../../identity/key-file.ts";
import { createSigner, generateSigningKey, thumbprintOf } from "../../identity/keys.ts";
import { signSuccession, verifyRootStep } from "../../identity/root-chain.ts";
import { type RootSigner, signWithRoot } from "../../identity/root-signer.ts";
import { createVaultKey, openVaultRoot, type VaultKey } from "../../identity/vault-root.ts";
import { readPrivateText, writePrivateFile } from "../../store/private-file.ts";
import type { Output } from "../output.ts";
import { openRoot, type RootDeps, vaultDeps } from "./open-root.ts";
import { nextRootPath, type OrgDeps, type OrgFile, orgPaths, readLocalRoot, readOrg, writeJson } from "./org-folder.ts";

/** Where the next root key shall be: a file of the organisation's folder, or Vault. */
export interface RotateRootOptions {
  readonly dir: string;
  readonly vault?: VaultKey;
}

/**
 * Makes the next root key and lets both sign. It counts with the next bundles; agents that pinned the old root follow.
 * @throws GaggleError what {@link openRoot} throws
 */
export async function rotateRoot({ dir, vault }: RotateRootOptions, out: Output, deps: OrgDeps & RootDeps): Promise<OrgFile> {
  const old = await openRoot(dir, deps);
  const next = vault === undefined ? await makeLocalRoot(dirname(orgPaths(dir).rootKey), deps) : await makeVaultRoot(vault, deps);
  const { org } = await readOrg(dir);
  return takeStep(dir, await signStep(org, old, next, deps.clock.now()), vault, out);
}

/**
 * The same where the root key is on another machine, and is run there: makes the next key beside the old one and writes the step to a file.
 * @throws GaggleError NOT_FOUND, CONFLICT where the folder holds another root key
 */
export async function rotateRootOffline(
  { rootDir, fingerprint, org, out: target }: { rootDir: string; fingerprint: string; org: string; out: string },
  out: Output,
  deps: OrgDeps,
): Promise<void> {
  const step = await signStep(org, await readLocalRoot(rootDir, fingerprint), await makeLocalRoot(rootDir, deps), deps.clock.now());
  await writePrivateFile(target, `${JSON.stringify(step)}\n`);
  out.result({ file: target });
  out.line(`Wrote the change of the root key to ${target}. Carry it back: gaggle org rotate-root --step ${target}`);
}

/** Takes the step that was made on the machine with the root key. @throws GaggleError NOT_FOUND, BUNDLE_SIGNATURE, CONFLICT */
export async function takeRootStep(dir: string, file: string, out: Output): Promise<OrgFile> {
  const text = await readPrivateText(file);
  if (text === undefined) throw new GaggleError("NOT_FOUND", `There is no ${file}.`);
  return takeStep(dir, parseAs(rootStep, parseJson(text, file), file), { kind: "offline" }, out);
}

async function makeLocalRoot(rootDir: string, { random }: OrgDeps): Promise<RootSigner> {
  await protectFolder(rootDir);
  const key = generateSigningKey(random);
  await writeSigningKey(nextRootPath(rootDir, thumbprintOf(key)), key);
  return createSigner(key);
}

async function makeVaultRoot(vault: VaultKey, deps: RootDeps): Promise<RootSigner> {
  await createVaultKey(vaultDeps(deps), vault);
  return openVaultRoot(vaultDeps(deps), vault);
}

async function signStep(org: string, old: RootSigner, next: RootSigner, nowMs: number): Promise<RootStep> {
  if (old.thumbprint === next.thumbprint) throw new GaggleError("CONFLICT", "The next root key is the one of now; name another key.");
  const said = { v: 1, org, from: old.publicJwk, to: next.publicJwk, at: new Date(nowMs).toISOString() } as const;
  const half = (root: RootSigner): Promise<string> => signWithRoot(root, (signer) => signSuccession(said, signer));
  return { old: await half(old), new: await half(next) };
}

async function takeStep(dir: string, step: RootStep, root: OrgFile["root"], out: Output): Promise<OrgFile> {
  const before = await readOrg(dir);
  const { from, to } = verifyRootStep(step, before.org);
  if (thumbprintOf(from) !== before.rootFingerprint)
    throw new GaggleError(
      "CONFLICT",
      "This change does not begin with the organisation's root key of now; it was taken already, or is of another.",
    );
  const { root: _, ...rest } = before;
  const rotated: OrgFile = { ...rest, rootFingerprint: thumbprintOf(to), rotation: [...(before.rotation ?? []), step] };
  const after = root === undefined ? rotated : { ...rotated, root };
  // The one write that counts: before it the old root is the root, after it the new one, whose key is stored already.
  await writeJson(orgPaths(dir).org, after);
  out.result(after);
  out.line(
    `The root key is now ${after.rootFingerprint}; members follow with the next bundles: gaggle org sign --dir ${dir} --publish URL`,
  );
  out.line("Destroy the old key once every agent has them: whoever has it could still lead astray those that have not.");
  return after;
}
