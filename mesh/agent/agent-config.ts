/** What an agent's home folder remembers about itself: `config.json`, no secrets in it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { tlsPin } from "../contract/identity.ts";
import { agentId, orgId, slug, subjectId, thumbprint } from "../contract/ids.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { isServerAddress } from "../contract/safe-address.ts";
import { refuseForeignHand, writePrivateFile } from "../store/private-file.ts";

/** The upstream of calls that no route of the signed policy takes elsewhere. */
export const DEFAULT_UPSTREAM = "default";

/** A model server that the guard may send calls to. Its key is not here: it lies in `keys/`. */
const modelUpstream = z.strictObject({
  /** The API that it speaks; `openai` is chat completions and responses. */
  protocol: z.enum(["openai", "anthropic"]),
  /** Base URL with its version, ending before `/chat/completions` or `/messages`. */
  baseUrl: z.url().refine(isServerAddress, "an http or https address without a user in it, and not one of a cloud's metadata service"),
  /** Whether it is this machine's or the company's own; it counts as local only where the signed policy names it too. */
  local: z.boolean(),
  /** Name of the model that Goose asks for; the default upstream has one. */
  model: z.string().min(1).max(200).optional(),
});
/** A model server that the guard may send calls to. */
export type ModelUpstream = z.infer<typeof modelUpstream>;

/** Schema of `config.json`. */
export const agentConfig = z.strictObject({
  v: z.literal(2),
  org: orgId,
  subject: subjectId,
  role: slug,
  department: slug,
  agentId,
  bootstrapUrl: z.url(),
  rootFingerprint: thumbprint,
  /** Pin of the bootstrap node's TLS key; left out where its certificate is a public one. */
  bootstrapPin: tlsPin.optional(),
  /** Multiaddrs to listen on. */
  listen: z.array(z.string()).min(1),
  mdns: z.boolean(),
  /** Multiaddrs of the bootstrap node's peer, as it last told them. */
  bootstrapPeers: z.array(z.string()),
  /** Loopback port of the guard's gateway: Goose's provider file names it, so it stays the same. */
  gatewayPort: z.int().min(1).max(65_535),
  /** Model servers by name; the signed model policy names them. */
  upstreams: z.record(slug, modelUpstream),
  /** Folder of the model that finds names, where it is not the shipped one. */
  guardModel: z.string().min(1).optional(),
  /** How long a message waits before it is also deposited on the bootstrap node, and between two rounds of fetching mail, ms; for tests and tuning. */
  mailbox: z
    .strictObject({ depositAfterMs: z.int().min(100), roundMs: z.int().min(100) })
    .partial()
    .optional(),
  /** Where spans go: `file` (`logs/traces.ndjson`), or the `/v1/traces` of a collector; nowhere where left out. docs/observability.md */
  telemetry: z
    .strictObject({
      traces: z.union([z.literal("file"), z.url().refine(isServerAddress, "an http or https address as a model server has")]).optional(),
    })
    .optional(),
  /** `GOOSE_PATH_ROOT` of the Goose that this agent serves, or null for Goose's own default. */
  gooseRoot: z.string().nullable(),
});
/** Contents of `config.json`. */
export type AgentConfig = z.infer<typeof agentConfig>;

/** Version 1 had one model server, of the OpenAI API. */
const version1 = z.looseObject({ v: z.literal(1), upstream: modelUpstream.pick({ baseUrl: true, model: true }).nullable() });

/** A configuration as this version writes it. @param value what the file holds, of any version */
function upgrade(value: unknown): unknown {
  const old = version1.safeParse(value);
  if (!old.success) return value;
  const { upstream, v: _, ...rest } = old.data;
  const upstreams = upstream === null ? {} : { [DEFAULT_UPSTREAM]: { protocol: "openai", local: false, ...upstream } };
  return { ...rest, v: 2, upstreams };
}

/** The model that Goose asks for by default, and its server; undefined where there is none yet. */
export function defaultUpstream({ upstreams }: Pick<AgentConfig, "upstreams">): (ModelUpstream & { model: string }) | undefined {
  const found = upstreams[DEFAULT_UPSTREAM];
  return found?.model === undefined ? undefined : { ...found, model: found.model };
}

/** The files and folders of an agent's home. */
export const homePaths = (home: string) => ({
  config: join(home, "config.json"),
  keys: join(home, "keys"),
  credential: join(home, "keys", "membership.jwt"),
  gatewayToken: join(home, "keys", "gateway-token"),
  /** Pre-shared key of the network, where the organisation uses one. */
  networkKey: join(home, "keys", "network.json"),
  pseudonymKey: join(home, "keys", "pseudonym.json"),
  /** Key of a model server, by its name. */
  modelKey: (upstream: string) => join(home, "keys", upstream === DEFAULT_UPSTREAM ? "model.json" : `model-${upstream}.json`),
  bundle: join(home, "bundle"),
  store: join(home, "store"),
  /** Files that hang on tasks, by their hashes. */
  artifacts: join(home, "artifacts"),
  /** What the guard found in texts that come again, encrypted. */
  guardMemory: join(home, "guard-memory"),
  logs: join(home, "logs"),
  /** Goose root of unattended runs: a fresh Goose that knows nothing of the person's own. */
  runGoose: join(home, "goose"),
  runFolders: join(home, "runs"),
});

/**
 * Reads `config.json`.
 * @throws GaggleError NOT_JOINED where there is none; INVALID_INPUT where it is damaged; CREDENTIAL_INVALID where others can write it
 */
export async function readAgentConfig(home: string): Promise<AgentConfig> {
  const path = homePaths(home).config;
  for (const one of [home, path]) await refuseForeignHand(one);
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
  return parseAs(agentConfig, upgrade(parseJson(text, path)), path);
}

/** Writes `config.json` atomically. */
export const writeAgentConfig = async (home: string, config: AgentConfig): Promise<void> =>
  writePrivateFile(homePaths(home).config, `${JSON.stringify(parseAs(agentConfig, config, "The agent's configuration"), null, 2)}\n`);
