/** Refusals as Goose and other OpenAI clients read them. They name a class and a place, never a value. */
import type { ServerResponse } from "node:http";
import { type ErrorCode, GaggleError } from "../../mesh/contract/errors.ts";

/** The error for something that must not go on to the model. */
export const refuse = (message: string, where: string, what?: string): GaggleError =>
  new GaggleError("GUARD_REFUSED", message, { details: { where, ...(what === undefined ? {} : { class: what }) } });

/** A name from a request that may be shown in a message: short and plain, else `unknown`. */
export const safeName = (name: unknown): string => (typeof name === "string" && /^[a-z][a-z_]{0,39}$/.test(name) ? name : "unknown");

/** Answers with an OpenAI-shaped error. */
export function sendError(response: ServerResponse, status: number, code: ErrorCode, message: string, where?: unknown): void {
  const body = JSON.stringify({
    error: { message, type: status === 502 ? "upstream_error" : "invalid_request_error", code, param: where ?? null },
  });
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body), connection: "close" });
  response.end(body);
}

/**
 * Answers for a thrown value. A failing upstream is 502, which Goose may try again; everything else, bugs too, is a refusal with 403, since the
 * same request would fail again.
 */
export function sendFailure(response: ServerResponse, error: unknown): number {
  const known = error instanceof GaggleError ? error : undefined;
  const status = known?.code === "UPSTREAM_FAILED" ? 502 : 403;
  const message = known?.message ?? "The privacy guard could not check this request, so it was not sent; the daemon's log has the cause.";
  sendError(response, status, known?.code ?? "GUARD_REFUSED", message, known?.details["where"]);
  return status;
}
