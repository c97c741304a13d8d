/** Where an agent keeps its files. */
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Environment variables as a plain record, so that tests bring their own. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The folder of this user's agent: `GAGGLE_HOME`, else `$XDG_DATA_HOME/gaggle`, else `~/.local/share/gaggle`
 * (`%LOCALAPPDATA%\gaggle` on Windows). An absolute path; the folder need not exist.
 */
export function gaggleHome(env: Env): string {
  const own = env["GAGGLE_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  const local = env["LOCALAPPDATA"];
  if (process.platform === "win32" && local !== undefined && local !== "") return join(local, "gaggle");
  const data = env["XDG_DATA_HOME"];
  // The XDG base directory specification says that a relative path there is to be ignored.
  if (data !== undefined && isAbsolute(data)) return join(data, "gaggle");
  return join(env["HOME"] || homedir(), ".local", "share", "gaggle");
}
