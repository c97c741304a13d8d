/** Where the API listens, and where it must not. */
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { GaggleError } from "../mesh/contract/errors.ts";
import { isLoopbackHost } from "../mesh/contract/loopback.ts";

/** Address of the API; plain HTTP without `tls`. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Members' invitations and tokens must not cross a network in clear. @throws GaggleError INVALID_INPUT */
export function refusePlainHttp(config: ListenAddress): void {
  if (config.tls !== undefined || isLoopbackHost(config.host)) return;
  const problem = `The bootstrap node speaks plain HTTP on this machine only, and ${config.host} is reachable from others.`;
  throw new GaggleError("INVALID_INPUT", `${problem} Give it a certificate and key (tls), or listen on 127.0.0.1 behind a proxy with TLS.`);
}

/** Starts to listen; returns the base URL. @throws GaggleError INVALID_INPUT where the address is taken */
export async function listen(server: FastifyInstance, config: ListenAddress): Promise<string> {
  try {
    await server.listen({ host: config.host, port: config.port });
  } catch (cause) {
    const problem = `The bootstrap node can't listen on ${config.host}:${config.port}`;
    throw new GaggleError("INVALID_INPUT", `${problem}; free the port or choose another.`, { cause });
  }
  // A connection that the system could not hand over costs that connection.
  server.server.on("error", (err) => server.log.error({ err }, "a connection could not be taken"));
  const { port } = server.server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host.replaceAll(/[[\]]/g, "")}]` : config.host;
  return `${config.tls === undefined ? "http" : "https"}://${host}:${port}`;
}
