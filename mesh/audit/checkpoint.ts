/** Checkpoints in a store: signed heads with the time at which the store's owner took them, by its own clock. One becomes the anchor of a pruned chain. */
import { z } from "zod";
import { parseAs, parseJson } from "../contract/json.ts";

const checkpoint = z.strictObject({ at: z.int(), jws: z.string() });
/** A signed head, and when it was taken, in milliseconds since the epoch. */
export type Checkpoint = z.infer<typeof checkpoint>;

/** Most events between two checkpoints of a chain; a new day (UTC) brings one too. */
const CHECKPOINT_EVENTS = 1_000;
const DAY_MS = 86_400_000;

/** The day (UTC) of a time, counted from the epoch. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

/** Whether a chain that now ends at `seq` wants a checkpoint there. @param last the event of its last checkpoint, and the day of the last event */
export const isCheckpointDue = (seq: number, nowMs: number, last: { seq: number; day: number }): boolean =>
  seq - last.seq >= CHECKPOINT_EVENTS || (seq > last.seq && dayOf(nowMs) > last.day);

/** A checkpoint as it is stored. */
export const checkpointText = (value: Checkpoint): string => JSON.stringify(value);

/** @throws GaggleError INVALID_INPUT */
export const readCheckpoint = (text: string): Checkpoint => parseAs(checkpoint, parseJson(text, "A checkpoint"), "A checkpoint");
