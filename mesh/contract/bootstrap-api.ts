/**
 * The bootstrap node's HTTP API: one table that the server, its client and the OpenAPI document are made from.
 * Errors are `application/problem+json` (RFC 9457) with the error code in `code`.
 */
import { z } from "zod";
import { auditRoutes } from "./bootstrap-api/audit-routes.ts";
import { controllerRoutes } from "./bootstrap-api/controller-routes.ts";
import { mailRoutes } from "./bootstrap-api/mail-routes.ts";
import { membershipRoutes } from "./bootstrap-api/membership-routes.ts";
import { serviceRoutes } from "./bootstrap-api/service-routes.ts";

/** Header with the proof of the agent key for this very call; see `mesh/identity/proof.ts`. */
export const PROOF_HEADER = "gaggle-proof";

/** Every route under its name. */
export const BOOTSTRAP_ROUTES = { ...serviceRoutes, ...membershipRoutes, ...auditRoutes, ...mailRoutes, ...controllerRoutes } as const;

/** Name of a route. */
export type BootstrapRoute = keyof typeof BOOTSTRAP_ROUTES;
/** Body of a route's request. */
export type BootstrapRequest<R extends BootstrapRoute> = z.output<(typeof BOOTSTRAP_ROUTES)[R]["request"]>;
/** Answer of a route. */
export type BootstrapResponse<R extends BootstrapRoute> = z.output<(typeof BOOTSTRAP_ROUTES)[R]["response"]>;

/** Body of an error answer (RFC 9457). `code` is one of the error table. */
export const problemDetails = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
