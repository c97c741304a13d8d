/** `gaggle guard model`: which model finds names in texts. The running daemon goes on with the old one. */
import { readAgentConfig, writeAgentConfig } from "./agent-config.ts";

/**
 * Stores the model's folder.
 * @param folder absolute; undefined: the shipped model again
 * @throws GaggleError NOT_JOINED
 */
export async function chooseGuardModel(home: string, folder: string | undefined): Promise<void> {
  const { guardModel: _, ...config } = await readAgentConfig(home);
  await writeAgentConfig(home, { ...config, ...(folder === undefined ? {} : { guardModel: folder }) });
}
