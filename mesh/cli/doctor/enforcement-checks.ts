/** Checks that Goose can't get past policy and guard unseen: the plugin, who could switch it off, its hook, other providers, raw logs. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { parseJson } from "../../contract/json.ts";
import type { Env } from "../../client/home.ts";
import { readSettings, type Settings } from "../setup/edit-yaml.ts";
import { PROVIDER } from "../setup/goose-config.ts";
import type { GoosePaths } from "../setup/goose-paths.ts";
import { pluginFoldersIn } from "../setup/plugin-folder.ts";
import { openRawFolders } from "../setup/private-logs.ts";
import { readIfThere } from "../setup/replace-file.ts";
import { type SetupRecord, textHash } from "../setup/setup-record.ts";
import { type Check, fail, ok, warn } from "./check.ts";
import { runHook } from "./run-hook.ts";

const SETUP = "Run: gaggle setup";
const mapOf = (value: unknown): Settings => (typeof value === "object" && value !== null ? (value as Settings) : {});
const settingsOf = ({ configFile }: GoosePaths): Settings => readSettings(readIfThere(configFile) ?? "", configFile);

/** That the plugin is there, on, and as setup wrote it. @param record what setup told to remember of this Goose */
export function checkPlugin(paths: GoosePaths, record: SetupRecord | undefined, env: Env): Check {
  const [folder] = pluginFoldersIn(paths);
  if (folder === undefined || !existsSync(join(folder, "hooks", "hooks.json")))
    return fail("plugin", `Gaggle's plugin is missing in ${paths.plugins}: tool calls are not checked.`, SETUP);
  if (mapOf(mapOf(settingsOf(paths)["plugins"])[folder])["enabled"] === false)
    return fail(
      "plugin",
      `${folder} is switched off in ${paths.configFile}: tool calls are not checked.`,
      "Set it to enabled: true there.",
    );
  const written = Object.entries(record?.files ?? {});
  const altered = written.filter(([path, hash]) => textHash(readIfThere(path) ?? "") !== hash).map(([path]) => path);
  if (altered.length > 0) return fail("plugin", `Changed since setup: ${altered.join(", ")}.`, SETUP);
  // Goose reads every setting from the environment too, by its name in capitals.
  if (env["PLUGINS"] !== undefined)
    return warn("plugin", "PLUGINS in the environment can switch the plugin off.", "Take PLUGINS out of the environment.");
  return ok("plugin", folder);
}

/** That neither the current folder nor the user's settings put another plugin in our plugin's place or switch it off. */
export function checkOverrides(paths: GoosePaths, cwd: string): Check {
  const own = pluginFoldersIn(paths);
  const names = own.map((folder) => basename(folder));
  const twins = names.map((name) => join(cwd, ".agents", "plugins", name));
  // In the user's own home folder the project's plugins are the user's.
  const shadows = twins.filter((path) => !own.includes(path) && existsSync(path));
  if (shadows.length > 0) return fail("project", `${shadows.join(", ")} replaces Gaggle's plugin in this folder.`, "Remove that folder.");
  const settings = ["settings.json", "settings.local.json"].map((name) => join(cwd, ".config", "goose", name));
  const off = [...settings, paths.pluginSettings].filter((path) => names.some((name) => disabledIn(path).includes(name)));
  if (off.length > 0)
    return fail("project", `${off.join(", ")} switches Gaggle's plugin off.`, "Take its name out of disabledPlugins there.");
  return ok("project", `Nothing in ${cwd} switches the hooks off`);
}

function disabledIn(path: string): readonly unknown[] {
  const text = readIfThere(path);
  if (text === undefined) return [];
  const { disabledPlugins } = mapOf(parseJson(text, path)) as { disabledPlugins?: unknown };
  return Array.isArray(disabledPlugins) ? disabledPlugins : [];
}

/** That the command which Goose runs before a tool call reaches the daemon and brings back its no. Nothing is registered or recorded by it. */
export async function checkHook(paths: GoosePaths, env: Env): Promise<Check> {
  const [folder] = pluginFoldersIn(paths);
  const file = join(folder ?? paths.plugins, "hooks", "hooks.json");
  const text = readIfThere(file);
  const command = text === undefined ? undefined : commandIn(parseJson(text, file));
  if (command === undefined) return fail("hook", `${file} has no command for PreToolUse: tool calls are not checked.`, SETUP);
  const { code, reason, ms } = await runHook(command, env);
  if (code !== 2) return fail("hook", `The hook ended with ${code ?? "no exit code"} where it had to say no.`, SETUP);
  if (reason.startsWith("Gaggle did not allow this"))
    return fail("hook", `The hook denies every tool call: ${reason.slice(0, 300)}`, "See daemon above.");
  return ok("hook", `Asks the daemon and is answered (${ms} ms)`);
}

/** The command that Goose runs before a tool call. */
function commandIn(manifest: unknown): string | undefined {
  const rules = mapOf(mapOf(manifest)["hooks"])["PreToolUse"];
  const [rule] = Array.isArray(rules) ? (rules as unknown[]) : [];
  const hooks = mapOf(rule)["hooks"];
  const [hook] = Array.isArray(hooks) ? (hooks as unknown[]) : [];
  const command = mapOf(hook)["command"];
  return typeof command === "string" && command !== "" ? command : undefined;
}

/** Settings of Goose that name a provider of their own, past the one that is checked by `provider`. */
const OTHER_PROVIDERS = ["GOOSE_SUBAGENT_PROVIDER", "GOOSE_LEAD_PROVIDER", "GOOSE_PLANNER_PROVIDER"];

/** That no part of Goose is led to a model past the guard, and that no vendor's key lies ready for it. */
export function checkBypass(paths: GoosePaths, env: Env): Check {
  const settings = settingsOf(paths);
  const named = OTHER_PROVIDERS.filter((key) => ![undefined, PROVIDER].includes((env[key] ?? settings[key]) as string | undefined));
  if (named.length > 0) {
    const fix = "Take them out of Goose's config.yaml and of the environment.";
    return fail("bypass", `${named.join(", ")} leads Goose past the guard.`, fix);
  }
  const keys = Object.keys(env).filter((name) => name.endsWith("_API_KEY") && env[name] !== "");
  if (keys.length > 0) {
    const fix = "Keep vendors' keys out of Goose's environment: gaggle model gives them to the guard alone.";
    return warn("bypass", `${keys.join(", ")} in the environment would let Goose call a model past the guard.`, fix);
  }
  return ok("bypass", "No other provider and no vendor's key in sight");
}

/** That only the user can read what Goose logs raw. */
export function checkRawLogs(paths: GoosePaths): Check {
  const open = openRawFolders(paths);
  if (open.length === 0) return ok("logs", "Only you can read Goose's raw logs and sessions");
  return warn("logs", `Others can read what Goose logs before the guard: ${open.join(", ")}.`, SETUP);
}
