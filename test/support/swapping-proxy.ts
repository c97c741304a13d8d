/** Stands between members and the bootstrap node, as one that was taken over would: hands on everything, but may give out other bundles. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { SignedBundle } from "../../mesh/contract/bundle.ts";

/** Gives the bundle that a role's members get instead. */
export type Swap = (bundle: SignedBundle, role: string) => SignedBundle;

/** The proxy. */
export interface SwappingProxy {
  readonly url: string;
  /** Changes bundles from now on; undefined hands them on as they are. */
  swap(fn: Swap | undefined): void;
  close(): Promise<void>;
}

const PROFILE = /^\/api\/v1\/profiles\/([a-z-]+)$/;
const KEPT_HEADERS = ["content-type", "authorization", "gaggle-proof"];

/** Starts it on a free port. @param target base URL of the node */
export async function startSwappingProxy(target: string): Promise<SwappingProxy> {
  let change: Swap | undefined;
  const server = createServer((request, response) => {
    void (async () => {
      const { method = "GET", url = "/" } = request;
      const headers = Object.fromEntries(
        KEPT_HEADERS.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]])),
      );
      const body = await buffer(request);
      const answer = await fetch(target + url, { method, headers, ...(method === "POST" ? { body: new Uint8Array(body) } : {}) });
      const role = PROFILE.exec(url)?.[1];
      const text = await answer.text();
      const swapped =
        role !== undefined && answer.ok && change !== undefined
          ? change((JSON.parse(text) as { bundle: SignedBundle }).bundle, role)
          : undefined;
      response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" });
      response.end(swapped === undefined ? text : JSON.stringify({ bundle: swapped }));
    })().catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swap(fn) {
      change = fn;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
