/**
 * The bootstrap node's HTTP API: one table that the server, its client and the OpenAPI document are made from.
 * Errors are `application/problem+json` (RFC 9457) with the error code in `code`.
 */
import { z } from "zod";
import { auditAlarm, auditEvent, auditFilter, auditReceipt, logProof } from "./audit.ts";
import { signedBundle } from "./bundle.ts";
import {
  candidates,
  eventPage,
  eventQuery,
  evaluateRequest,
  evaluation,
  handedOver,
  handOver,
  readiness,
  sealedDeposit,
  statusReport,
  taskRouteRequest,
} from "./controller-api.ts";
import type { ErrorCode } from "./errors.ts";
import { principal, x25519Jwk } from "./identity.ts";
import { agentId, sha256, slug, subjectId, uuid } from "./ids.ts";
import { sealedMail } from "./mailbox.ts";
import { signInGrant } from "./sign-in.ts";
import { revocationJws } from "./revocation.ts";
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
/** A size of the node's log, in a query. */
const logSize = z.string().regex(/^\d{1,15}$/);

/** What a route has besides. */
interface RouteExtras {
  /** Parameters of the query, all texts; none are taken where it is left out. */
  readonly query?: z.ZodObject;
  /** Parameters of the path and their schemas. */
  readonly params?: Readonly<Record<string, z.ZodString | z.ZodUUID>>;
  /** Codes that this route answers with, besides those that follow from its method and access. */
  readonly codes?: readonly ErrorCode[];
}

const route = <Q extends z.ZodType, S extends z.ZodType>(
  method: "GET" | "POST",
  path: string,
  access: RouteAccess,
  summary: string,
  request: Q,
  response: S,
  extras: RouteExtras = {},
) => ({ method, path, access, summary, request, response, extras });

const MAIL_CODES = ["MAILBOX_FULL", "NOT_A_MEMBER", "REVOKED", "DISK_FULL", "CONFLICT"] as const;

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
    { codes: ["INVITATION_INVALID", "CONFLICT", "DISK_FULL"] },
  ),
  signInBegin: route(
    "POST",
    "/api/v1/sign-in",
    "proof",
    "Begins a sign-in for the agent whose key is proven: a challenge, and the root key's statement of the identity provider.",
    empty,
    z.object({ challenge: z.string().max(100), expiresAt: z.iso.datetime(), statement: z.string().max(65_536) }),
    { codes: ["NOT_FOUND", "BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
  ),
  signInFinish: route(
    "POST",
    "/api/v1/sign-in/finish",
    "proof",
    "Redeems what the identity provider gave the agent, and enrols it; `pending` and `slow-down` as RFC 8628 has them.",
    z.strictObject({ challenge: z.string().min(1).max(100), seal: x25519Jwk, grant: signInGrant }),
    z.discriminatedUnion("status", [
      z.object({ status: z.literal("signed-in"), credential: compactJws, bundle: signedBundle, peers: z.array(z.string()) }),
      z.object({ status: z.enum(["pending", "slow-down"]) }),
    ]),
    { codes: ["SIGN_IN_FAILED", "UPSTREAM_FAILED", "NOT_FOUND", "REVOKED", "CONFLICT", "BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
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
    z.object({ bundle: signedBundle, revocations: z.array(revocationJws).optional() }),
    { params: { role: slug } },
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
    { codes: ["BUNDLE_SIGNATURE", "CONFLICT", "CLOCK_SKEW", "DISK_FULL"] },
  ),
  revoke: route(
    "POST",
    "/api/v1/revocations",
    "none",
    "Takes a revocation that an admin key of the bundle signed; it counts at once.",
    z.strictObject({ statement: revocationJws }),
    z.object({ taken: z.boolean() }),
    { codes: ["CREDENTIAL_INVALID", "REVOKED", "NOT_A_MEMBER"] },
  ),
  revocations: route(
    "GET",
    "/api/v1/revocations",
    "none",
    "The newest manifest that the root key signed, and the admins' revocations on top of it.",
    empty,
    z.object({ manifest: z.string(), statements: z.array(revocationJws) }),
    { codes: ["BUNDLE_MISSING", "BUNDLE_EXPIRED"] },
  ),
  ingest: route(
    "POST",
    "/api/v1/audit/ingest",
    "token",
    "Takes events that continue the caller's audit chain without a gap.",
    z.strictObject({
      events: z.array(auditEvent).max(MAX_INGEST_EVENTS),
      head: compactJws,
      /** Size of the node's log that the caller knows: the receipt then proves that the log goes on from there. */
      logSize: z.int().min(0).optional(),
    }),
    z.object({ seq: z.int(), hash: sha256, receipt: auditReceipt.optional() }),
    { codes: ["AUDIT_GAP", "AUDIT_BROKEN", "DISK_FULL"] },
  ),
  auditLog: route(
    "GET",
    "/api/v1/audit/log",
    "token",
    "The node's log of receipts as it is now, signed; with first (and second), the proof that the one size is the beginning of the other.",
    empty,
    z.object({ log: compactJws, consistency: logProof }),
    { query: z.strictObject({ first: logSize.optional(), second: logSize.optional() }), codes: ["NOT_FOUND"] },
  ),
  auditAlarms: route(
    "GET",
    "/api/v1/audit/alarms",
    "export",
    "Forks, gaps and altered events in the chains that agents have sent.",
    empty,
    z.object({ alarms: z.array(auditAlarm) }),
  ),
  export: route(
    "GET",
    "/api/v1/audit/export",
    "export",
    "All collected chains as ndjson; docs/audit-format.md describes the lines. Events that a filter leaves out become stubs.",
    empty,
    z.string(),
    { query: auditFilter },
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
    sealedDeposit,
    z.object({ stamp: compactJws }),
    { codes: MAIL_CODES },
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
  routeTask: route(
    "POST",
    "/api/v1/tasks/route",
    "token",
    "With a target: who could be asked, and why. With sealed envelopes of a task that the caller signed: keeps them for their recipients.",
    taskRouteRequest,
    z.union([candidates, handedOver]),
    { codes: MAIL_CODES },
  ),
  openSession: route(
    "POST",
    "/api/v1/sessions",
    "token",
    "Keeps the sealed invitations to a session of the caller's for their recipients, all or none.",
    handOver,
    handedOver,
    { codes: MAIL_CODES },
  ),
  requestApproval: route(
    "POST",
    "/api/v1/approvals",
    "token",
    "Keeps a sealed request for approval, or a decision that an approver signed, for its recipients, all or none.",
    handOver,
    handedOver,
    { codes: MAIL_CODES },
  ),
  status: route(
    "GET",
    "/api/v1/status/:id",
    "token",
    "What the node knows of a task, session or approval that the caller takes part in: deposits, and what the participants' audit says.",
    empty,
    statusReport,
    { params: { id: uuid }, codes: ["NOT_FOUND"] },
  ),
  evaluate: route(
    "POST",
    "/api/v1/evaluate",
    "token",
    "What the newest policy says to an action of the caller, and why.",
    evaluateRequest,
    evaluation,
  ),
  events: route(
    "GET",
    "/api/v1/events",
    "token",
    "What happened since an earlier answer that the caller may know; waits for the first event where it is told to (long poll).",
    empty,
    eventPage,
    { query: eventQuery },
  ),
} as const;

/** Name of a route. */
export type BootstrapRoute = keyof typeof BOOTSTRAP_ROUTES;
/** What a row of the table says, whichever it is. */
export type RouteSpec = ReturnType<typeof route>;
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
