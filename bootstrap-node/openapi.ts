/** The OpenAPI document, made from the same table as the routes. */
import { z } from "zod";
import { BOOTSTRAP_ROUTES, problemDetails, PROOF_HEADER, type RouteAccess } from "../mesh/contract/bootstrap-api.ts";
import { PROBLEM_TYPE } from "./problem.ts";

const SECURITY: Record<RouteAccess, readonly Record<string, readonly string[]>[]> = {
  none: [],
  proof: [{ proof: [] }],
  token: [{ accessToken: [], proof: [] }],
  export: [{ accessToken: [], proof: [] }, { proof: [] }],
};

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
    info: { title: "Gaggle bootstrap node", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      securitySchemes: {
        accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        proof: {
          type: "apiKey",
          in: "header",
          name: PROOF_HEADER,
          description: "A JWT by the agent's key over method, path and body of this call.",
        },
      },
    },
  };
}

function operation(operationId: string, route: (typeof BOOTSTRAP_ROUTES)[keyof typeof BOOTSTRAP_ROUTES]): object {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const body = { required: true, content: { "application/json": { schema: schemaOf(route.request, "input") } } };
  const type = operationId === "export" ? "application/x-ndjson" : "application/json";
  return {
    operationId,
    summary: route.summary,
    security: SECURITY[route.access],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.method === "POST" ? { requestBody: body } : {}),
    responses: {
      "200": { description: "Done.", content: { [type]: { schema: schemaOf(route.response, "output") } } },
      default: { description: "Refused or failed.", content: { [PROBLEM_TYPE]: { schema: schemaOf(problemDetails, "output") } } },
    },
  };
}
