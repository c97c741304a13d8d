/**
 * How the daemon names a Goose session. Goose numbers sessions by day (`20261120_1`) and each Goose root by itself, so a person's chat and an
 * unattended run of the same day have the same id; a run's key has a mark. Verified with Goose 1.52.
 */

/** Environment variable that every process of an unattended run has; its value is the run's id. */
export const RUN_MARKER = "GAGGLE_RUN_ID";
/** HTTP header by which the guard's gateway knows the model calls of unattended runs; only their Goose root's provider file has it. */
export const RUN_HEADER = "x-gaggle-run";

/** Key of a session in the daemon. @param gooseId as Goose names it to hooks, MCP servers and the model's gateway */
export const sessionKey = (gooseId: string, isRun: boolean): string => (isRun ? `run:${gooseId}` : gooseId);
