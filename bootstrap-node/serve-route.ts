/** One row of the route table on the server: who calls, whether it may, what it sent, what it gets. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { BOOTSTRAP_ROUTES, type BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import type { RouteSpec } from "../mesh/contract/bootstrap-api/route.ts";
import type { PolicyEngine } from "../mesh/contract/ports.ts";
import { parseAs } from "../mesh/contract/json.ts";
import { MAX_API_BODY_BYTES } from "../mesh/contract/limits.ts";
import { authorise } from "./authorisation.ts";
import { type Caller, type CallerDeps, type CheckedHeaders, checkHeaders, identifyCaller } from "./caller.ts";
import type { Handlers } from "./handlers/call.ts";
import type { NodeMetrics } from "./metrics.ts";
import type { RequestLimits } from "./request-limits.ts";

/** Routes whose bodies carry bundles, audit events or sealed mail. */
const LARGE_BODIES: ReadonlySet<BootstrapRoute> = new Set<BootstrapRoute>([
  "publish",
  "ingest",
  "deposit",
  "routeTask",
  "openSession",
  "requestApproval",
]);
/** Largest body of all other routes, in bytes. */
const SMALL_BODY_BYTES = 65_536;
/** Time for one answer; an export streams everything there is, a poll for events waits. */
const ANSWER_MS = 20_000;
const LONG_ANSWER_MS: Partial<Record<BootstrapRoute, number>> = { export: 600_000, events: 40_000 };
/** Asked by watchdogs, often and from one address. */
const UNLIMITED: ReadonlySet<BootstrapRoute> = new Set<BootstrapRoute>(["health", "ready"]);

/** What serving needs. */
export interface ServeDeps extends CallerDeps {
  readonly policy: PolicyEngine;
  readonly limits: RequestLimits;
  readonly metrics: NodeMetrics;
}

const noQuery = z.strictObject({});

/** How much a successful call counts for. */
const countOf = (body: unknown): number => {
  const { events, deposits } = body as { events?: readonly unknown[]; deposits?: readonly unknown[] };
  return (events ?? deposits)?.length ?? 1;
};

/** Bytes of a body as its sender tells them, who is held to it; the most there can be where it does not. */
function toldBytes({ headers }: FastifyRequest): number {
  const told = Number(headers["content-length"] ?? Number.NaN);
  return Number.isInteger(told) ? told : MAX_API_BODY_BYTES;
}

/** Adds a route to the server. */
export function serveRoute(app: FastifyInstance, deps: ServeDeps, name: BootstrapRoute, config: { org: string; handlers: Handlers }): void {
  const spec: RouteSpec = BOOTSTRAP_ROUTES[name];
  const { method, path, access, request: bodySchema, extras } = spec;
  const isOpen = access === "none" || access === "proof";
  const checked = new WeakMap<FastifyRequest, CheckedHeaders>();
  // One table types routes and handlers alike; here they are matched by name.
  const handle = config.handlers[name] as (call: object) => unknown;
  const paramsSchema = z.strictObject(extras.params ?? {});
  /** Who proves nothing is counted by where it comes from: never as the agent whose token it brings. */
  const countFailed = (request: FastifyRequest): void => {
    if (!isOpen) deps.limits.ofAddress(request.ip);
  };

  const admit = async (request: FastifyRequest): Promise<void> => {
    if (isOpen && !UNLIMITED.has(name)) deps.limits.ofAddress(request.ip);
    const headers = await checkHeaders(deps, config.org, access, request).catch((error: unknown) => {
      countFailed(request);
      throw error;
    });
    if (headers.claims !== undefined) {
      deps.limits.ofAgent(headers.claims.agent);
      if (name === "ingest") deps.limits.ofAudit(headers.claims.agent, toldBytes(request));
    }
    checked.set(request, headers);
  };

  const identified = (request: FastifyRequest): Caller => {
    const caller = known(request);
    authorise(deps, name, caller);
    return caller;
  };

  const known = (request: FastifyRequest): Caller => {
    try {
      return identifyCaller(deps, { access, body: request.body ?? {}, headers: checked.get(request) ?? {} });
    } catch (error) {
      countFailed(request);
      throw error;
    }
  };

  app.route({
    method,
    url: path,
    config: { name },
    exposeHeadRoute: access === "none" && method === "GET",
    bodyLimit: LARGE_BODIES.has(name) ? MAX_API_BODY_BYTES : SMALL_BODY_BYTES,
    handlerTimeout: LONG_ANSWER_MS[name] ?? ANSWER_MS,
    onRequest: admit,
    handler: async (request, reply) => {
      const caller = identified(request);
      const body = parseAs<unknown>(bodySchema, request.body ?? {}, "The request");
      const query = parseAs<unknown>(extras.query ?? noQuery, request.query, "The query");
      const params = parseAs<unknown>(paramsSchema, request.params, "The path");
      if (name === "export") reply.type("application/x-ndjson");
      const answer = await handle({ caller, body, query, params, signal: request.signal });
      deps.metrics.done(name, countOf(body));
      return answer;
    },
  });
}
