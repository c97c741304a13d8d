/** Where Goose keeps what setup writes. Verified with `goose info` of Goose 1.52 on Linux; Windows after Goose's documentation. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Env } from "../../client/home.ts";

/** Folders and files of one Goose. */
export interface GoosePaths {
  readonly configFile: string;
  readonly providers: string;
  readonly recipes: string;
  readonly plugins: string;
  /** Settings that switch a user's plugins off and on. */
  readonly pluginSettings: string;
  /** Folders in which Goose keeps what was said, as it was said: its logs and its sessions. */
  readonly logs: string;
  readonly sessions: string;
}

function configFolder(env: Env, userHome: string): string {
  const roaming = env["APPDATA"];
  if (process.platform === "win32") return join(roaming ?? join(userHome, "AppData", "Roaming"), "Block", "goose", "config");
  const xdg = env["XDG_CONFIG_HOME"];
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(userHome, ".config"), "goose");
}

function stateFolder(env: Env, userHome: string, variable: "XDG_STATE_HOME" | "XDG_DATA_HOME", standard: readonly string[]): string {
  const given = env[variable];
  return join(given !== undefined && isAbsolute(given) ? given : join(userHome, ...standard), "goose");
}

/**
 * @param root `GOOSE_PATH_ROOT` of the Goose that is meant, or null for the one of `env`
 */
export function goosePaths(root: string | null, env: Env): GoosePaths {
  const userHome = env["HOME"] || homedir();
  const goose = root ?? env["GOOSE_PATH_ROOT"] ?? "";
  const config = goose === "" ? configFolder(env, userHome) : join(goose, "config");
  return {
    configFile: join(config, "config.yaml"),
    providers: join(config, "custom_providers"),
    recipes: join(config, "recipes"),
    plugins: join(goose === "" ? userHome : goose, ".agents", "plugins"),
    pluginSettings: join(goose === "" ? userHome : goose, ".config", "goose", "settings.json"),
    logs: join(goose === "" ? stateFolder(env, userHome, "XDG_STATE_HOME", [".local", "state"]) : join(goose, "state"), "logs"),
    sessions: join(goose === "" ? stateFolder(env, userHome, "XDG_DATA_HOME", [".local", "share"]) : join(goose, "data"), "sessions"),
  };
}
