/** Kept apart from the schemas, so that small programs (the hook) can say hello without loading zod. */

/** Version of the daemon's local API; client and daemon must have the same. */
export const DAEMON_API_VERSION = 1;
