/** Gaggle's part of Goose's `config.yaml`: puts it in, takes it out, and keeps what the user had. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { json } from "../../contract/json.ts";
import { deleteSetting, readSettings, type Settings, setSetting } from "./edit-yaml.ts";

/** What setup puts into `config.yaml`. */
export interface WantedConfig {
  /** GOOSE_PROVIDER and GOOSE_MODEL. */
  readonly settings: Readonly<Record<string, string>>;
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

/** What the user had where setup wrote, and what setup wrote there. */
export const configBefore = z.strictObject({
  settings: z.record(z.string(), z.strictObject({ had: json.optional(), wrote: z.string() })),
  extensions: z.record(z.string(), json),
  hadExtensions: z.boolean(),
});
/** What the user had where setup wrote, and what setup wrote there. */
export type ConfigBefore = z.infer<typeof configBefore>;

const extensionsOf = (settings: Settings): Settings => {
  const value = settings["extensions"];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Settings) : {};
};

/** Whether an extension entry starts one of Gaggle's own servers, whatever Goose or the user changed beside. */
export function isOurExtension(name: string, entry: unknown): boolean {
  const args = (entry as { args?: unknown } | null | undefined)?.args;
  const [script] = Array.isArray(args) ? (args as unknown[]) : [];
  return typeof script === "string" && script.replaceAll("\\", "/").endsWith(`/dist/extensions/${name}.js`);
}

/** What the user has now, seen past what an earlier setup wrote. */
function before(now: Settings, wanted: WantedConfig, earlier: ConfigBefore | undefined): ConfigBefore {
  const extensions = extensionsOf(now);
  const settings = Object.entries(wanted.settings).map(([key, wrote]) => {
    const known = earlier?.settings[key];
    const had = known !== undefined && now[key] === known.wrote ? known.had : (now[key] as ConfigBefore["settings"][string]["had"]);
    // A value of ours without a record was left by a setup whose home is gone.
    return [key, had === undefined || (known === undefined && had === wrote) ? { wrote } : { had, wrote }] as const;
  });
  const replaced = Object.keys(wanted.extensions).flatMap((name) => {
    const had = isOurExtension(name, extensions[name])
      ? earlier?.extensions[name]
      : (extensions[name] as ConfigBefore["extensions"][string]);
    return had === undefined ? [] : [[name, had] as const];
  });
  return {
    settings: Object.fromEntries(settings),
    extensions: Object.fromEntries(replaced),
    hadExtensions: earlier?.hadExtensions ?? Object.hasOwn(now, "extensions"),
  };
}

/**
 * Puts Gaggle's part into the text of a `config.yaml`.
 * @param file names it in errors
 * @param earlier what an earlier setup told to remember
 * @throws GaggleError INVALID_INPUT naming the line where the text is not valid YAML
 */
export function addToConfig(
  text: string,
  file: string,
  wanted: WantedConfig,
  earlier?: ConfigBefore,
): { text: string; before: ConfigBefore } {
  const now = readSettings(text, file);
  let result = text;
  for (const [key, value] of Object.entries(wanted.settings)) {
    if (now[key] !== value) result = setSetting(result, file, [key], value);
  }
  const extensions = extensionsOf(now);
  for (const [name, entry] of Object.entries(wanted.extensions)) {
    if (!isDeepStrictEqual(extensions[name], entry)) result = setSetting(result, file, ["extensions", name], entry);
  }
  return { text: result, before: before(now, wanted, earlier) };
}

/**
 * Takes Gaggle's part out again and puts back what the user had. What the user changed meanwhile stays.
 * @param kept what setup told to remember; undefined where the record is lost
 * @param names extension names that Gaggle uses
 */
export function removeFromConfig(text: string, file: string, names: readonly string[], kept: ConfigBefore | undefined): string {
  const now = readSettings(text, file);
  const extensions = extensionsOf(now);
  let result = text;
  for (const name of names.filter((one) => isOurExtension(one, extensions[one]))) {
    const had = kept?.extensions[name];
    result = had === undefined ? deleteSetting(result, file, ["extensions", name]) : setSetting(result, file, ["extensions", name], had);
  }
  const left = Object.keys(extensionsOf(readSettings(result, file)));
  if (kept?.hadExtensions === false && left.length === 0) result = deleteSetting(result, file, ["extensions"]);
  const ours = kept?.settings ?? (now["GOOSE_PROVIDER"] === "privacy_guard" ? { GOOSE_PROVIDER: { wrote: "privacy_guard" } } : {});
  for (const [key, { had, wrote }] of Object.entries<ConfigBefore["settings"][string]>(ours)) {
    if (now[key] !== wrote) continue;
    result = had === undefined ? deleteSetting(result, file, [key]) : setSetting(result, file, [key], had);
  }
  return result;
}
