/** Error codes as peers send them. */
import { ERROR_TABLE, type ErrorCode } from "../contract/errors.ts";

/** The code that a peer sent, or `otherwise` where this version does not know it. */
export const codeFromPeer = (text: string, otherwise: ErrorCode): ErrorCode =>
  Object.hasOwn(ERROR_TABLE, text) ? (text as ErrorCode) : otherwise;
