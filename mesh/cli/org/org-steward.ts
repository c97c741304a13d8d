/** `gaggle org steward`: lets an agent hand out the tenant's keys. It counts once the next bundle is signed. */
import { agentId, subjectId } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import { jwkOfAgentId, thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg, readRoster, writeJson } from "./org-folder.ts";
import { pinAgent } from "./org-pin.ts";

/**
 * Adds an agent's key to the stewards of `roster.json`; the same one again changes nothing.
 * @param options `agent`: its agent id, as `gaggle status` shows it on its machine; `user`: its person, whose other agents count no more unless pinned too
 * @throws GaggleError INVALID_INPUT, CREDENTIAL_INVALID for an id that holds no key
 */
export async function orgSteward(
  options: { readonly dir: string; readonly agent: string; readonly user?: string },
  out: Output,
): Promise<{ steward: string }> {
  const { dir } = options;
  await readOrg(dir);
  const steward = thumbprintOf(jwkOfAgentId(parseAs(agentId, options.agent, "The agent")));
  const roster = await readRoster(dir);
  if (!roster.stewards.includes(steward)) await writeJson(orgPaths(dir).roster, { ...roster, stewards: [...roster.stewards, steward] });
  if (options.user !== undefined) await pinAgent(dir, parseAs(subjectId, options.user, "The user"), options.agent);
  out.result({ steward });
  out.line(`This agent may hand out the organisation's keys. It counts after: gaggle org sign --dir ${dir} --publish URL`);
  return { steward };
}
