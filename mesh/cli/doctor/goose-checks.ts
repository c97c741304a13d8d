/** Checks of what setup wrote into Goose's configuration: provider, extensions. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type AgentConfig, defaultUpstream } from "../../agent/agent-config.ts";
import type { Env } from "../../client/home.ts";
import { parseJson } from "../../contract/json.ts";
import { readSettings, type Settings } from "../setup/edit-yaml.ts";
import { isOurExtension, PROVIDER, providerOf } from "../setup/goose-config.ts";
import type { GoosePaths } from "../setup/goose-paths.ts";
import { EXTENSIONS } from "../setup/plan-setup.ts";
import { readIfThere } from "../setup/replace-file.ts";
import { type Check, fail, ok, warn } from "./check.ts";

const SETUP = "Run: gaggle setup";
const settingsOf = ({ configFile }: GoosePaths): Settings => readSettings(readIfThere(configFile) ?? "", configFile);
const mapOf = (value: unknown): Settings => (typeof value === "object" && value !== null ? (value as Settings) : {});

/** That Goose's model calls go through the guard. */
export function checkProvider(paths: GoosePaths, config: AgentConfig, env: Env): Check {
  const named = env["GOOSE_PROVIDER"];
  if (named !== undefined && named !== PROVIDER) {
    return fail(
      "provider",
      `GOOSE_PROVIDER in the environment is ${named}: model calls go past the guard.`,
      "Take GOOSE_PROVIDER out of the environment.",
    );
  }
  if (providerOf(settingsOf(paths)) !== PROVIDER) {
    return fail("provider", `Goose's provider is not ${PROVIDER}: model calls go past the guard.`, SETUP);
  }
  const file = join(paths.providers, `${PROVIDER}.json`);
  const text = readIfThere(file);
  if (text === undefined) return fail("provider", `${file} is missing.`, SETUP);
  const url = mapOf(parseJson(text, file))["base_url"];
  if (typeof url !== "string" || new URL(url).host !== `127.0.0.1:${config.gatewayPort}`) {
    return fail("provider", `${file} does not lead to this agent's gateway.`, SETUP);
  }
  const model = defaultUpstream(config)?.model;
  if (model === undefined)
    return warn("provider", "Leads to the guard, but no model is configured behind it.", "Run: gaggle model --url URL --name MODEL");
  return ok("provider", `${PROVIDER}, at ${new URL(url).host}, model ${model}`);
}

/** That Goose has the extensions, enabled, and that what they start is there. */
export function checkExtensions(paths: GoosePaths): Check {
  const extensions = mapOf(settingsOf(paths)["extensions"]);
  const missing = Object.keys(EXTENSIONS).filter((name) => !isOurExtension(name, extensions[name]));
  if (missing.length > 0) return fail("extensions", `Goose does not have ${missing.join(", ")}.`, SETUP);
  const gone = Object.keys(EXTENSIONS).flatMap((name) => {
    const { cmd, args } = mapOf(extensions[name]) as { cmd?: unknown; args?: readonly unknown[] };
    return [cmd, args?.[0]].filter((path): path is string => typeof path === "string" && !existsSync(path));
  });
  if (gone.length > 0) return fail("extensions", `What they start is gone: ${[...new Set(gone)].join(", ")}.`, SETUP);
  const off = Object.keys(EXTENSIONS).filter((name) => mapOf(extensions[name])["enabled"] === false);
  if (off.length > 0)
    return warn("extensions", `Switched off in Goose: ${off.join(", ")}.`, "Switch them on with goose configure, or run gaggle setup.");
  return ok("extensions", Object.keys(EXTENSIONS).join(", "));
}
