/** `gaggle org replace-admin`: a new admin key for one that may be stolen. The old one counts until the next bundle is signed. */
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readSigningKey, writeSigningKey } from "../../identity/key-file.ts";
import { createSigner, generateSigningKey, publicJwkOf, thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { type OrgDeps, orgPaths, readOrg, readRevocations, writeJson } from "./org-folder.ts";

/**
 * Makes a new admin key and revokes the old one in the list of the next bundle: what the old one signs, or has signed since the last bundle, counts no
 * more once that is signed. What the root's holder had revoked with it stays revoked.
 * @throws GaggleError NOT_FOUND where the folder is no organisation or lacks its admin key
 */
export async function orgReplaceAdmin(
  options: { readonly dir: string },
  out: Output,
  deps: OrgDeps,
): Promise<{ admin: string; revoked: string }> {
  const { dir } = options;
  const paths = orgPaths(dir);
  const org = await readOrg(dir);
  const revocations = await readRevocations(dir);
  const old = createSigner(await readSigningKey(paths.adminKey, "admin key"));
  const fresh = generateSigningKey(deps.random);
  const admin = thumbprintOf(fresh);
  // The new key is named before it is used, and the old one is given up last: cut short, the command can be run again.
  const others = org.admins.filter(({ x }) => x !== old.publicJwk.x);
  await writeJson(paths.org, { ...org, admins: [...others, publicJwkOf(fresh)] });
  const { seq, keys, ...rest } = revocations;
  await writeJson(paths.revocations, { ...rest, seq: seq + 1, keys: [...new Set([...keys, old.thumbprint])] });
  await rename(paths.adminKey, join(dirname(paths.adminKey), `revoked-${old.thumbprint}.json`));
  await writeSigningKey(paths.adminKey, fresh);
  out.result({ admin, revoked: old.thumbprint });
  out.line(
    `The new admin key is ${admin}; the old one, ${old.thumbprint}, is revoked. Both count after: gaggle org sign --dir ${dir} --publish URL`,
  );
  out.line("Invitations that are not redeemed yet have to be made anew.");
  return { admin, revoked: old.thumbprint };
}
