/**
 * What operators ask the node for: metrics, and a backup while it runs. A listener of its own, on loopback unless told otherwise, so that neither is ever
 * reachable where members are, also behind a proxy. Source: docs/decisions/0117-backup-of-a-running-node.md
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { GaggleError, systemCode } from "../mesh/contract/errors.ts";
import { writePrivateFile } from "../mesh/store/private-file.ts";
import type { LevelStore } from "../mesh/store/level-store.ts";
import { storeLines } from "./backup/backup-lines.ts";
import type { NodeMetrics } from "./metrics.ts";
import { PROBLEM_TYPE, toProblem } from "./problem.ts";
import type { NodeLog } from "./server.ts";

/** `ops.json` in a running node's folder: where it is asked for a backup, and with what. */
export const opsFile = z.strictObject({ v: z.literal(1), url: z.url(), token: z.string().min(32) });
/** Name of that file. */
export const OPS_FILE = "ops.json";

/** Where it listens. `orFree`: on a free port where the one wanted is taken. */
export interface OpsAddress {
  readonly host: string;
  readonly port: number;
  readonly orFree?: boolean;
}

/** The running listener. */
export interface OpsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it, and says in the folder how it is reached. @throws GaggleError INVALID_INPUT where the address is taken */
export async function startOpsServer(
  deps: { metrics: NodeMetrics; store: Pick<LevelStore, "snapshot">; log: NodeLog },
  config: { dir: string } & OpsAddress,
): Promise<OpsServer> {
  const token = randomBytes(32).toString("base64url");
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === "GET" && request.url === "/metrics") {
      const { body, type } = await deps.metrics.text();
      response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
      return;
    }
    if (request.method !== "GET" || request.url !== "/backup") throw new GaggleError("NOT_FOUND", "Here are /metrics and /backup.");
    if (!isBearer(request.headers.authorization, token))
      throw new GaggleError("CREDENTIAL_INVALID", "A backup needs the token of ops.json in the node's folder.");
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    await pipeline(Readable.from(storeLines(deps.store.snapshot())), response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const { status, body } = toProblem(error);
      if (status >= 500) deps.log.error({ err: error }, "an operator's request failed");
      if (response.headersSent) response.destroy();
      else response.writeHead(status, { "content-type": PROBLEM_TYPE }).end(JSON.stringify(body));
    });
  });
  const url = await listen(server, config);
  // A connection that the system could not hand over costs that connection.
  server.on("error", (err) => deps.log.error({ err }, "an operator's connection could not be taken"));
  const path = join(config.dir, OPS_FILE);
  await writePrivateFile(path, JSON.stringify({ v: 1, url, token } satisfies z.infer<typeof opsFile>));
  return {
    url,
    async close() {
      await unlink(path).catch(() => undefined);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isBearer(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ""), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function listen(server: Server, { host, port, orFree = false }: OpsAddress): Promise<string> {
  try {
    await listenOn(server, host, port).catch((error: unknown) => {
      if (!orFree || systemCode(error) !== "EADDRINUSE") throw error;
      return listenOn(server, host, 0);
    });
  } catch (cause) {
    const problem = `Metrics and backups can't listen on ${host}:${port}`;
    throw new GaggleError("INVALID_INPUT", `${problem}; free the port, or choose another with --ops-port.`, { cause });
  }
  const address = server.address() as AddressInfo;
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}
