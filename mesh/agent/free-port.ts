/** Finds a port for a server whose address others write down. */
import { createServer } from "node:net";

/** A TCP port that is free on loopback now. Between this and its use another program may take it: the caller keeps it or says so. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    server.close(() => resolve(port));
  });
  return promise;
}
