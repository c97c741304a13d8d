/** What every command gets: where it runs, how it speaks, how it reaches the daemon. */
import { join } from "node:path";
import { installFolder } from "../client/install-folder.ts";
import { connectDaemon, type DaemonClient } from "../client/connect-daemon.ts";
import { type Env, gaggleHome } from "../client/home.ts";
import { createOutput, type Output } from "./output.ts";

/** A command's surroundings. */
export interface CommandContext {
  readonly env: Env;
  readonly home: string;
  /** Gaggle's install folder, and the Node that runs this program. */
  readonly installDir: string;
  readonly node: string;
  readonly out: Output;
}

/** The surroundings of this process. @param json whether to speak JSON */
export const createContext = (env: Env, json: boolean): CommandContext => ({
  env,
  home: gaggleHome(env),
  installDir: installFolder(import.meta.url),
  node: process.execPath,
  out: createOutput(process.stdout, json),
});

/** Runs a command with a connection to the daemon, which is started where it doesn't run. */
export async function withDaemon<T>(
  { env, home, installDir, node }: CommandContext,
  run: (daemon: DaemonClient) => Promise<T>,
): Promise<T> {
  const entry = join(installDir, "bin", "gaggle.js");
  const daemon = await connectDaemon({ home, program: "gaggle", autoStart: { node, entry, env } });
  try {
    return await run(daemon);
  } finally {
    daemon.close();
  }
}
