/** Refusals as Goose and other clients read them. They name a class and a place, never a value. */
import type { ServerResponse } from "node:http";
import { type ErrorCode, GaggleError } from "../../mesh/contract/errors.ts";
import type { JsonObject } from "../../mesh/contract/json.ts";

/** The error for something that must not go on to the model. */
export const refuse = (message: string, where: string, what?: string): GaggleError =>
  new GaggleError("GUARD_REFUSED", message, { details: { where, ...(what === undefined ? {} : { class: what }) } });

/** A name from a request that may be shown in a message: short and plain, else `unknown`. */
export const safeName = (name: unknown): string => (typeof name === "string" && /^[a-z][a-z_]{0,39}$/.test(name) ? name : "unknown");

/** What went wrong, for an error's body. */
export interface ErrorFacts {
  readonly message: string;
  readonly code: ErrorCode;
  /** Where in the request. */
  readonly where: string | null;
  /** True where the model's server is at fault. */
  readonly upstream: boolean;
}

/** An error as clients of OpenAI's APIs read it. */
export const openAiError = ({ message, code, where, upstream }: ErrorFacts): JsonObject => ({
  error: { message, type: upstream ? "upstream_error" : "invalid_request_error", code, param: where },
});

/** An error as clients of Anthropic's API read it. */
export const anthropicError = ({ message, upstream }: ErrorFacts): JsonObject => ({
  type: "error",
  error: { type: upstream ? "api_error" : "permission_error", message },
});

/** Answers with an error. @param errorBody the form of the client's API */
export function sendError(response: ServerResponse, status: number, facts: ErrorFacts, errorBody = openAiError): void {
  const body = JSON.stringify(errorBody(facts));
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body), connection: "close" });
  response.end(body);
}

/**
 * Answers for a thrown value. A failing upstream is 502, which Goose may try again; everything else, bugs too, is a refusal with 403, since the
 * same request would fail again.
 */
export function sendFailure(response: ServerResponse, error: unknown, errorBody = openAiError): number {
  const known = error instanceof GaggleError ? error : undefined;
  const upstream = known?.code === "UPSTREAM_FAILED";
  const status = upstream ? 502 : 403;
  const message = known?.message ?? "The privacy guard could not check this request, so it was not sent; the daemon's log has the cause.";
  const where = known?.details["where"];
  const code = known?.code ?? "GUARD_REFUSED";
  sendError(response, status, { message, code, where: typeof where === "string" ? where : null, upstream }, errorBody);
  return status;
}
