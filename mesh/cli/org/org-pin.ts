/** `gaggle org pin`: names a person's agent on the roster, so that no issuer can admit another in their name. It counts once the next bundle is signed. */
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import { GaggleError } from "../../contract/errors.ts";
import { agentId, subjectId } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import { jwkOfAgentId, thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg, readRoster, writeJson } from "./org-folder.ts";

/**
 * Adds an agent to a person's pinned ones; the same one again changes nothing.
 * @throws GaggleError INVALID_INPUT, CREDENTIAL_INVALID (an id that holds no key), NOT_FOUND (not in the org chart)
 */
export async function orgPin(
  options: { readonly dir: string; readonly user: string; readonly agent: string },
  out: Output,
): Promise<{ subject: string; key: string }> {
  const { dir } = options;
  await readOrg(dir);
  const subject = parseAs(subjectId, options.user, "The user");
  const { profiles, recipes } = orgPaths(dir);
  const { orgChart } = await readSources(profiles, recipes);
  if (!orgChart.some(({ id }) => id === subject))
    throw new GaggleError("NOT_FOUND", `The org chart has no ${subject}. Add them to profiles/organisation.yaml first.`);
  const key = await pinAgent(dir, subject, options.agent);
  out.result({ subject, key });
  out.line(`Only agents that are named so count as ${subject}'s. It counts after: gaggle org sign --dir ${dir} --publish URL`);
  return { subject, key };
}

/** Adds it to `roster.json`. @returns the thumbprint of the agent's key @throws GaggleError INVALID_INPUT, CREDENTIAL_INVALID */
export async function pinAgent(dir: string, subject: string, agent: string): Promise<string> {
  const key = thumbprintOf(jwkOfAgentId(parseAs(agentId, agent, "The agent")));
  const roster = await readRoster(dir);
  const agents = roster.agents ?? [];
  if (!agents.some((one) => one.subject === subject && one.key === key))
    await writeJson(orgPaths(dir).roster, { ...roster, agents: [...agents, { subject, key }] });
  return key;
}

/** Whether the roster names an agent of this person. */
export const isPinned = async (dir: string, subject: string): Promise<boolean> =>
  ((await readRoster(dir)).agents ?? []).some((one) => one.subject === subject);
