/** The JSON-RPC 2.0 messages of the local socket, and errors on it. Source: docs/decisions/0010-local-socket.md. */
import { ERROR_TABLE, type ErrorCode, type ErrorDetails, GaggleError } from "../contract/errors.ts";

/** JSON-RPC's own codes, and one for all errors of the table, whose code is then in `data.code`. */
export const RPC_CODE = { parse: -32_700, request: -32_600, method: -32_601, params: -32_602, internal: -32_603, gaggle: -32_000 } as const;

/**
 * The notification that a daemon says last on each connection when it was asked to end. One that crashed, or that ends because its store failed, says
 * nothing: whoever waits for it may start another.
 */
export const STOPPED_NOTICE = "daemon.stopped";

/** An error on the wire. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly code: ErrorCode; readonly details?: ErrorDetails };
}

/** What a caller sends. */
export interface WireRequest {
  readonly jsonrpc: "2.0";
  readonly id: number | string;
  readonly method: string;
  readonly params: unknown;
}

/** What the daemon sends: an answer, or a notification without `id`. */
export interface WireReply {
  readonly jsonrpc: "2.0";
  readonly id?: number | string | null;
  readonly result?: unknown;
  readonly error?: WireError;
  readonly method?: string;
  readonly params?: unknown;
}

const isErrorCode = (value: unknown): value is ErrorCode => typeof value === "string" && Object.hasOwn(ERROR_TABLE, value);

/** The wire form of an error of the table. */
export const toWireError = (error: GaggleError): WireError => ({
  code: error.code === "INVALID_INPUT" ? RPC_CODE.params : error.code === "INTERNAL" ? RPC_CODE.internal : RPC_CODE.gaggle,
  message: error.message,
  data: { code: error.code, details: error.details },
});

/** The error behind a wire form; `INTERNAL` where its code is not in this program's table. */
export const fromWireError = (error: WireError): GaggleError =>
  new GaggleError(isErrorCode(error.data?.code) ? error.data.code : "INTERNAL", error.message, { details: error.data?.details ?? {} });
