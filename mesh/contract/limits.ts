/** Limits and lifetimes in one place; `docs/limits.md` explains them to users. Units are in the names. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Largest frame on a peer stream, and so the largest envelope, in bytes. */
export const MAX_FRAME_BYTES = 1_048_576;
/** Deepest nesting of JSON from outside: what walks it recurses. The deepest of ours are schemas of results, 32 deep with two levels each. */
export const MAX_JSON_DEPTH = 128;
/** Largest request on the daemon's local socket, in bytes. */
export const MAX_LOCAL_REQUEST_BYTES = 4_194_304;
/** Largest body that the bootstrap node's API reads, in bytes. */
export const MAX_API_BODY_BYTES = 8_388_608;
/** Largest request body that the guard's gateway reads, in bytes. */
export const MAX_MODEL_REQUEST_BYTES = 33_554_432;
/** Tolerated difference between two clocks. Beyond it: `CLOCK_SKEW`. */
export const CLOCK_LEEWAY_MS = 120 * SECOND_MS;
/** Lifetime of a profile bundle. */
export const BUNDLE_LIFETIME_MS = 30 * DAY_MS;
/** Lifetime of a membership credential. */
export const CREDENTIAL_LIFETIME_MS = 36 * HOUR_MS;
/** Age at which a daemon renews its membership credential. */
export const CREDENTIAL_RENEW_MS = 6 * HOUR_MS;
/** Lifetime of an access token for the bootstrap node's API. */
export const ACCESS_TOKEN_LIFETIME_MS = 30 * MINUTE_MS;
/** Lifetime of the proof of the agent key that buys an access token. */
export const PROOF_LIFETIME_MS = MINUTE_MS;
/** Lifetime of an invitation unless the admin says otherwise. */
export const INVITATION_LIFETIME_MS = 7 * DAY_MS;
/** Time from the beginning of a sign-in to its end at the bootstrap node. */
export const SIGN_IN_CHALLENGE_MS = 15 * MINUTE_MS;
/** Time that a person has at the browser. */
export const SIGN_IN_WAIT_MS = 10 * MINUTE_MS;
/** Days for which one sign-in counts, unless the signed bundle says otherwise. */
export const SIGN_IN_DAYS = 7;
/** Oldest ID token that is taken: it has just been got. */
export const ID_TOKEN_MAX_AGE_MS = 5 * MINUTE_MS;
/** Longest life of an envelope, and the default. */
export const ENVELOPE_LIFETIME_MS = 14 * DAY_MS;
/** How long a replay record outlives its envelope. */
export const REPLAY_GRACE_MS = DAY_MS;
/** Time that a new connection has to prove membership. */
export const HELLO_TIMEOUT_MS = 5 * SECOND_MS;
/** Time that a peer has to acknowledge one frame. */
export const FRAME_TIMEOUT_MS = 15 * SECOND_MS;
/** Open items in the inbox from one sender, and in all: beyond it new work is answered `busy`. */
export const MAX_OPEN_ITEMS_PER_SENDER = 20_000;
/** See {@link MAX_OPEN_ITEMS_PER_SENDER}. */
export const MAX_OPEN_ITEMS = 100_000;
/** Bytes of the messages that made the open items of one sender, and in all. */
export const MAX_OPEN_BYTES_PER_SENDER = 256 * 1_048_576;
/** See {@link MAX_OPEN_BYTES_PER_SENDER}. */
export const MAX_OPEN_BYTES = 1_024 * 1_048_576;
/** Messages a second that are taken from one sender, and how many at once after a pause. */
export const MAX_MESSAGES_PER_SECOND = 2_000;
/** See {@link MAX_MESSAGES_PER_SECOND}. */
export const MAX_MESSAGE_BURST = 4_000;
/** First wait before a message is sent again; doubles up to {@link RETRY_MAX_MS}. */
export const RETRY_MIN_MS = 250;
/** Longest wait between two tries to send a message. */
export const RETRY_MAX_MS = MINUTE_MS;
/** Free space below which the daemon takes no new work. */
export const FREE_SPACE_FLOOR_BYTES = 64 * 1024 * 1024;
/** Longest time that `fetch_status` may wait for a change; Goose gives a tool call 30 s. */
export const STATUS_WAIT_MAX_MS = 20 * SECOND_MS;
/** How long a session of several agents lasts unless its owner says otherwise. */
export const SESSION_LIFETIME_MS = 7 * DAY_MS;
/** Longest life of such a session. */
export const SESSION_LIFETIME_MAX_MS = 90 * DAY_MS;
/** Default limit for one unattended Goose run. */
export const RUN_TIMEOUT_MS = 10 * MINUTE_MS;
/** Default limit of model turns for one unattended Goose run. */
export const RUN_MAX_TURNS = 30;
/** How long a finished task's record and a decided approval stay readable. */
export const RECORD_RETENTION_MS = 90 * DAY_MS;
/** Longest life of an agent's card: how long an agent that is off is still known to those who never met it. */
export const CARD_LIFETIME_MS = 30 * DAY_MS;
/** How often an agent tells connected members its load, and at each change. */
export const BEAT_INTERVAL_MS = 15 * SECOND_MS;
/** Age at which a member's told load counts no more. */
export const BEAT_STALE_MS = 45 * SECOND_MS;
/** Time after which a message that could not be delivered is also deposited on the bootstrap node. */
export const MAIL_DEPOSIT_AFTER_MS = 5 * SECOND_MS;
/** Days that audit events are kept, unless the organisation has signed another number. */
export const RETENTION_DAYS = 90;
/** Time after which a request whose recipient can't be reached is given to another candidate; before it is deposited, after which it is too late. */
export const REROUTE_AFTER_MS = 3 * SECOND_MS;
/** Wait between two rounds of fetching mail from the bootstrap node. */
export const MAIL_ROUND_MS = 30 * SECOND_MS;
/** Age at which a deposit's recipients are looked up again: a lost device is replaced by then. */
export const MAIL_RECHECK_MS = 5 * MINUTE_MS;
/** Devices of one person that a deposit is sealed to. */
export const MAX_MAIL_DEVICES = 8;
/** Smallest size of a sealed content, in bytes; the next ones double. */
export const MIN_MAIL_BYTES = 4_096;
/** Largest size of a sealed content, in bytes. */
export const MAX_MAIL_BYTES = 4_194_304;

/** Most people whose approval one approval can need; as many signed decisions travel with a task. */
export const MAX_QUORUM = 8;
/** Most people who are asked for one approval, those that it was escalated to included. */
export const MAX_ASKED_APPROVERS = 16;
/** Longest deadline of an approval. */
export const MAX_APPROVAL_MS = 90 * 86_400_000;
/** An approval's time is looked at no more often than this. */
export const APPROVAL_LOOK_MS = 60_000;
