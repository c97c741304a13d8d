/** The bootstrap node's HTTP server: routes of the contract's table over the handlers. */
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { BOOTSTRAP_ROUTES, type BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { isTooDeep } from "../mesh/contract/json.ts";
import { MAX_JSON_DEPTH } from "../mesh/contract/limits.ts";
import type { Drain } from "./drain.ts";
import { createHandlers, type HandlerDeps } from "./handlers.ts";
import { openApiDocument } from "./openapi.ts";
import { PROBLEM_TYPE, retryAfterOf, toProblem } from "./problem.ts";
import { createRequestLimits } from "./request-limits.ts";
import { type ServeDeps, serveRoute } from "./serve-route.ts";

/** Time that a client has to send its whole request. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Time after which a connection without a request is closed. */
const KEEP_ALIVE_MS = 72_000;

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
  /** KiB of audit that one agent may hand over at once; for tests. */
  readonly auditKibAtOnce?: number;
  /** Addresses or networks of proxies whose `X-Forwarded-For` is believed; none where left out. */
  readonly trustProxy?: readonly string[];
}

/** What the server needs. */
export type ServerDeps = HandlerDeps & Omit<ServeDeps, "limits"> & { readonly log: NodeLog; readonly drain: Drain };

/** The server, not listening yet: `inject()` works at once. */
export function createBootstrapServer(deps: ServerDeps, config: ServerConfig): FastifyInstance {
  const app = createFastify(config);
  const limits = createRequestLimits(deps, {
    openPerMinute: config.openRequestsPerMinute,
    auditKibAtOnce: config.auditKibAtOnce,
  });
  const handlers = createHandlers(deps, config);
  // What a browser's form can send without asking is no body of this API.
  app.removeContentTypeParser("text/plain");
  parseShallow(app);
  const headers = config.tls === undefined ? HEADERS : { ...HEADERS, "strict-transport-security": "max-age=31536000" };
  app.addHook("onRequest", async (request, reply) => void reply.headers(headers).header("x-request-id", request.id));
  app.addHook("onResponse", async (request, reply) => noteAnswer(deps, request, reply));
  deps.drain.watch(app);
  app.setErrorHandler((error, request, reply) => sendProblem(deps, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    limits.ofAddress(request.ip);
    return sendProblem(deps, noSuchRoute(request, reply), request, reply);
  });
  const document = openApiDocument(config.version);
  app.get("/openapi.json", { exposeHeadRoute: true }, async (request) => {
    limits.ofAddress(request.ip);
    return document;
  });
  for (const name of Object.keys(BOOTSTRAP_ROUTES) as BootstrapRoute[]) {
    serveRoute(app, { ...deps, limits }, name, { org: config.org, handlers });
  }
  return app;
}

/** Fastify's own parser, and before it a bound on how deep a body is nested. */
function parseShallow(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body: string, done) => {
    if (!isTooDeep(body)) return parse(request, body, done);
    return done(new GaggleError("INVALID_INPUT", `The request is nested more than ${MAX_JSON_DEPTH} levels deep; send flatter data.`));
  });
}

function createFastify(config: ServerConfig): FastifyInstance {
  const options = {
    logger: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle" as const,
    // The drain says it, as a problem.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    trustProxy: config.trustProxy === undefined ? false : [...config.trustProxy],
    frameworkErrors: (error: unknown, _request: unknown, reply: FastifyReply) => void answerProblem(error, reply),
    clientErrorHandler,
  };
  const https = config.tls === undefined ? {} : { https: { ...config.tls, minVersion: "TLSv1.3" as const } };
  return Fastify({ ...options, ...https }) as FastifyInstance;
}

/** Paths of the table as expressions, with the methods that each has. */
const PATHS = [...Object.values(BOOTSTRAP_ROUTES), { method: "GET" as const, path: "/openapi.json", access: "none" as const }].map(
  ({ method, path, access }) => ({
    pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`),
    methods: method === "GET" && access === "none" ? ["GET", "HEAD"] : [method],
  }),
);

function noSuchRoute(request: FastifyRequest, reply: FastifyReply): GaggleError {
  const [path = ""] = request.url.split("?", 1);
  const methods = [...new Set(PATHS.filter(({ pattern }) => pattern.test(path)).flatMap((one) => one.methods))];
  if (methods.length === 0) return new GaggleError("NOT_FOUND", "There is no such route; see /openapi.json.");
  reply.header("allow", methods.join(", "));
  return new GaggleError("METHOD_NOT_ALLOWED", `This path is for ${methods.join(" and ")}; see /openapi.json.`);
}

/** The route's name, never the URL: a URL can hold anything. */
const routeOf = (request: FastifyRequest): BootstrapRoute | "none" =>
  (request.routeOptions.config as { name?: BootstrapRoute } | undefined)?.name ?? "none";

function noteAnswer({ log, metrics }: Pick<ServerDeps, "log" | "metrics">, request: FastifyRequest, reply: FastifyReply): void {
  const route = routeOf(request);
  metrics.answered(route, reply.statusCode, reply.elapsedTime / 1_000);
  const line = { reqId: request.id, method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
  log.debug(line, "a request was answered");
}

function sendProblem(
  deps: Pick<ServerDeps, "log" | "metrics">,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, code } = toProblem(error).body;
  deps.metrics.refused(code);
  const details = { reqId: request.id, code, method: request.method, route: routeOf(request) };
  if (status >= 500 && (code === "INTERNAL" || code === "STORE_FAILED")) deps.log.error({ ...details, err: error }, "a request failed");
  else deps.log.debug(details, "a request was refused");
  return answerProblem(error, reply);
}

function answerProblem(error: unknown, reply: FastifyReply): FastifyReply {
  const { status, body } = toProblem(error);
  const retryAfter = retryAfterOf(body);
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  return reply.status(status).type(PROBLEM_TYPE).send(body);
}

/** What is no HTTP, or comes too slowly or with too large headers, never becomes a request. */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return;
  const statusCode = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const { body } = toProblem(Object.assign(new Error("unreadable"), { statusCode }));
  const text = JSON.stringify({ ...body, status: statusCode });
  const lines = [
    `HTTP/1.1 ${statusCode} Refused`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(text)}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}
