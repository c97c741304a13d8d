/** `gaggle model`: which model servers stand behind the guard. The running daemon goes on with the old ones. */
import { rm } from "node:fs/promises";
import { GaggleError } from "../contract/errors.ts";
import { homePaths, type ModelUpstream, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { writeModelKey } from "./model-key.ts";

/**
 * Stores a model server under a name, in place of an older one of that name, whose key goes with it.
 * @throws GaggleError NOT_JOINED, INVALID_INPUT
 */
export async function chooseUpstream(home: string, name: string, upstream: ModelUpstream, modelKey: string | undefined): Promise<void> {
  const config = await readAgentConfig(home);
  const path = homePaths(home).modelKey(name);
  // A key must never go to another server than the one it was given for.
  if (modelKey === undefined && config.upstreams[name]?.baseUrl !== upstream.baseUrl) await rm(path, { force: true });
  if (modelKey !== undefined) await writeModelKey(path, modelKey);
  await writeAgentConfig(home, { ...config, upstreams: { ...config.upstreams, [name]: upstream } });
}

/** Forgets a model server and its key. @throws GaggleError NOT_JOINED, NOT_FOUND */
export async function removeUpstream(home: string, name: string): Promise<void> {
  const config = await readAgentConfig(home);
  if (!Object.hasOwn(config.upstreams, name))
    throw new GaggleError("NOT_FOUND", `There is no model server ${name} here; gaggle model list shows those there are.`);
  const { [name]: _, ...upstreams } = config.upstreams;
  await writeAgentConfig(home, { ...config, upstreams });
  await rm(homePaths(home).modelKey(name), { force: true });
}
