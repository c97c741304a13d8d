/**
 * The one error class and the one table of error codes. Codes are stable, messages are not.
 * `docs/errors.md` is generated from {@link ERROR_TABLE}; a test keeps them equal.
 */

/** What a code means and how each boundary reports it. `http` is the status of the bootstrap node's API. */
interface ErrorRow {
  readonly meaning: string;
  readonly http: number;
  readonly retryable: boolean;
}

const row = (http: number, retryable: boolean, meaning: string): ErrorRow => ({ meaning, http, retryable });

/** Every error code of Gaggle: meaning, HTTP status, and whether trying again later can help. */
export const ERROR_TABLE = {
  INVALID_INPUT: row(400, false, "The input does not have the required shape."),
  NOT_FOUND: row(404, false, "No such task, approval, message or agent is known here."),
  CONFLICT: row(409, false, "The request contradicts what is already recorded under the same id or key."),
  INTERNAL: row(500, false, "A bug in Gaggle; the log of the daemon has the cause."),
  METHOD_NOT_ALLOWED: row(405, false, "The API has this path, and not for this method."),
  UNSUPPORTED_MEDIA_TYPE: row(415, false, "The API reads bodies as application/json."),
  RATE_LIMITED: row(429, true, "Too many requests came from this address or agent."),
  NOT_READY: row(503, true, "The bootstrap node is not ready to serve; the details name what is missing."),
  TIMEOUT: row(504, true, "Something did not answer in time."),
  BUSY: row(503, true, "The peer or daemon takes no more work right now."),
  DISK_FULL: row(507, true, "Free space is below the floor, so no new work is taken."),
  STORE_FAILED: row(500, true, "The store could not be written; it was closed and must be reopened."),
  DAEMON_UNREACHABLE: row(503, true, "The agent daemon does not answer on its local socket."),
  DAEMON_VERSION: row(409, false, "The running daemon is of another version than this program."),
  NOT_JOINED: row(409, false, "This machine has not joined an organisation yet."),
  DUPLICATE_AGENT: row(409, false, "This agent's key is in use on another machine, so this copy of it must not run."),
  ALREADY_JOINED: row(409, false, "This home already belongs to an organisation."),
  INVITATION_INVALID: row(403, false, "The invitation is malformed, forged, expired, or for another organisation."),
  INVITATION_USED: row(403, false, "The invitation has been redeemed already."),
  SIGN_IN_FAILED: row(403, false, "The sign-in with the identity provider does not let this person or machine in."),
  SIGN_IN_NEEDED: row(403, false, "The person has to sign in with the identity provider again."),
  BUNDLE_MISSING: row(403, true, "There is no valid profile bundle, so nothing may be sent or run."),
  BUNDLE_SIGNATURE: row(403, false, "The profile bundle is not signed by the pinned root key, or was altered."),
  BUNDLE_ROLLBACK: row(403, false, "The profile bundle is older than the one already accepted."),
  BUNDLE_NEWER: row(403, false, "The profile bundle is signed, but for a newer version of Gaggle than this one."),
  BUNDLE_EXPIRED: row(403, true, "The profile bundle has expired."),
  BUNDLE_MISMATCH: row(403, false, "The profile bundle is for another organisation or role."),
  CREDENTIAL_INVALID: row(401, false, "The membership credential or token is forged, malformed or bound to another key."),
  CREDENTIAL_EXPIRED: row(401, true, "The membership credential or token has expired."),
  KEYS_LOCKED: row(503, true, "The keys on this machine can't be opened now: what protects them is locked, missing or wrong."),
  REVOKED: row(403, false, "The member or key has been revoked."),
  CLOCK_SKEW: row(401, true, "The clocks of the two sides differ by more than the leeway."),
  NOT_A_MEMBER: row(403, false, "The peer has not proven membership of this organisation."),
  AGENT_NOT_PINNED: row(403, true, "The person is on the roster, and this agent is not among those that the roster names for them."),
  ENVELOPE_INVALID: row(400, false, "The message is forged, malformed, or not meant for this agent."),
  ENVELOPE_EXPIRED: row(410, false, "The message arrived after its expiry."),
  TOO_LARGE: row(413, false, "The input is larger than the limit."),
  POLICY_DENIED: row(403, false, "The signed policy does not allow this."),
  PEER_OUTDATED: row(409, false, "The other agent's Gaggle is too old for what is asked of it."),
  NO_ROUTE: row(404, true, "No known agent matches the target."),
  PEER_UNREACHABLE: row(503, true, "The peer can't be reached right now."),
  TLS_PIN_MISMATCH: row(502, false, "The server at the bootstrap node's address has another TLS key than the pinned one."),
  APPROVAL_INVALID: row(403, false, "The approval is forged, not from a rostered key, or for another payload."),
  ROSTER_OLDER: row(409, true, "The approver's key is not on this agent's roster yet; the decision counts once a bundle names it."),
  STATE_CONFLICT: row(409, false, "The task or approval is not in a state that allows this."),
  SESSION_UNKNOWN: row(403, false, "The Goose session never registered with the daemon."),
  GUARD_REFUSED: row(403, false, "The privacy guard refused to pass this on."),
  UPSTREAM_FAILED: row(502, true, "The model's server or the identity provider failed or can't be reached."),
  EXECUTOR_FAILED: row(500, true, "The Goose run for a task failed."),
  GOOSE_MISSING: row(500, false, "No Goose binary was found."),
  AUDIT_BROKEN: row(422, false, "The audit export does not verify."),
  MAILBOX_FULL: row(507, true, "The mailbox on the bootstrap node has no more room for this sender or recipient; the message waits."),
  AUDIT_GAP: row(409, false, "The audit events do not continue the chain that is already stored."),
} as const satisfies Record<string, ErrorRow>;

/** A stable error code; see {@link ERROR_TABLE}. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/** Ids, counts and lengths that help to find the fault. Never a user's text, a key or a token. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The error of every module. The message says what is wrong and names the fix. */
export class GaggleError extends Error {
  override readonly name = "GaggleError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /**
   * @param code stable code of {@link ERROR_TABLE}
   * @param message for a person: what is wrong, and how to mend it
   * @param options `cause`: the error behind this one; `details`: ids, counts and lengths only
   */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** True where the same call may succeed later. */
  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }
}

/** The code of any thrown value; `INTERNAL` for what is not ours. */
export const errorCode = (error: unknown): ErrorCode => (error instanceof GaggleError ? error.code : "INTERNAL");

/** The system's code (`ENOENT`, `EADDRINUSE` …) of a thrown value, or undefined. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** What work on a file or folder gives, or undefined where the system says that it is not there. Any other error stays one. */
export const ifThere = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });

/**
 * Where an error was made: the frames of its stack, for logs. Without its message, which may quote a user's text, and that text may look like a frame;
 * where message and frames can't be told apart, there are none.
 */
export function framesOf({ stack = "", message }: Error): string[] {
  const at = stack.indexOf(message);
  const [header = ""] = stack.split("\n", 1);
  if (at < 0 || (message === "" && header.includes(": "))) return [];
  const frames = stack.slice(at + message.length).split("\n");
  return frames.filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
}
