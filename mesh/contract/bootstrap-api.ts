/**
 * The bootstrap node's HTTP API: one table that the server, its client and the OpenAPI document are made from.
 * Errors are `application/problem+json` (RFC 9457) with the error code in `code`.
 */
import { z } from "zod";
import { auditEvent } from "./audit.ts";
import { signedBundle } from "./bundle.ts";
import { principal, x25519Jwk } from "./identity.ts";
import { agentId, sha256, subjectId, uuid } from "./ids.ts";
import { MAX_MAIL_DEVICES } from "./limits.ts";
import { sealedMail } from "./mailbox.ts";
import { usageTotals } from "./usage.ts";

/** Header with the proof of the agent key for this very call; see `mesh/identity/proof.ts`. */
export const PROOF_HEADER = "gaggle-proof";
/** Most audit events in one request. */
export const MAX_INGEST_EVENTS = 1_000;

/**
 * Who may call: `none`, anyone (an invitation or a root's signature in the body speaks for itself); `proof`, who proves an agent key;
 * `token`, who
 * holds an access token and proves the key it is bound to; `export`, as `token` or with a proof by an admin key.
 */
export type RouteAccess = "none" | "proof" | "token" | "export";

/** Most deposits in one answer or request about several. */
export const MAX_MAIL_ITEMS = 200;

const compactJws = z.string().min(1).max(4_096);
const empty = z.strictObject({});
const route = <Q extends z.ZodType, S extends z.ZodType>(
  method: "GET" | "POST",
  path: string,
  access: RouteAccess,
  summary: string,
  request: Q,
  response: S,
) => ({ method, path, access, summary, request, response });

/** Every route under its name: method, path, who may call, schema of the body (of GET: empty) and of the answer. */
export const BOOTSTRAP_ROUTES = {
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
  join: route(
    "POST",
    "/api/v1/join",
    "proof",
    "Redeems an invitation: enrols the agent whose key is proven.",
    z.strictObject({
      invitation: compactJws,
      seal: x25519Jwk,
    }),
    z.object({ credential: compactJws, bundle: signedBundle, peers: z.array(z.string()) }),
  ),
  token: route(
    "POST",
    "/api/v1/token",
    "proof",
    "Gives an enrolled agent an access token of at most 30 minutes.",
    empty,
    z.object({
      token: compactJws,
      expiresAt: z.iso.datetime(),
    }),
  ),
  credentials: route(
    "POST",
    "/api/v1/credentials",
    "token",
    "Renews the agent's membership credential with its current role.",
    empty,
    z.object({
      credential: compactJws,
    }),
  ),
  profile: route(
    "GET",
    "/api/v1/profiles/:role",
    "token",
    "The newest signed bundle of the caller's own role.",
    empty,
    z.object({ bundle: signedBundle }),
  ),
  publish: route(
    "POST",
    "/api/v1/bundles",
    "none",
    "Takes a newer bundle that the root key signed.",
    z.strictObject({ bundle: signedBundle }),
    z.object({
      role: z.string(),
      version: z.int(),
    }),
  ),
  ingest: route(
    "POST",
    "/api/v1/audit/ingest",
    "token",
    "Takes events that continue the caller's audit chain without a gap.",
    z.strictObject({
      events: z.array(auditEvent).max(MAX_INGEST_EVENTS),
      head: compactJws,
    }),
    z.object({ seq: z.int(), hash: sha256 }),
  ),
  export: route(
    "GET",
    "/api/v1/audit/export",
    "export",
    "All collected chains as ndjson; docs/audit-format.md describes the lines.",
    empty,
    z.string(),
  ),
  directory: route(
    "GET",
    "/api/v1/directory",
    "token",
    "Enrolled members that are not revoked.",
    empty,
    z.object({
      members: z.array(z.object({ ...principal.shape, title: z.string() })),
      peers: z.array(z.string()),
    }),
  ),
  usage: route(
    "GET",
    "/api/v1/usage",
    "token",
    "What model calls used today and this month: the whole organisation, and the caller's department, role and person.",
    empty,
    usageTotals,
  ),
  deposit: route(
    "POST",
    "/api/v1/mailbox/deposits",
    "token",
    "Keeps sealed mail for the devices of one person. The same id of the same sender again changes nothing.",
    z.strictObject({ id: uuid, to: z.array(agentId).min(1).max(MAX_MAIL_DEVICES), sealed: sealedMail }),
    z.object({ stamp: compactJws }),
  ),
  fetchMail: route(
    "POST",
    "/api/v1/mailbox/fetch",
    "token",
    "The caller's mail, oldest first, from after a number on; takes the caller's statement of the key that its mail is sealed to.",
    z.strictObject({ sealKey: compactJws, after: z.int().min(0) }),
    z.object({ items: z.array(z.object({ seq: z.int(), stamp: compactJws, sealed: sealedMail })), more: z.boolean() }),
  ),
  discardMail: route(
    "POST",
    "/api/v1/mailbox/discard",
    "token",
    "Deletes the caller's own copies of deposits.",
    z.strictObject({ items: z.array(z.strictObject({ from: agentId, id: uuid })).max(MAX_MAIL_ITEMS) }),
    z.object({}),
  ),
  withdrawMail: route(
    "POST",
    "/api/v1/mailbox/withdraw",
    "token",
    "Deletes deposits that the caller made.",
    z.strictObject({ ids: z.array(uuid).max(MAX_MAIL_ITEMS) }),
    z.object({}),
  ),
  mailDevices: route(
    "POST",
    "/api/v1/mailbox/devices",
    "token",
    "A person's agents that take mail: membership credential and statement of the key to seal to.",
    z.strictObject({ subject: subjectId }),
    z.object({ devices: z.array(z.object({ credential: compactJws, sealKey: compactJws })) }),
  ),
} as const;

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
