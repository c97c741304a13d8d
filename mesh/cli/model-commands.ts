/** `gaggle model`: the model servers behind the privacy guard. */
import { type Command, Option } from "commander";
import type { ModelUpstream } from "../agent/agent-config.ts";
import { GaggleError } from "../contract/errors.ts";
import { isServerAddress } from "../contract/safe-address.ts";
import { slug } from "../contract/ids.ts";
import { parseAs } from "../contract/json.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { action } from "./action.ts";
import type { CommandContext } from "./context.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Protocol = ModelUpstream["protocol"];

/** The model that Goose asks for by default, as options of `gaggle join` name it. */
export interface ModelOptions {
  readonly modelUrl?: string;
  readonly model?: string;
  readonly modelKeyEnv?: string;
}

/** Options of `gaggle model use` and `gaggle model add`. */
interface ServerOptions {
  readonly url: string;
  readonly protocol: Protocol;
  readonly keyEnv?: string;
  readonly local?: boolean;
}

const protocolOption = (): Option =>
  new Option("--protocol <api>", "the API that the server speaks").choices(["openai", "anthropic"]).default("openai");
const KEY_ENV = ["--key-env <variable>", "environment variable that holds the server's key"] as const;

/** Adds it to the program. */
export function addModelCommands(program: Command): void {
  const model = program
    .command("model")
    .description("choose the model behind the privacy guard, and other model servers; counts after the next start of the agent");
  // A command of its own, since commander would take options of `model` itself for those of its subcommands.
  model
    .command("use", { isDefault: true })
    .description("choose the model of calls that the signed policy sends nowhere else; the word `use` may be left out")
    .requiredOption("--url <url>", "server of the OpenAI or Anthropic API, such as https://api.openai.com/v1")
    .requiredOption("--name <model>", "the model's name there")
    .addOption(protocolOption())
    .option(...KEY_ENV)
    .action(action<ServerOptions & { name: string }>((context, options) => chooseDefault(context, options)));
  model
    .command("add")
    .description("add a model server that the signed model policy names, or change it")
    .argument("<upstream>", "its name in models.yaml")
    .requiredOption("--url <url>", "server of the OpenAI or Anthropic API, such as http://127.0.0.1:11434/v1")
    .addOption(protocolOption())
    .option(...KEY_ENV)
    .option("--local", "the company's own; servers of this machine are taken for local anyway")
    .action(action<ServerOptions>((context, options, [name = ""]) => addServer(context, name, options)));
  model
    .command("list")
    .description("show the model servers of this machine")
    .action(action((context) => listServers(context)));
  model
    .command("remove")
    .description("forget a model server and its key")
    .argument("<upstream>")
    .action(
      action(async ({ home, out }, _, [name = ""]) => {
        const { removeUpstream } = await import("../agent/choose-upstream.ts");
        await removeUpstream(home, name);
        out.result({ removed: name });
        out.line(`The model server ${name} and its key are forgotten. Start the agent again.`);
      }),
    );
}

async function chooseDefault({ home, env, out }: CommandContext, options: ServerOptions & { name: string }): Promise<void> {
  const { url, name, keyEnv, protocol } = options;
  const { chooseUpstream } = await import("../agent/choose-upstream.ts");
  const { DEFAULT_UPSTREAM } = await import("../agent/agent-config.ts");
  const upstream = defaultOf(url, name, protocol);
  await chooseUpstream(home, DEFAULT_UPSTREAM, upstream, keyOf(keyEnv, env));
  out.result({ upstream });
  out.line(`The guard will send model calls to ${name} at ${url}. Run \`gaggle setup\` and start the agent again.`);
}

async function addServer({ home, env, out }: CommandContext, name: string, options: ServerOptions): Promise<void> {
  const { chooseUpstream } = await import("../agent/choose-upstream.ts");
  parseAs(slug, name, "The model server's name");
  const upstream = serverOf(options.url, options.protocol, options.local);
  await chooseUpstream(home, name, upstream, keyOf(options.keyEnv, env));
  out.result({ name, upstream });
  out.line(`Calls that the signed model policy sends to ${name} go to ${upstream.baseUrl}. Start the agent again.`);
}

async function listServers({ home, out }: CommandContext): Promise<void> {
  const { homePaths, readAgentConfig } = await import("../agent/agent-config.ts");
  const { readModelKey } = await import("../agent/model-key.ts");
  const { upstreams } = await readAgentConfig(home);
  const rows = await Promise.all(
    Object.entries(upstreams).map(async ([name, upstream]) => {
      const key = await readModelKey(homePaths(home).modelKey(name));
      return { name, ...upstream, key: key !== undefined };
    }),
  );
  out.result({ upstreams: rows });
  for (const { name, protocol, baseUrl, local, model, key } of rows)
    out.line(
      [name, protocol, baseUrl, model ?? "", local ? "local" : "", key ? "with a key" : ""].filter((text) => text !== "").join("  "),
    );
  if (rows.length === 0) out.line("There is none yet: gaggle model --url URL --name MODEL");
}

/** The model that `gaggle join` is given: its server's address and name go together; the key comes from the environment, never from the command line. */
export function modelOf({ modelUrl, model, modelKeyEnv }: ModelOptions, env: Env) {
  if (modelUrl === undefined && model === undefined) return { upstream: null, modelKey: undefined };
  if (modelUrl === undefined || model === undefined)
    throw new GaggleError("INVALID_INPUT", "A model needs both its server's URL and its name.");
  return { upstream: defaultOf(modelUrl, model, "openai"), modelKey: keyOf(modelKeyEnv, env) };
}

const defaultOf = (url: string, model: string, protocol: Protocol): ModelUpstream => ({ ...serverOf(url, protocol), model });

/** @param local what the person says; a server of this machine is local anyway */
function serverOf(url: string, protocol: Protocol, local = false): ModelUpstream {
  if (!isServerAddress(url)) {
    throw new GaggleError(
      "INVALID_INPUT",
      "The model server's URL is none that is called: it looks like https://api.openai.com/v1, has no user in it and is no metadata service's.",
    );
  }
  return { protocol, baseUrl: url.replace(/\/+$/, ""), local: local || isLoopbackHost(new URL(url).hostname) };
}

function keyOf(variable: string | undefined, env: Env): string | undefined {
  const key = variable === undefined ? undefined : env[variable];
  if (variable !== undefined && !key) throw new GaggleError("INVALID_INPUT", `The environment variable ${variable} is not set.`);
  return key;
}
