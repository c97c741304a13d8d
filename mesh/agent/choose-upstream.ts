/** `gaggle model`: which model stands behind the guard. */
import { type AgentConfig, homePaths, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { writeModelKey } from "./model-key.ts";

/** Stores the choice; the running daemon goes on with the old one. @throws GaggleError NOT_JOINED, INVALID_INPUT */
export async function chooseUpstream(home: string, upstream: AgentConfig["upstream"], modelKey: string | undefined): Promise<void> {
  const config = await readAgentConfig(home);
  if (modelKey !== undefined) await writeModelKey(homePaths(home).modelKey, modelKey);
  await writeAgentConfig(home, { ...config, upstream });
}
