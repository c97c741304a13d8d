/** `gaggle org rotate-pseudonyms`: begins the next epoch of the tenant's key for pseudonyms. Source: design, Trust, Pseudonyms. */
import { addPseudonymKey, newPseudonymKey } from "../../identity/pseudonym-keys.ts";
import type { Output } from "../output.ts";
import { type OrgDeps, orgPaths, readOrg, readPseudonymKey } from "./org-folder.ts";

/** Options of `gaggle org rotate-pseudonyms`. */
export interface OrgRotateOptions {
  readonly dir: string;
  /** Key file of a steward's agent on this machine, `keys/pseudonym.json` of its home: its daemon hands the new key to the other members. */
  readonly stewardKeys?: string;
}

/**
 * Makes the key of the next epoch. New invitations carry it at once; members who have joined get it from a steward's daemon, and go on with the
 * epoch before until then.
 * @throws GaggleError NOT_FOUND where the folder is no organisation or lacks its key, CREDENTIAL_INVALID where others could read a key file
 */
export async function orgRotatePseudonyms(options: OrgRotateOptions, out: Output, deps: OrgDeps): Promise<{ epoch: number }> {
  const { dir, stewardKeys } = options;
  await readOrg(dir);
  const epoch = (await readPseudonymKey(dir)).epoch + 1;
  const key = { epoch, key: newPseudonymKey(deps.random) };
  const nowMs = deps.clock.now();
  await addPseudonymKey(orgPaths(dir).pseudonym, key, nowMs);
  if (stewardKeys !== undefined) await addPseudonymKey(stewardKeys, key, nowMs);
  out.result({ epoch });
  out.line(`Epoch ${epoch} of the key for pseudonyms is made; new invitations carry it.`);
  out.line(
    stewardKeys === undefined
      ? "Members who have joined keep the epoch before, until a steward's daemon hands it out: run this with --steward-home on a steward's machine."
      : "The steward's daemon hands it to each member at its next connection.",
  );
  return { epoch };
}
