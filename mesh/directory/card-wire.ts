/** What members say to each other about cards and load: one JSON frame each way. Source: docs/decisions/0091-spread-of-cards.md */
import { z } from "zod";
import { agentId } from "../contract/ids.ts";
import { json, parseAs, parseJson } from "../contract/json.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";
import { CARD_BUCKETS, type CardEntry, MAX_CARDS } from "./card-book.ts";

/** Bytes of cards in one frame; what doesn't fit goes in another one. */
export const CARDS_FRAME_BYTES = MAX_FRAME_BYTES / 4;
/** Cards asked for at once. */
export const MAX_WANTED = 100;

const hash16 = z.string().regex(/^[0-9a-f]{16}$/);
const entry = z.tuple([agentId, z.int().min(1), hash16]);
const entries = z.array(entry).max(MAX_CARDS);
const ids = z.array(agentId).max(MAX_WANTED);
/** Checked one by one when they are taken, so that a bad one does not spoil the others. */
const cards = z.array(json).max(MAX_CARDS);

const logHead = z.string().max(1_024).nullable();

/** Load and health of an agent, as it says itself. Source: spec M6. */
export const beat = z.strictObject({
  running: z.int().min(0).max(1_000),
  queued: z.int().min(0).max(1_000_000),
  /** Takes no more work right now. */
  busy: z.boolean(),
  /** Whether its privacy guard works; without it nothing leaves a department. */
  guardUp: z.boolean(),
  /** When it stops taking work, ms since the epoch; left out where no end is known. */
  acceptingUntil: z.int().min(0).optional(),
});
/** Load and health of an agent, as it says itself. */
export type Beat = z.infer<typeof beat>;

const question = z.discriminatedUnion("kind", [
  /** Which buckets differ? */
  z.strictObject({ v: z.literal(1), kind: z.literal("compare"), digests: z.array(hash16).length(CARD_BUCKETS) }),
  /** There are new cards; who lacks one asks for it in its answer. */
  z.strictObject({ v: z.literal(1), kind: z.literal("news"), entries }),
  z.strictObject({ v: z.literal(1), kind: z.literal("want"), ids }),
  z.strictObject({ v: z.literal(1), kind: z.literal("cards"), cards }),
  z.strictObject({ v: z.literal(1), kind: z.literal("beat"), beat }),
  /** The newest signed head of the bootstrap node's audit log that this agent has, where it has one. */
  z.strictObject({ v: z.literal(1), kind: z.literal("log"), head: logHead }),
]);
/** What a member asks or tells. */
export type CardQuestion = z.infer<typeof question>;

const reply = z.discriminatedUnion("kind", [
  /** The buckets that differ, and all entries of them. */
  z.strictObject({
    v: z.literal(1),
    kind: z.literal("entries"),
    buckets: z
      .array(
        z
          .int()
          .min(0)
          .max(CARD_BUCKETS - 1),
      )
      .max(CARD_BUCKETS),
    entries,
  }),
  z.strictObject({ v: z.literal(1), kind: z.literal("want"), ids }),
  z.strictObject({ v: z.literal(1), kind: z.literal("cards"), cards }),
  z.strictObject({ v: z.literal(1), kind: z.literal("ok") }),
  z.strictObject({ v: z.literal(1), kind: z.literal("log"), head: logHead }),
]);
/** What it is answered. */
export type CardReply = z.infer<typeof reply>;

/** A question or an answer as a frame. */
export const encodeCards = (value: CardQuestion | CardReply): Uint8Array => Buffer.from(JSON.stringify(value));

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T =>
  parseAs(
    schema,
    parseJson(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("utf8"), "The cards message"),
    "The cards message",
  );

/** @throws GaggleError INVALID_INPUT */
export const readCardQuestion = (frame: Uint8Array): CardQuestion => decode(question, frame);
/** @throws GaggleError INVALID_INPUT */
export const readCardReply = (frame: Uint8Array): CardReply => decode(reply, frame);

/** Cuts values into pieces that each fit a frame. */
export function inFrames<T>(values: readonly T[]): T[][] {
  const frames: T[][] = [];
  let bytes = CARDS_FRAME_BYTES;
  for (const value of values) {
    const size = Buffer.byteLength(JSON.stringify(value)) + 1;
    bytes += size;
    if (bytes > CARDS_FRAME_BYTES) {
      frames.push([]);
      bytes = size;
    }
    frames.at(-1)?.push(value);
  }
  return frames;
}

/** Entries as they are told. */
export const toldEntries = (list: readonly CardEntry[]): [string, number, string][] => list.map(([id, seq, hash]) => [id, seq, hash]);
