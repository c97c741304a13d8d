/** The daemon's side of the local socket. Source: mesh/contract/daemon-api.ts; docs/decisions/0010-local-socket.md. */
import { chmodSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { secureSocketFolder } from "../client/socket-path.ts";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { STOPPED_NOTICE, type WireReply } from "../client/wire.ts";
import { type LocalConnectionConfig, serveConnection } from "./local-connection.ts";

/** How long {@link LocalServer.close} lets calls end that are under way. */
const CLOSE_GRACE_MS = 500;

const STOPPED_LINE = `${JSON.stringify({ jsonrpc: "2.0", method: STOPPED_NOTICE } satisfies WireReply)}\n`;

/** What a connection needs, and `path`: the socket or named pipe; see `socketPathFor`. */
export interface LocalServerConfig extends LocalConnectionConfig {
  readonly path: string;
}

/** A listening server. */
export interface LocalServer {
  /**
   * Takes no more calls, lets those under way end for a moment, then closes all connections.
   * @param why `failed` where nobody asked for the end: clients are not told then that it is meant, and start another daemon
   */
  close(why?: { failed: boolean }): Promise<void>;
}

/** True where a program accepts connections on the socket. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = systemCode(error);
      if (code === "ECONNREFUSED" || code === "ENOENT" || code === "ENOTSOCK") return resolve(false);
      reject(error);
    });
  });

/** The caller holds the store's lock, so a socket on which nothing answers was left by a daemon that was killed. */
async function removeStale(path: string): Promise<void> {
  if (await answers(path)) {
    throw new GaggleError(
      "CONFLICT",
      `Another program answers on ${path}, though this home's store is free. End that program and start again.`,
    );
  }
  if (process.platform === "win32") return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });

/**
 * Listens on the home's socket. Call it only while holding the store's lock: that makes this daemon the only one of the home,
 * so a socket file on which nothing answers may be removed.
 * @throws GaggleError CONFLICT where something answers there; DAEMON_UNREACHABLE where the folder is not safe
 */
export async function serveLocal(config: LocalServerConfig): Promise<LocalServer> {
  const { path } = config;
  if (process.platform !== "win32") secureSocketFolder(dirname(path));
  await removeStale(path);
  const sockets = new Set<Socket>();
  const running = new Set<Promise<void>>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serveConnection(socket, config, running);
  });
  await listen(server, path);
  // A connection that the system could not hand over costs that connection.
  server.on("error", (error) => config.log("A local connection could not be taken", { code: systemCode(error) ?? "unknown" }));
  if (process.platform !== "win32") chmodSync(path, 0o600);

  const close: LocalServer["close"] = async ({ failed } = { failed: false }) => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.pause();
    await Promise.race([Promise.allSettled(running), new Promise((resolve) => setTimeout(resolve, CLOSE_GRACE_MS).unref())]);
    for (const socket of sockets) {
      if (!failed) socket.write(STOPPED_LINE);
      socket.destroySoon();
    }
    await ended;
  };
  return { close };
}
