/** `gaggle setup`: writes what Goose needs to be a member, shows it, or takes it out again. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { type AgentConfig, defaultUpstream, homePaths, readAgentConfig } from "../../agent/agent-config.ts";
import { type Env, gaggleHome } from "../../client/home.ts";
import { GaggleError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { openBundleStore } from "../../../profiles/bundle/bundle-store.ts";
import { type Output, paint } from "../output.ts";
import { readOrMakeGatewayToken } from "../../agent/gateway-token.ts";
import { addToConfig, isOurExtension, PROVIDER, removeFromConfig } from "./goose-config.ts";
import { readSettings } from "./edit-yaml.ts";
import { type GoosePaths, goosePaths } from "./goose-paths.ts";
import { EXTENSIONS, type PlannedFile, planSetup, type SetupPlan } from "./plan-setup.ts";
import { isPluginFolder, pluginFoldersIn, pluginName } from "./plugin-folder.ts";
import { closeRawFolders } from "./private-logs.ts";
import { ifThere, readIfThere, readWholeIfThere, replaceFile } from "./replace-file.ts";
import { forgetSetup, recallSetup, rememberSetup, type SetupRecord, textHash } from "./setup-record.ts";

/** What to set up. */
export interface SetupRequest {
  /** The agent's home. */
  readonly home: string;
  /** `GOOSE_PATH_ROOT` of the Goose that is meant; left out, the agent's own (`config.json`), else the one of `env`. */
  readonly gooseRoot?: string | undefined;
  /** Whether it is the Goose of unattended runs. Default false. */
  readonly unattended?: boolean;
  /** Shows everything and writes nothing. */
  readonly print: boolean;
  /** Takes out what an earlier setup wrote. */
  readonly remove: boolean;
  /** Absolute paths of Gaggle's install folder and of the Node that starts its programs. */
  readonly installDir: string;
  readonly node: string;
  readonly env: Env;
  readonly now: () => number;
}

/** First line of a rendered recipe; a file that doesn't start with it is the user's. */
const RECIPE_MARK = "# Written by gaggle setup";
const isOurRecipe = (path: string): boolean => readIfThere(path)?.startsWith(RECIPE_MARK) ?? false;
const backupOf = (configFile: string): string => `${configFile}.before-gaggle`;

/** The home where Goose must be told of it, because it is not the default one. */
function namedHome(home: string, env: Env): string | undefined {
  return gaggleHome({ ...env, GAGGLE_HOME: undefined }) === home ? undefined : home;
}

async function plan(request: SetupRequest, config: AgentConfig, paths: GoosePaths): Promise<SetupPlan> {
  const { home, installDir, node, env, now } = request;
  const { org, role, rootFingerprint, gatewayPort } = config;
  const bundles = await openBundleStore({ clock: { now } }, { dir: homePaths(home).bundle, org, role, rootFingerprint });
  return planSetup({
    paths,
    bundle: bundles.current(),
    installDir,
    node,
    version: VERSION,
    home: namedHome(home, env),
    gatewayPort,
    gatewayToken: readOrMakeGatewayToken(homePaths(home).gatewayToken, request.print),
    plugin: pluginName(readIfThere(homePaths(home).gatewayToken)?.trim() ?? ""),
    unattended: request.unattended ?? false,
    model: defaultUpstream(config)?.model ?? "default",
    protocol: defaultUpstream(config)?.protocol ?? "openai",
  });
}

/** A recipe of the user's keeps its name; ours then gets another. */
function besideUsers(file: PlannedFile, paths: GoosePaths): PlannedFile {
  if (dirname(file.path) !== paths.recipes || !existsSync(file.path) || isOurRecipe(file.path)) return file;
  const path = join(paths.recipes, `gaggle-${file.path.slice(paths.recipes.length + sep.length)}`);
  if (!existsSync(path) || isOurRecipe(path)) return { ...file, path };
  throw new GaggleError("CONFLICT", `${file.path} and ${path} are recipes of your own. Rename one of them and run gaggle setup again.`);
}

const recipesIn = (paths: GoosePaths): string[] =>
  (ifThere(() => readdirSync(paths.recipes)) ?? [])
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(paths.recipes, name))
    .filter(isOurRecipe);

function apply(home: string, paths: GoosePaths, planned: SetupPlan): readonly string[] {
  const { configFile } = paths;
  const existing = readWholeIfThere(configFile);
  const earlier = recallSetup(home, configFile);
  // Before anything is written: a file that can't be read must leave everything as it is.
  const { text, before } = addToConfig(existing ?? "", configFile, planned.config, earlier?.before);
  const files = planned.files.map((file) => besideUsers(file, paths));
  if (earlier === undefined && existing !== undefined) backUp(configFile, existing);
  const existed = earlier?.existed ?? existing !== undefined;
  const kept = Object.fromEntries(files.filter(isWatched(paths)).map((file) => [file.path, textHash(file.text)]));
  rememberSetup(home, { configFile, existed, wrote: textHash(text), original: originalOf(existing, earlier), before, files: kept });
  for (const { path, text: content, mode } of files) replaceFile(path, content, mode, true);
  for (const folder of pluginFoldersIn(paths))
    if (!files.some(({ path }) => path.startsWith(folder + sep))) rmSync(folder, { recursive: true });
  closeRawFolders(paths);
  for (const path of recipesIn(paths)) if (!files.some((file) => file.path === path)) rmSync(path);
  if (text !== existing) replaceFile(configFile, text, 0o600);
  return [configFile, ...files.map((file) => file.path)];
}

/** The files by which the guard and the hooks are in place. */
const isWatched =
  ({ plugins, providers }: GoosePaths) =>
  ({ path }: PlannedFile): boolean =>
    path.startsWith(plugins + sep) || path.startsWith(providers + sep);

/** Where Gaggle is in the file already, by a home that is gone, an older backup is the better one. */
function backUp(configFile: string, text: string): void {
  const { extensions } = readSettings(text, configFile) as { extensions?: object | null };
  const ours = Object.entries(extensions ?? {}).some(([name, entry]) => isOurExtension(name, entry));
  if (!ours || !existsSync(backupOf(configFile))) replaceFile(backupOf(configFile), text, 0o600, true);
}

/** The hash of the text to go back to: lost once the user changed the file between two setups. */
function originalOf(existing: string | undefined, earlier: SetupRecord | undefined): string | null {
  if (existing === undefined) return null;
  if (earlier === undefined) return textHash(existing);
  return textHash(existing) === earlier.wrote ? earlier.original : null;
}

/** The `config.yaml` without Gaggle; byte for byte the user's where nobody changed the file since setup. */
function restoreConfig(home: string, paths: GoosePaths): void {
  const { configFile } = paths;
  const text = readWholeIfThere(configFile);
  const kept = recallSetup(home, configFile);
  if (text === undefined) return;
  const backup = kept?.wrote === textHash(text) ? readIfThere(backupOf(configFile)) : undefined;
  const original = backup !== undefined && textHash(backup) === kept?.original ? backup : undefined;
  const ours = { extensions: Object.keys(EXTENSIONS), isPlugin: (path: string) => isPluginFolder(paths, path) };
  const restored = original ?? removeFromConfig(text, configFile, ours, kept?.before);
  if (restored === "" && kept?.existed === false) rmSync(configFile);
  else if (restored !== text) replaceFile(configFile, restored, 0o600);
  if (original !== undefined) rmSync(backupOf(configFile));
}

function removeEmptyFolder(path: string): void {
  if ((ifThere(() => readdirSync(path)) ?? ["?"]).length === 0) rmdirSync(path);
}

function takeOut(home: string, paths: GoosePaths): readonly string[] {
  // First, because it may refuse.
  restoreConfig(home, paths);
  const removed = [join(paths.providers, `${PROVIDER}.json`), ...pluginFoldersIn(paths), ...recipesIn(paths)].filter((path) =>
    existsSync(path),
  );
  for (const path of removed) rmSync(path, { recursive: true });
  for (const folder of [paths.providers, paths.recipes, paths.plugins]) removeEmptyFolder(folder);
  forgetSetup(home, paths.configFile);
  return [paths.configFile, ...removed];
}

function show(paths: GoosePaths, planned: SetupPlan, out: Output): void {
  const text = readWholeIfThere(paths.configFile) ?? "";
  const config = addToConfig(text, paths.configFile, planned.config).text;
  const files = [{ path: paths.configFile, text: config }, ...planned.files.map((file) => besideUsers(file, paths))];
  out.result({ files: files.map((file) => ({ path: file.path, text: file.text })) });
  for (const file of files) out.line(`${paint.strong(`# ${file.path}`)}\n${file.text}`);
}

/**
 * Sets Goose up for the agent of a home: `config.yaml`, the guard's provider, the plugin with hooks and skill, the role's recipes.
 * Repeatable; what is the user's own stays. A backup of `config.yaml` from before the first setup lies beside it.
 * @throws GaggleError NOT_JOINED, BUNDLE_MISSING, BUNDLE_EXPIRED; INVALID_INPUT where `config.yaml` is not valid YAML (then nothing is written)
 */
export async function setup(request: SetupRequest, out: Output): Promise<void> {
  const { home, remove, print } = request;
  if (remove) {
    // Also after `gaggle leave`, when there is no configuration any more.
    const root = request.gooseRoot ?? (existsSync(homePaths(home).config) ? (await readAgentConfig(home)).gooseRoot : null);
    const removed = takeOut(home, goosePaths(root, request.env));
    out.result({ removed });
    return out.line(`Goose is as it was before Gaggle. Changed or removed:\n${removed.map((path) => `  ${path}`).join("\n")}`);
  }
  const config = await readAgentConfig(home);
  const paths = goosePaths(request.gooseRoot ?? config.gooseRoot, request.env);
  const planned = await plan(request, config, paths);
  if (print) return show(paths, planned, out);
  const written = apply(home, paths, planned);
  out.result({ written });
  out.line(`Goose is set up for ${config.subject} (${config.role}). Written:\n${written.map((path) => `  ${path}`).join("\n")}`);
  if (defaultUpstream(config) === undefined)
    out.line(paint.warn("No model is configured behind the guard yet, so chats get no answer until there is one."));
  out.line("Start a new chat in Goose to use it. `gaggle setup --remove` takes it out again.");
}
