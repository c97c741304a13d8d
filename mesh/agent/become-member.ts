/** What every way of joining begins and ends with: a home with keys, and the configuration that makes it a member's. */
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims } from "../contract/identity.ts";
import type { Clock, Random, Signer } from "../contract/ports.ts";
import { protectFolder } from "../identity/at-rest/protect-folder.ts";
import { ensureAgentKeys } from "../identity/key-file.ts";
import { agentIdOf, type AgentKeys, createSigner } from "../identity/keys.ts";
import { withFolderLock } from "../store/folder-lock.ts";
import { makePrivateFolder, writePrivateFile } from "../store/private-file.ts";
import { type AgentConfig, DEFAULT_UPSTREAM, homePaths, type ModelUpstream, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { freePort } from "./free-port.ts";
import { writeModelKey } from "./model-key.ts";

/** What joining needs of the world. */
export interface JoinDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof globalThis.fetch;
}

/** What the person or the admin chooses for the new agent's home. */
export interface HomeChoice {
  /** Folder of the new agent; made where missing. */
  readonly home: string;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  readonly mdns: boolean;
  /** Port of the guard's gateway; left out, a free one is taken and kept. */
  readonly gatewayPort?: number;
  readonly gooseRoot: string | null;
  /** The model's server behind the guard, where there is one already. */
  readonly upstream: ModelUpstream | null;
  readonly modelKey?: string;
}

/**
 * Lets one at a time join in a home: two at once would take each other's keys, and both say that they are members.
 * @throws GaggleError CONFLICT where the other one takes long
 */
export async function aloneInHome<T>(home: string, join: () => Promise<T>): Promise<T> {
  await makePrivateFolder(home);
  return withFolderLock(home, join);
}

/**
 * Makes the home and its keys, where they are not there from a join that was interrupted.
 * @throws GaggleError ALREADY_JOINED
 */
export async function prepareHome(
  home: string,
  { random }: Pick<JoinDeps, "random">,
): Promise<{ keys: AgentKeys; signer: Signer; agentId: string }> {
  await refuseSecondJoin(home);
  return ensureHomeKeys(home, { random });
}

/** The home's keys, made where they are not there: an agent has its id before it joins, so that the roster can name it. */
export async function ensureHomeKeys(
  home: string,
  { random }: Pick<JoinDeps, "random">,
): Promise<{ keys: AgentKeys; signer: Signer; agentId: string }> {
  const paths = homePaths(home);
  await makePrivateFolder(home);
  await makePrivateFolder(paths.keys);
  await protectFolder(paths.keys);
  const keys = await ensureAgentKeys(paths.keys, random);
  const signer = createSigner(keys.sign);
  return { keys, signer, agentId: agentIdOf(signer.publicJwk) };
}

async function refuseSecondJoin(home: string): Promise<void> {
  try {
    const { subject, role } = await readAgentConfig(home);
    throw new GaggleError("ALREADY_JOINED", `This home is ${subject}'s (${role}) already. Use another GAGGLE_HOME for another membership.`);
  } catch (error) {
    if (!(error instanceof GaggleError) || error.code !== "NOT_JOINED") throw error;
  }
}

/** Writes what a checked answer of the bootstrap node makes of the home. */
export async function becomeMember(
  choice: HomeChoice,
  joined: {
    member: MembershipClaims;
    credential: string;
    peers: readonly string[];
    baseUrl: string;
    rootFingerprint: string;
    tlsPin: string | undefined;
  },
): Promise<AgentConfig> {
  const { home } = choice;
  const { member } = joined;
  const paths = homePaths(home);
  await writePrivateFile(paths.credential, joined.credential);
  if (choice.modelKey !== undefined) await writeModelKey(paths.modelKey(DEFAULT_UPSTREAM), choice.modelKey);
  const config: AgentConfig = {
    v: 2,
    org: member.iss,
    subject: member.sub,
    role: member.role,
    department: member.department,
    agentId: member.agent,
    bootstrapUrl: joined.baseUrl,
    rootFingerprint: joined.rootFingerprint,
    ...(joined.tlsPin === undefined ? {} : { bootstrapPin: joined.tlsPin }),
    listen: [...choice.listen],
    mdns: choice.mdns,
    bootstrapPeers: [...joined.peers],
    // Goose's provider file will name it, so it is kept from now on.
    gatewayPort: choice.gatewayPort ?? (await freePort()),
    upstreams: choice.upstream === null ? {} : { [DEFAULT_UPSTREAM]: choice.upstream },
    gooseRoot: choice.gooseRoot,
  };
  // Last, since this file is what makes the home a member.
  await writeAgentConfig(home, config);
  return config;
}
