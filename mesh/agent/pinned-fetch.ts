/**
 * Calls of a bootstrap node whose certificate is its own: over TLS with the key that was pinned when joining, and no other. Node's `fetch` takes no
 * such check, so this one stands on `node:https`. docs/decisions/0107-tls-of-the-node.md
 */
import { createHash } from "node:crypto";
import { Agent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { GaggleError } from "../contract/errors.ts";

/** A `fetch` for a node: the given one where nothing is pinned. @param pin SHA-256 of the TLS key's SubjectPublicKeyInfo, base64url */
export function bootstrapFetch(fetch: typeof globalThis.fetch, pin: string | undefined): typeof globalThis.fetch {
  if (pin === undefined) return fetch;
  const agent = createPinnedAgent(pin);
  return (input, init = {}) => call(agent, new URL(input instanceof Request ? input.url : input), init);
}

/** The pin of a connection's key. The handshake has proven that the server holds it. */
const pinOf = (socket: TLSSocket): string | undefined => {
  const key = socket.getPeerX509Certificate()?.publicKey;
  return (
    key &&
    createHash("sha256")
      .update(key.export({ type: "spki", format: "der" }))
      .digest("base64url")
  );
};

/** Hands a connection over only once its key is the pinned one, so that nothing is sent to anybody else. */
function createPinnedAgent(pin: string): Agent {
  const agent = new Agent({ keepAlive: false });
  agent.createConnection = (options, callback) => {
    const { host, port, servername } = options as { host: string; port: number; servername?: string };
    // Who signed the certificate, its names and its times say nothing here: the key decides.
    const socket = connect({
      host,
      port,
      servername: servername ?? "",
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["http/1.1"],
    });
    const fail = (error: Error): void => callback?.(error, socket);
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      if (pinOf(socket) === pin) {
        callback?.(null, socket);
        return;
      }
      socket.destroy();
      callback?.(mismatch(), socket);
    });
    return undefined;
  };
  return agent;
}

const mismatch = (): GaggleError =>
  new GaggleError(
    "TLS_PIN_MISMATCH",
    "The server at the bootstrap node's address has another TLS key than the one that was pinned, so nothing was sent. Somebody may be in between; where an admin replaced the key, join again with a new link.",
  );

function call(agent: Agent, url: URL, init: RequestInit): Promise<Response> {
  if (url.protocol !== "https:")
    return Promise.reject(new GaggleError("INVALID_INPUT", "A pinned bootstrap node is called by https; its address has to begin so."));
  const { signal } = init;
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(new Headers(init.headers).entries());
    const request = httpsRequest(url, { agent, method: init.method ?? "GET", headers, ...(signal ? { signal } : {}) }, (answer) => {
      const status = answer.statusCode ?? 0;
      if (status >= 300 && status < 400) {
        answer.destroy();
        reject(new TypeError("the server redirects, which is not followed"));
        return;
      }
      const texts = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const empty = status === 204 || init.method === "HEAD";
      if (empty) answer.resume();
      resolve(new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers: texts }));
    });
    // Not once: what comes after the answer has begun is told by its body, and must find a listener.
    request.on("error", (error) => reject(signal?.aborted === true ? signal.reason : error));
    request.end(typeof init.body === "string" ? init.body : undefined);
  });
}
