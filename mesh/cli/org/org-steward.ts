/** `gaggle org steward`: lets an agent hand out the tenant's keys. It counts once the next bundle is signed. */
import { agentId } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import { jwkOfAgentId, thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg, readRoster, writeJson } from "./org-folder.ts";

/**
 * Adds an agent's key to the stewards of `roster.json`; the same one again changes nothing.
 * @param options `agent`: its agent id, as `gaggle status` shows it on its machine
 * @throws GaggleError INVALID_INPUT, CREDENTIAL_INVALID for an id that holds no key
 */
export async function orgSteward(options: { readonly dir: string; readonly agent: string }, out: Output): Promise<{ steward: string }> {
  const { dir } = options;
  await readOrg(dir);
  const steward = thumbprintOf(jwkOfAgentId(parseAs(agentId, options.agent, "The agent")));
  const roster = await readRoster(dir);
  if (!roster.stewards.includes(steward)) await writeJson(orgPaths(dir).roster, { ...roster, stewards: [...roster.stewards, steward] });
  out.result({ steward });
  out.line(`This agent may hand out the organisation's keys. It counts after: gaggle org sign --dir ${dir} --publish URL`);
  return { steward };
}
