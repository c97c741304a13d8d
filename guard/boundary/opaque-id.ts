/** Ids that a person or a model may have chosen, as they leave for another department: a keyed hash, since a name can stand in them. */
import { createHmac } from "node:crypto";

/** Ids that programs count or draw: UUIDs, and Goose's sessions, those of runs too. */
const MACHINE_MADE = /^(?:(?:run:)?\d{8}_\d{1,9}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/;
const LENGTH = 32;

/**
 * The id, or what stands for it: always the same for one id, so that what goes by it still works.
 * @param kind what the id is of: equal ids of two kinds can't be told from what stands for them
 * @param key 32 bytes that only this agent has: with it, guesses could be tried
 */
export const opaqueId = (id: string, kind: string, key: Uint8Array): string =>
  MACHINE_MADE.test(id)
    ? id
    : `id-${createHmac("sha256", key)
        .update(JSON.stringify(["gaggle-boundary-id-v1", kind, id]))
        .digest("hex")
        .slice(0, LENGTH)}`;
