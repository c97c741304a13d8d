/** The OpenAPI document, made from the same table as the routes. A test drives the server by it and holds every answer against it. */
import { z } from "zod";
import { BOOTSTRAP_ROUTES, problemDetails, PROOF_HEADER } from "../mesh/contract/bootstrap-api.ts";
import type { RouteAccess, RouteSpec } from "../mesh/contract/bootstrap-api/route.ts";
import { ERROR_TABLE, type ErrorCode } from "../mesh/contract/errors.ts";
import { PROBLEM_TYPE } from "./problem.ts";

const SECURITY: Record<RouteAccess, readonly Record<string, readonly string[]>[]> = {
  none: [],
  proof: [{ proof: [] }],
  token: [{ accessToken: [], proof: [] }],
  export: [{ accessToken: [], proof: [] }, { proof: [] }],
};

/** Codes that any route may answer with. */
const ALWAYS: readonly ErrorCode[] = ["INVALID_INPUT", "RATE_LIMITED", "INTERNAL", "STORE_FAILED", "BUSY", "TIMEOUT"];
/** Codes of routes that read a body. */
const OF_BODIES: readonly ErrorCode[] = ["TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"];
/** Codes of routes that need the newest bundle. */
const OF_BUNDLES: readonly ErrorCode[] = ["BUNDLE_MISSING", "BUNDLE_EXPIRED"];
/** Codes of routes that ask who calls and whether it may. */
const OF_CALLERS: readonly ErrorCode[] = [
  "CREDENTIAL_INVALID",
  "CREDENTIAL_EXPIRED",
  "CLOCK_SKEW",
  "NOT_A_MEMBER",
  "REVOKED",
  "POLICY_DENIED",
];

/** Every code that a route may answer with. */
export const codesOf = ({ method, access, extras }: RouteSpec): readonly ErrorCode[] => [
  ...new Set([
    ...ALWAYS,
    ...OF_BUNDLES,
    ...(method === "POST" ? OF_BODIES : []),
    ...(access === "none" ? [] : OF_CALLERS),
    ...(extras.codes ?? []),
  ]),
];

const schemaOf = (schema: z.ZodType, io: "input" | "output"): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
};

/** The document (OpenAPI 3.1). @param version of the program */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, route] of Object.entries(BOOTSTRAP_ROUTES)) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(operationId, route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Gaggle bootstrap node",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description:
        "Errors are problem documents (RFC 9457) with a stable `code`. Another method than those named here is answered with 405, another path with 404.",
    },
    paths,
    components: {
      schemas: { Problem: schemaOf(problemDetails, "output") },
      securitySchemes: {
        accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        proof: {
          type: "apiKey",
          in: "header",
          name: PROOF_HEADER,
          description: "A JWT by the agent's key over method, path with query, and body of this call.",
        },
      },
    },
  };
}

function operation(operationId: string, route: RouteSpec): object {
  const params = parametersOf(route);
  const body = { required: false, content: { "application/json": { schema: schemaOf(route.request, "input") } } };
  const type = operationId === "export" ? "application/x-ndjson" : "application/json";
  return {
    operationId,
    summary: route.summary,
    security: SECURITY[route.access],
    ...(params.length > 0 ? { parameters: params } : {}),
    ...(route.method === "POST" ? { requestBody: { ...body, required: !route.request.safeParse({}).success } } : {}),
    responses: { "200": { description: "Done.", content: { [type]: { schema: schemaOf(route.response, "output") } } }, ...refusals(route) },
  };
}

function parametersOf({ path, extras }: RouteSpec): object[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: schemaOf(extras.params?.[name] ?? z.string(), "input"),
  }));
  const inQuery = Object.entries(extras.query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: schemaOf(schema as z.ZodType, "input"),
  }));
  return [...inPath, ...inQuery];
}

/** One entry a status, which names its codes. */
function refusals(route: RouteSpec): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codesOf(route)) {
    const { http } = ERROR_TABLE[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  const content = { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([a], [b]) => a - b)
      .map(([status, codes]) => [
        String(status),
        {
          description: codes.map((code) => `${code}: ${ERROR_TABLE[code].meaning}`).join(" "),
          content,
          ...(status === 429 || status === 503
            ? { headers: { "retry-after": { description: "seconds", schema: { type: "integer" } } } }
            : {}),
        },
      ]),
  );
}
