/** One row of the table of the bootstrap node's API. */
import { z } from "zod";
import type { ErrorCode } from "../errors.ts";

/**
 * Who may call: `none`, anyone (an invitation or a root's signature in the body speaks for itself); `proof`, who proves an agent key;
 * `token`, who holds an access token and proves the key it is bound to; `export`, as `token` or with a proof by an admin key.
 */
export type RouteAccess = "none" | "proof" | "token" | "export";

/** What a route has besides. */
interface RouteExtras {
  /** Parameters of the query, all texts; none are taken where it is left out. */
  readonly query?: z.ZodObject;
  /** Parameters of the path and their schemas. */
  readonly params?: Readonly<Record<string, z.ZodString | z.ZodUUID>>;
  /** Codes that this route answers with, besides those that follow from its method and access. */
  readonly codes?: readonly ErrorCode[];
}

/** A row: method, path, who may call, what it does, schema of the body (of GET: empty) and of the answer. */
export const route = <Q extends z.ZodType, S extends z.ZodType>(
  method: "GET" | "POST",
  path: string,
  access: RouteAccess,
  summary: string,
  request: Q,
  response: S,
  extras: RouteExtras = {},
) => ({ method, path, access, summary, request, response, extras });

/** What a row of the table says, whichever it is. */
export type RouteSpec = ReturnType<typeof route>;

/** Body of a request that has none. */
export const empty = z.strictObject({});
/** A compact JWS of common size. */
export const compactJws = z.string().min(1).max(4_096);
/** Codes of routes that take mail. */
export const MAIL_CODES = ["MAILBOX_FULL", "NOT_A_MEMBER", "REVOKED", "DISK_FULL", "CONFLICT"] as const;
