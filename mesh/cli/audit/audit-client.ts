/** The client of the bootstrap node that audit commands use: the member's, or an admin's with the key of the organisation's folder. */
import { homePaths, readAgentConfig } from "../../agent/agent-config.ts";
import { type BootstrapClient, createBootstrapClient } from "../../agent/bootstrap-client.ts";
import { bootstrapFetch } from "../../agent/pinned-fetch.ts";
import { systemClock, systemRandom } from "../../agent/system.ts";
import { GaggleError } from "../../contract/errors.ts";
import { readAgentKeys } from "../../identity/key-file.ts";
import { createSigner } from "../../identity/keys.ts";
import type { CommandContext } from "../context.ts";
import { nodeFetch } from "../org/node-pin.ts";
import { adminSigner, readOrg } from "../org/org-folder.ts";

/** Who asks: a member by its home, or an admin by the organisation's folder and the node's address. */
export interface AuditorOptions {
  readonly orgDir?: string;
  readonly url?: string;
}

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

async function memberClient(home: string): Promise<BootstrapClient> {
  const { bootstrapUrl, bootstrapPin, org } = await readAgentConfig(home);
  const { sign } = await readAgentKeys(homePaths(home).keys);
  return createBootstrapClient(
    { ...deps, signer: createSigner(sign), fetch: bootstrapFetch(deps.fetch, bootstrapPin) },
    { baseUrl: bootstrapUrl, org },
  );
}

async function adminClient(dir: string, url: string | undefined): Promise<BootstrapClient> {
  if (url === undefined) throw new GaggleError("INVALID_INPUT", "Name the bootstrap node with --url.");
  const { org } = await readOrg(dir);
  return createBootstrapClient(
    { ...deps, signer: await adminSigner(dir), fetch: await nodeFetch(dir, url, deps.fetch) },
    { baseUrl: url, org },
  );
}

/** @throws GaggleError INVALID_INPUT, NOT_JOINED, NOT_FOUND */
export async function auditClient(
  { home }: Pick<CommandContext, "home">,
  { orgDir, url }: AuditorOptions,
): Promise<{ client: BootstrapClient; asAdmin: boolean }> {
  if (orgDir === undefined) return { client: await memberClient(home), asAdmin: false };
  return { client: await adminClient(orgDir, url), asAdmin: true };
}
