/** Errors as `application/problem+json` (RFC 9457), with the status of the error table. Never a stack, a token or what the caller sent. */
import { ERROR_TABLE, type ErrorCode, GaggleError } from "../mesh/contract/errors.ts";

/** Media type of an error answer. */
export const PROBLEM_TYPE = "application/problem+json";

/** Status and body of an error answer. */
export interface Problem {
  readonly status: number;
  readonly body: {
    readonly type: string;
    readonly title: string;
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly details: GaggleError["details"];
  };
}

/** The answer to any thrown value. */
export function toProblem(error: unknown): Problem {
  const known = asGaggleError(error);
  const { http, meaning } = ERROR_TABLE[known.code];
  return {
    status: http,
    body: { type: "about:blank", title: meaning, status: http, code: known.code, detail: known.message, details: known.details },
  };
}

/** Seconds after which the client may try again: what the error says, else a minute for what is limited or closing; undefined where none is told. */
export function retryAfterOf({ code, details }: { code: string; details: GaggleError["details"] }): number | undefined {
  const told = details["retryAfterSeconds"];
  if (typeof told === "number") return told;
  return code === "BUSY" || code === "RATE_LIMITED" || code === "NOT_READY" ? 60 : undefined;
}

/** What Fastify and Node refuse before a handler runs, by status. */
const REFUSED: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  408: ["TIMEOUT", "The request did not arrive in time; send it again."],
  413: ["TOO_LARGE", "The request's body is larger than the limit."],
  415: ["UNSUPPORTED_MEDIA_TYPE", "The request's body can't be read; send JSON as application/json."],
  431: ["TOO_LARGE", "The request's headers are larger than the limit."],
};

function asGaggleError(error: unknown): GaggleError {
  if (error instanceof GaggleError) return error;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (typeof status === "number" && REFUSED[status] !== undefined) return new GaggleError(...REFUSED[status], { cause: error });
  if (error instanceof Error && "code" in error && error.code === "FST_ERR_HANDLER_TIMEOUT") {
    return new GaggleError("TIMEOUT", "The bootstrap node did not finish this in time; try again.", { cause: error });
  }
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new GaggleError("INVALID_INPUT", "The request can't be read; send JSON as application/json.", { cause: error });
  }
  return new GaggleError("INTERNAL", "The bootstrap node failed; its log has the cause.", { cause: error });
}
