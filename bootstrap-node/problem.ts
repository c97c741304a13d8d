/** Errors as `application/problem+json` (RFC 9457), with the status of the error table. Never a stack, a token or what the caller sent. */
import { ERROR_TABLE, GaggleError } from "../mesh/contract/errors.ts";

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

function asGaggleError(error: unknown): GaggleError {
  if (error instanceof GaggleError) return error;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (status === 413) return new GaggleError("TOO_LARGE", "The request's body is larger than the limit.", { cause: error });
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new GaggleError("INVALID_INPUT", "The request can't be read; send JSON as application/json.", { cause: error });
  }
  return new GaggleError("INTERNAL", "The bootstrap node failed; its log has the cause.", { cause: error });
}
