/** `gaggle org reinstate`: takes a revocation back. Only the next bundle does that, so it is for the root key's holder. */
import type { Revocations } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Output } from "../output.ts";
import { orgPaths, writeJson } from "./org-folder.ts";
import type { OrgRevokeOptions } from "./org-revoke.ts";
import { foldRevocations } from "./revocation-file.ts";

/**
 * Takes an agent, a person or a key off the list of revocations. Statements that named it are settled with the next bundle and count no more.
 * @throws GaggleError NOT_FOUND where it is not revoked, or the folder has no list
 */
export async function orgReinstate(options: OrgRevokeOptions, out: Output): Promise<Revocations> {
  const { dir, agent, user, key } = options;
  const list = await foldRevocations(dir);
  const agents = list.agents.filter((one) => one !== agent);
  const subjects = list.subjects.filter((one) => one !== user);
  const keys = list.keys.filter((one) => one !== key);
  if (agents.length + subjects.length + keys.length === list.agents.length + list.subjects.length + list.keys.length)
    throw new GaggleError("NOT_FOUND", "Nothing of that is revoked; name it as revocations.json has it, with --agent, --user or --key.");
  const after = { ...list, seq: list.seq + 1, agents, subjects, keys };
  await writeJson(orgPaths(dir).revocations, after);
  out.result(after);
  out.line(`Taken back. It counts after: gaggle org sign --dir ${dir} --publish URL`);
  return after;
}
