/** What setup writes for one agent, as data: nothing here touches the disk but to read the plugin's templates. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { VerifiedBundle } from "../../../profiles/bundle/verify.ts";
import type { RoleProfile } from "../../contract/bundle.ts";
import { RUN_HEADER } from "../../contract/goose-session.ts";
import { recipeYaml, renderRecipe } from "../../recipe/render-recipe.ts";
import { type ExtensionEntry, PROVIDER, type WantedConfig } from "./goose-config.ts";
import type { GoosePaths } from "./goose-paths.ts";

/** The MCP servers that every agent gets, with what Goose shows about them. */
export const EXTENSIONS: Readonly<Record<string, string>> = {
  mesh: "Works with colleagues' agents: tasks, approvals, messages",
  "privacy-guard": "Finds and masks personal data and secrets on this machine",
  policy: "Tells who this agent is and what its policy allows",
};
/** Seconds that Goose gives a tool call. */
const TOOL_TIMEOUT_S = 30;
const CONTEXT_LIMIT = 128_000;

/** What the plan is made from. */
export interface SetupInput {
  readonly paths: GoosePaths;
  readonly bundle: VerifiedBundle;
  /** Absolute paths of Gaggle's install folder and of the Node that runs it. */
  readonly installDir: string;
  readonly node: string;
  readonly version: string;
  /** The agent's home where it is not the default one; Goose must then be told. */
  readonly home: string | undefined;
  readonly gatewayPort: number;
  readonly gatewayToken: string;
  /** Folder name of the plugin. */
  readonly plugin: string;
  /** Whether it is the Goose of unattended runs: the gateway then knows its sessions from the person's. */
  readonly unattended: boolean;
  readonly model: string;
  /** The API that Goose is to speak with the guard: that of the model's server. */
  readonly protocol: "openai" | "anthropic";
}

/** A file that setup writes. */
export interface PlannedFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Everything that setup writes. */
export interface SetupPlan {
  readonly config: WantedConfig;
  readonly files: readonly PlannedFile[];
}

function extensionEntry(name: string, input: SetupInput, profile: RoleProfile): ExtensionEntry {
  const tools = profile.extensions.find((extension) => extension.name === name)?.tools;
  return {
    enabled: true,
    type: "stdio",
    name,
    description: EXTENSIONS[name] ?? name,
    cmd: input.node,
    args: [join(input.installDir, "dist", "extensions", `${name}.js`)],
    ...(input.home === undefined ? {} : { envs: { GAGGLE_HOME: input.home } }),
    timeout: TOOL_TIMEOUT_S,
    ...(tools === undefined ? {} : { available_tools: tools }),
  };
}

/** The provider's file. The token says to the gateway that the caller could read this file, as only the user can. */
function providerFile({ paths, gatewayPort, gatewayToken, unattended, model, protocol }: SetupInput): PlannedFile {
  const gateway = `http://127.0.0.1:${gatewayPort}`;
  const provider = {
    name: PROVIDER,
    engine: protocol,
    display_name: "Gaggle privacy guard",
    description: "Masks personal data and secrets before the model sees them. Written by gaggle setup.",
    // Goose adds the path of the Anthropic API itself.
    base_url: protocol === "anthropic" ? gateway : `${gateway}/v1/chat/completions`,
    models: [{ name: model, context_limit: CONTEXT_LIMIT }],
    headers: { Authorization: `Bearer ${gatewayToken}`, ...(unattended ? { [RUN_HEADER]: "1" } : {}) },
    requires_auth: false,
    supports_streaming: true,
    dynamic_models: false,
  };
  return { path: join(paths.providers, `${PROVIDER}.json`), text: `${JSON.stringify(provider, null, 2)}\n`, mode: 0o600 };
}

/** Quoted for a POSIX shell, and for cmd.exe, which knows double quotes alone. */
const shellWord = (text: string): string => (process.platform === "win32" ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`);

function hookCommand({ node, installDir, home }: SetupInput): string {
  const words = [node, join(installDir, "dist", "hook.js"), ...(home === undefined ? [] : ["--home", home])];
  return words.map(shellWord).join(" ");
}

/** The plugin's files, filled in. */
function pluginFiles(input: SetupInput): PlannedFile[] {
  const hints = input.bundle.files["goosehints.md"]?.trim();
  const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1);
  const values: Readonly<Record<string, string>> = {
    "{{ version }}": jsonText(input.version),
    "{{ hook }}": jsonText(hookCommand(input)),
    "{{ role_hints }}": hints === undefined || hints === "" ? "" : `\n## Your role\n\n${hints}`,
  };
  const fill = (text: string): string =>
    Object.entries(values).reduce((filled, [mark, value]) => filled.replaceAll(mark, () => value), text);
  return ["plugin.json", "hooks/hooks.json", "skills/gaggle/SKILL.md"].map((path) => ({
    path: join(input.paths.plugins, input.plugin, ...path.split("/")),
    text: fill(readFileSync(join(input.installDir, "extensions", "plugin", path), "utf8")),
    mode: 0o644,
  }));
}

/** The role's recipes, made from the signed texts for this machine. */
function recipeFiles({ paths, bundle, installDir, node }: SetupInput): PlannedFile[] {
  const signed = Object.keys(bundle.files).filter((path) => path.startsWith("recipes/") && path.endsWith(".yaml"));
  return signed.sort().map((path) => ({
    path: join(paths.recipes, basename(path)),
    text: recipeYaml(renderRecipe({ text: bundle.text(path), installDir, node }), { path, bundleVersion: bundle.manifest.version }),
    mode: 0o644,
  }));
}

/** Plans all that setup writes. @throws GaggleError INVALID_INPUT where a signed recipe can't be rendered */
export function planSetup(input: SetupInput): SetupPlan {
  const names = Object.keys(EXTENSIONS);
  return {
    config: {
      model: input.model,
      extensions: Object.fromEntries(names.map((name) => [name, extensionEntry(name, input, input.bundle.profile)])),
    },
    files: [providerFile(input), ...pluginFiles(input), ...recipeFiles(input)],
  };
}
