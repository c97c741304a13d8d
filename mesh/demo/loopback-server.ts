/** What the demo's small HTTP servers share. */
import type { IncomingMessage, Server } from "node:http";
import { GaggleError } from "../contract/errors.ts";
import { MAX_MODEL_REQUEST_BYTES } from "../contract/limits.ts";

/** Listens on a free port of the loopback interface and gives its number. */
export function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.removeListener("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new GaggleError("INTERNAL", "The server has no TCP port."));
      resolve(address.port);
    });
  });
}

/** Ends the server and every connection with it. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

/**
 * The whole body of a request to a model.
 * @throws GaggleError TOO_LARGE beyond {@link MAX_MODEL_REQUEST_BYTES}
 */
export async function readModelRequest(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_MODEL_REQUEST_BYTES) throw new GaggleError("TOO_LARGE", "The request is larger than a model request may be.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
