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
}

function configFolder(env: Env, userHome: string): string {
  const roaming = env["APPDATA"];
  if (process.platform === "win32") return join(roaming ?? join(userHome, "AppData", "Roaming"), "Block", "goose", "config");
  const xdg = env["XDG_CONFIG_HOME"];
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(userHome, ".config"), "goose");
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
  };
}
