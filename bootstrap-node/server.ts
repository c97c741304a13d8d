/** The bootstrap node's HTTP server: routes of the contract's table over the handlers. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { BOOTSTRAP_ROUTES, type BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { parseAs } from "../mesh/contract/json.ts";
import { MAX_API_BODY_BYTES } from "../mesh/contract/limits.ts";
import { type CallerDeps, identifyCaller } from "./caller.ts";
import { createHandlers, type HandlerDeps } from "./handlers.ts";
import { openApiDocument } from "./openapi.ts";
import { PROBLEM_TYPE, toProblem } from "./problem.ts";
import { createRateLimit } from "./rate-limit.ts";

/** Routes whose bodies carry bundles, audit events or sealed mail. */
const LARGE_BODIES: ReadonlySet<BootstrapRoute> = new Set<BootstrapRoute>(["publish", "ingest", "deposit"]);
/** Largest body of all other routes, in bytes. */
const SMALL_BODY_BYTES = 65_536;
/** Time that a client has to send its whole request. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests of one source in a minute to routes that need no membership. */
const DEFAULT_OPEN_REQUESTS_PER_MINUTE = 300;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** Where the node says what happens; pino's shape. */
export interface NodeLog {
  debug(details: object, text: string): void;
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

/** Settings of the server. */
export interface ServerConfig {
  readonly org: string;
  /** Version of the program, for the OpenAPI document. */
  readonly version: string;
  /** PEM texts; without them the server speaks plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Default 300. */
  readonly openRequestsPerMinute?: number;
}

/** The server, not listening yet: `inject()` works at once. */
export function createBootstrapServer(deps: HandlerDeps & CallerDeps & { log: NodeLog }, config: ServerConfig): FastifyInstance {
  const app = createFastify(config);
  const handlers = createHandlers(deps, config);
  const limit = createRateLimit(deps, { perMinute: config.openRequestsPerMinute ?? DEFAULT_OPEN_REQUESTS_PER_MINUTE });
  const headers = config.tls === undefined ? HEADERS : { ...HEADERS, "strict-transport-security": "max-age=31536000" };
  app.addHook("onRequest", async (_request, reply) => void reply.headers(headers));
  app.setErrorHandler((error, request, reply) => sendProblem(deps.log, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(deps.log, new GaggleError("NOT_FOUND", "There is no such route; see /openapi.json."), request, reply),
  );
  const document = openApiDocument(config.version);
  app.get("/openapi.json", () => document);

  for (const name of Object.keys(BOOTSTRAP_ROUTES) as BootstrapRoute[]) {
    const { method, path, access, request: schema } = BOOTSTRAP_ROUTES[name];
    const open = access === "none" || access === "proof";
    app.route({
      method,
      url: path,
      bodyLimit: LARGE_BODIES.has(name) ? MAX_API_BODY_BYTES : SMALL_BODY_BYTES,
      onRequest: async (request) => void (open && name !== "health" && limit.take(request.ip)),
      handler: async (request, reply) => {
        const caller = await identifyCaller(deps, config.org, access, request);
        const body = parseAs<unknown>(schema, request.body ?? {}, "The request");
        // One table types routes and handlers alike; here they are matched by name.
        const handle = handlers[name] as (call: { caller: typeof caller; body: unknown; params: unknown }) => unknown;
        if (name === "export") reply.type("application/x-ndjson");
        return handle({ caller, body, params: request.params });
      },
    });
  }
  return app;
}

function createFastify(config: ServerConfig): FastifyInstance {
  const options = { logger: false, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: "idle" as const, return503OnClosing: true };
  const https = config.tls === undefined ? {} : { https: { ...config.tls, minVersion: "TLSv1.3" as const } };
  return Fastify({ ...options, ...https }) as FastifyInstance;
}

function sendProblem(log: NodeLog, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = toProblem(error);
  const details = { code: body.code, method: request.method, route: request.routeOptions.url };
  if (status >= 500 && body.code !== "BUSY") log.error({ ...details, err: error }, "a request failed");
  else log.debug(details, "a request was refused");
  if (body.code === "BUSY") reply.header("retry-after", "60");
  return reply.status(status).type(PROBLEM_TYPE).send(body);
}
