/**
 * Frames on a message stream: 4 bytes length of the payload, 4 bytes request id, 1 byte kind, payload; numbers big-endian.
 * The answer to a request carries its id, so that answers may come in any order. Source: decision 0021.
 */
import { GaggleError } from "../contract/errors.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";

const HEADER_BYTES = 9;
const KINDS = ["request", "answer", "failure"] as const;

/** A request, its answer, or the error code that came instead of an answer. */
export type FrameKind = (typeof KINDS)[number];

/** One frame of a message stream. */
export interface StreamFrame {
  readonly id: number;
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** The bytes of a frame. */
export function encodeFrame(frame: StreamFrame): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + frame.payload.byteLength);
  bytes.writeUInt32BE(frame.payload.byteLength, 0);
  bytes.writeUInt32BE(frame.id, 4);
  bytes[8] = KINDS.indexOf(frame.kind) + 1;
  bytes.set(frame.payload, HEADER_BYTES);
  return bytes;
}

/** Puts frames together from whatever pieces the stream delivers; holds at most one frame. */
export interface FrameReader {
  /**
   * Takes the next piece and calls back for every frame that it completes.
   * @throws GaggleError TOO_LARGE, INVALID_INPUT; the stream can't be read any further then
   */
  push(piece: Uint8Array): void;
  /** True while a frame has begun and not ended. */
  readonly partial: boolean;
}

/** A reader that refuses payloads larger than `maxBytes`. */
export function createFrameReader(onFrame: (frame: StreamFrame) => void, maxBytes = MAX_FRAME_BYTES): FrameReader {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerFilled = 0;
  let body: { id: number; kind: FrameKind; payload: Buffer; filled: number } | undefined;

  function begin(): void {
    const length = header.readUInt32BE(0);
    if (length > maxBytes) throw new GaggleError("TOO_LARGE", `A peer announced a frame of ${length} bytes; the limit is ${maxBytes}.`);
    const kind = KINDS[(header[8] ?? 0) - 1];
    if (kind === undefined)
      throw new GaggleError("INVALID_INPUT", "A peer sent a frame of an unknown kind; both sides need the same version.");
    body = { id: header.readUInt32BE(4), kind, payload: Buffer.allocUnsafe(length), filled: 0 };
  }

  /** Fills the header, then the payload; returns how many bytes it used. */
  function take(piece: Uint8Array, offset: number): number {
    if (body === undefined) {
      const used = Math.min(HEADER_BYTES - headerFilled, piece.byteLength - offset);
      header.set(piece.subarray(offset, offset + used), headerFilled);
      headerFilled += used;
      if (headerFilled === HEADER_BYTES) begin();
      return used;
    }
    const used = Math.min(body.payload.byteLength - body.filled, piece.byteLength - offset);
    body.payload.set(piece.subarray(offset, offset + used), body.filled);
    body.filled += used;
    return used;
  }

  function emitComplete(): void {
    if (body === undefined || body.filled < body.payload.byteLength) return;
    const { id, kind, payload } = body;
    body = undefined;
    headerFilled = 0;
    onFrame({ id, kind, payload });
  }

  return {
    push(piece) {
      let offset = 0;
      while (offset < piece.byteLength) {
        offset += take(piece, offset);
        emitComplete();
      }
    },
    get partial() {
      return headerFilled > 0;
    },
  };
}
