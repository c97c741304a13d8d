/** What an agent's home folder remembers about itself: `config.json`, no secrets in it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { agentId, orgId, slug, subjectId, thumbprint } from "../contract/ids.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { writePrivateFile } from "../store/private-file.ts";

/** Where the guard sends model calls. The key is not here: it lies in `keys/model.json`. */
const modelUpstream = z.strictObject({
  /** Base URL of an OpenAI-compatible server, ending before `/chat/completions`. */
  baseUrl: z.url(),
  /** Name of the model, as the server calls it. */
  model: z.string().min(1).max(200),
});

/** Schema of `config.json`. */
export const agentConfig = z.strictObject({
  v: z.literal(1),
  org: orgId,
  subject: subjectId,
  role: slug,
  department: slug,
  agentId,
  bootstrapUrl: z.url(),
  rootFingerprint: thumbprint,
  /** Multiaddrs to listen on. */
  listen: z.array(z.string()).min(1),
  mdns: z.boolean(),
  /** Multiaddrs of the bootstrap node's peer, as it last told them. */
  bootstrapPeers: z.array(z.string()),
  /** Loopback port of the guard's gateway: Goose's provider file names it, so it stays the same. */
  gatewayPort: z.int().min(1).max(65_535),
  upstream: modelUpstream.nullable(),
  /** `GOOSE_PATH_ROOT` of the Goose that this agent serves, or null for Goose's own default. */
  gooseRoot: z.string().nullable(),
});
/** Contents of `config.json`. */
export type AgentConfig = z.infer<typeof agentConfig>;

/** The files and folders of an agent's home. */
export const homePaths = (home: string) => ({
  config: join(home, "config.json"),
  keys: join(home, "keys"),
  credential: join(home, "keys", "membership.jwt"),
  gatewayToken: join(home, "keys", "gateway-token"),
  pseudonymKey: join(home, "keys", "pseudonym.json"),
  modelKey: join(home, "keys", "model.json"),
  bundle: join(home, "bundle"),
  store: join(home, "store"),
  logs: join(home, "logs"),
  /** Goose root of unattended runs: a fresh Goose that knows nothing of the person's own. */
  runGoose: join(home, "goose"),
  runFolders: join(home, "runs"),
});

/**
 * Reads `config.json`.
 * @throws GaggleError NOT_JOINED where there is none; INVALID_INPUT where it is damaged
 */
export async function readAgentConfig(home: string): Promise<AgentConfig> {
  const path = homePaths(home).config;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new GaggleError(
      "NOT_JOINED",
      "This machine has not joined an organisation. Ask an admin for an invitation and run: gaggle join <invitation>",
      {
        cause,
      },
    );
  }
  return parseAs(agentConfig, parseJson(text, path), path);
}

/** Writes `config.json` atomically. */
export const writeAgentConfig = async (home: string, config: AgentConfig): Promise<void> =>
  writePrivateFile(homePaths(home).config, `${JSON.stringify(parseAs(agentConfig, config, "The agent's configuration"), null, 2)}\n`);
