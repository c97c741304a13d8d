/** Gaggle's part of Goose's `config.yaml`: puts it in, takes it out, and keeps what the user had. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { json } from "../../contract/json.ts";
import { deleteSetting, readSettings, type Settings, setSetting } from "./edit-yaml.ts";

/** Name of the provider that leads to the guard's gateway. */
export const PROVIDER = "privacy_guard";

/**
 * Where Goose keeps the provider: the first two are written by hand and by older ones; Goose 1.52 moves them to `active_provider` and
 * `providers` at its first run, and from then on reads only those.
 */
const PROVIDER_KEYS = ["GOOSE_PROVIDER", "GOOSE_MODEL", "active_provider"] as const;
/** Maps of Goose's configuration with entries of ours in them. */
const MAPS = ["extensions", "providers", "plugins"] as const;

/** What setup puts into `config.yaml`. */
export interface WantedConfig {
  readonly model: string;
  /** Extension entries by name. */
  readonly extensions: Readonly<Record<string, ExtensionEntry>>;
}

/** An entry of `extensions` in Goose's configuration. */
export interface ExtensionEntry {
  readonly enabled: boolean;
  readonly type: "stdio";
  readonly name: string;
  readonly description: string;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs?: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly available_tools?: readonly string[];
}

/** What the user had where setup wrote. */
export const configBefore = z.strictObject({
  /** Their values of GOOSE_PROVIDER, GOOSE_MODEL and active_provider, where they had any. */
  provider: z.record(z.string(), json),
  /** The model that setup wrote. */
  model: z.string(),
  /** Their extensions under names that are ours. */
  extensions: z.record(z.string(), json),
  /** Which of the maps they had. */
  maps: z.array(z.enum(MAPS)),
});
/** What the user had where setup wrote. */
export type ConfigBefore = z.infer<typeof configBefore>;

const mapIn = (settings: Settings, key: string): Settings => {
  const value = settings[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Settings) : {};
};

/** The provider that Goose uses by its configuration file, or undefined. */
export const providerOf = (settings: Settings): unknown => settings["active_provider"] ?? settings["GOOSE_PROVIDER"];

/** Whether an extension entry starts one of Gaggle's own servers, whatever Goose or the user changed beside. */
export function isOurExtension(name: string, entry: unknown): boolean {
  const args = (entry as { args?: unknown } | null | undefined)?.args;
  const [script] = Array.isArray(args) ? (args as unknown[]) : [];
  return typeof script === "string" && script.replaceAll("\\", "/").endsWith(`/dist/extensions/${name}.js`);
}

/** The settings that lead Goose to the gateway, in the form that the file has already. */
function providerSettings(now: Settings, model: string): [path: readonly [string] | readonly [string, string], value: unknown][] {
  const byHand: [readonly [string], unknown][] = [
    [["GOOSE_PROVIDER"], PROVIDER],
    [["GOOSE_MODEL"], model],
  ];
  if (now["active_provider"] === undefined) return byHand;
  const entry = { ...mapIn(mapIn(now, "providers"), PROVIDER), enabled: true, model, configured: true };
  return [[["active_provider"], PROVIDER], [["providers", PROVIDER], entry], ...byHand.filter(([[key]]) => now[key] !== undefined)];
}

/** The user's provider and model, seen past what an earlier setup wrote. */
function userProvider(now: Settings, earlier: ConfigBefore | undefined): ConfigBefore["provider"] {
  // Goose may have moved what setup wrote, so the keys tell nothing here.
  if (providerOf(now) === PROVIDER) return earlier?.provider ?? {};
  const theirs = PROVIDER_KEYS.map((key) => {
    const wrote = key === "GOOSE_MODEL" ? earlier?.model : PROVIDER;
    return [key, now[key] === wrote ? earlier?.provider[key] : now[key]] as const;
  });
  return Object.fromEntries(theirs.filter(([, value]) => value !== undefined)) as ConfigBefore["provider"];
}

function userExtensions(now: Settings, wanted: WantedConfig, earlier: ConfigBefore | undefined): ConfigBefore["extensions"] {
  const extensions = mapIn(now, "extensions");
  const theirs = Object.keys(wanted.extensions).map(
    (name) => [name, isOurExtension(name, extensions[name]) ? earlier?.extensions[name] : extensions[name]] as const,
  );
  return Object.fromEntries(theirs.filter(([, value]) => value !== undefined)) as ConfigBefore["extensions"];
}

/**
 * Puts Gaggle's part into the text of a `config.yaml`.
 * @param file names it in errors
 * @param earlier what an earlier setup told to remember
 * @returns the new text, and what to remember
 * @throws GaggleError INVALID_INPUT naming the line where the text is not valid YAML
 */
export function addToConfig(
  text: string,
  file: string,
  wanted: WantedConfig,
  earlier?: ConfigBefore,
): { text: string; before: ConfigBefore } {
  const now = readSettings(text, file);
  const extensions = Object.entries(wanted.extensions).map(([name, entry]) => [["extensions", name], entry] as const);
  let result = text;
  for (const [path, value] of [...providerSettings(now, wanted.model), ...extensions]) {
    const [top, child] = path;
    const has = child === undefined ? now[top] : mapIn(now, top)[child];
    if (!isDeepStrictEqual(has, value)) result = setSetting(result, file, path, value);
  }
  const before: ConfigBefore = {
    provider: userProvider(now, earlier),
    model: wanted.model,
    extensions: userExtensions(now, wanted, earlier),
    maps: earlier?.maps ?? MAPS.filter((key) => Object.hasOwn(now, key)),
  };
  return { text: result, before };
}

/** What of Gaggle's may stand in a `config.yaml`. */
export interface OurNames {
  readonly extensions: readonly string[];
  /** Whether a path is that of a plugin of ours; Goose lists plugins in `plugins` by itself. */
  isPlugin(path: string): boolean;
}

/**
 * Takes Gaggle's part out again and puts back what the user had. What the user changed meanwhile stays.
 * @param kept what setup told to remember; undefined where the record is lost
 */
export function removeFromConfig(text: string, file: string, ours: OurNames, kept: ConfigBefore | undefined): string {
  const now = readSettings(text, file);
  let result = text;
  const put = (path: readonly [string] | readonly [string, string], had: unknown): void => {
    result = had === undefined ? deleteSetting(result, file, path) : setSetting(result, file, path, had);
  };
  const extensions = mapIn(now, "extensions");
  for (const name of ours.extensions) if (isOurExtension(name, extensions[name])) put(["extensions", name], kept?.extensions[name]);
  put(["providers", PROVIDER], undefined);
  for (const path of Object.keys(mapIn(now, "plugins"))) if (ours.isPlugin(path)) put(["plugins", path], undefined);
  const left = readSettings(result, file);
  for (const key of MAPS) if (isDeepStrictEqual(mapIn(left, key), {}) && !kept?.maps.includes(key)) put([key], undefined);
  for (const key of PROVIDER_KEYS) {
    const isOurs = providerOf(now) === PROVIDER ? kept !== undefined || now[key] === PROVIDER : now[key] === PROVIDER;
    if (isOurs && !isDeepStrictEqual(now[key], kept?.provider[key])) put([key], kept?.provider[key]);
  }
  return result;
}
