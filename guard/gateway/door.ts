/** The gateway's own door: only local programs that know the token, and no browser page. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Why a request is turned away before anything of it is read. */
export interface Turned {
  readonly status: number;
  readonly message: string;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares in constant time, whatever the lengths. */
const sameToken = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected));

const isLoopbackName = (host: string | undefined, port: number): boolean =>
  host !== undefined && ["127.0.0.1", "localhost", "[::1]"].some((name) => host.toLowerCase() === `${name}:${port}`);

/**
 * Checks Host (a rebound DNS name would show there), Origin (only browsers send it) and the bearer token.
 * @returns undefined where the request may come in
 */
export function checkDoor(request: IncomingMessage, port: number, token: string): Turned | undefined {
  if (!isLoopbackName(request.headers.host, port))
    return { status: 403, message: "The Host header does not name this gateway; use http://127.0.0.1 and its port." };
  if (request.headers.origin !== undefined) return { status: 403, message: "Browsers may not use this gateway." };
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (!sameToken(given, token))
    return { status: 401, message: "The gateway's token is missing or wrong; run `gaggle setup` to write it into Goose's provider again." };
  return undefined;
}
