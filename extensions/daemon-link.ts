/** An extension's line to its daemon: made at the first tool call, so that a chat starts without waiting for it. */
import { join } from "node:path";
import { type DaemonClient, connectDaemon } from "../mesh/client/connect-daemon.ts";
import { type Env, gaggleHome } from "../mesh/client/home.ts";
import { installFolder } from "../mesh/client/install-folder.ts";

/** Calls the daemon; starts it where it isn't running. */
export interface DaemonLink {
  readonly call: DaemonClient["call"];
  close(): void;
}

/**
 * @param config `program`: name for the daemon's log; `moduleUrl`: `import.meta.url` of the program; `env`: its environment
 */
export function createDaemonLink(config: { program: string; moduleUrl: string; env: Env }): DaemonLink {
  let connecting: Promise<DaemonClient> | undefined;
  const connect = (): Promise<DaemonClient> => {
    connecting ??= connectDaemon({
      home: gaggleHome(config.env),
      program: config.program,
      autoStart: { node: process.execPath, entry: join(installFolder(config.moduleUrl), "bin", "gaggle.js"), env: config.env },
    }).catch((error: unknown) => {
      // The next call tries again: the person may have mended it meanwhile.
      connecting = undefined;
      throw error;
    });
    return connecting;
  };
  return {
    call: async (method, params, options) => (await connect()).call(method, params, options),
    close: () =>
      void connecting?.then(
        (client) => client.close(),
        () => undefined,
      ),
  };
}
