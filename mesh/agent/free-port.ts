/** Finds a port for a server whose address others write down. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Ports that no system gives to outgoing connections by itself (Linux begins at 32768, others at 49152). A port from there that is written down and
 * not listened on for a moment is sooner or later some connection's own end, and the server can't start.
 */
const LOWEST = 20_000;
const BEYOND = 32_768;
/** So many taken ones in a row mean that something else is wrong. */
const TRIES = 50;
const PORTS = BEYOND - LOWEST;
/** How many ports a process asks for by its own number before it draws lots. */
const OF_A_PROCESS = 4;

let asked = 0;

/**
 * A TCP port that is free on loopback now. Between this and its use another program may take it: the caller keeps it or says so.
 * @throws Error of the last try where none is free
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = portOf(process.pid, asked++) ?? randomInt(LOWEST, BEYOND);
    try {
      await tryPort(port);
      return port;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

/**
 * The port that a process asks for first, second and so on; undefined once it has asked for its own. Processes that begin soon after each other have
 * different ones: several agents of a machine join and start together, and what one has written down and does not listen on yet must not be drawn by
 * the next.
 * @param count how many it has asked for before
 */
export function portOf(pid: number, count: number): number | undefined {
  return count < OF_A_PROCESS ? LOWEST + ((pid + (count * PORTS) / OF_A_PROCESS) % PORTS) : undefined;
}

/** Listens on a port of loopback for a moment. @throws Error where it is taken */
export function tryPort(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = createServer();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  return promise;
}
