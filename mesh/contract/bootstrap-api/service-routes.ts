/** Routes about the node itself. */
import { z } from "zod";
import { readiness } from "../controller-api.ts";
import { empty, route } from "./route.ts";

/** The rows. */
export const serviceRoutes = {
  health: route(
    "GET",
    "/healthz",
    "none",
    "Whether the node is up, and the newest bundle version it has.",
    empty,
    z.object({
      status: z.literal("ok"),
      org: z.string(),
      bundleVersion: z.int(),
    }),
  ),
  ready: route(
    "GET",
    "/readyz",
    "none",
    "Whether the node can serve: store, valid bundle, peer, free disk. Otherwise 503, whose details name what is missing.",
    empty,
    readiness,
    { codes: ["NOT_READY"] },
  ),
  jwks: route(
    "GET",
    "/.well-known/jwks.json",
    "none",
    "Public issuer keys (RFC 7517).",
    empty,
    z.object({
      keys: z.array(
        z.object({
          kty: z.literal("OKP"),
          crv: z.literal("Ed25519"),
          x: z.string(),
          kid: z.string(),
          alg: z.literal("EdDSA"),
          use: z.literal("sig"),
        }),
      ),
    }),
  ),
} as const;
