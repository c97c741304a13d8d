/** Reads and writes frames on a libp2p stream within limits of size, time and memory. */
import type { Stream, StreamMessageEvent } from "@libp2p/interface";
import { GaggleError } from "../contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { createFrameReader, encodeFrame, type StreamFrame } from "./frame-codec.ts";
import { MAX_UNSENT_BYTES } from "./protocols.ts";

/** Bytes that are written at once: what one message of Noise can hold. */
const WRITE_BYTES = 65_000;

/** Frames over one stream. */
export interface FrameStream {
  /**
   * Sends a frame now, or when the stream has drained.
   * @throws GaggleError BUSY where too much waits already, PEER_UNREACHABLE where the stream is closed
   */
  send(frame: StreamFrame): void;
  /** True while frames wait because the other side reads too slowly. */
  readonly congested: boolean;
  pause(): void;
  resume(): void;
  /** Resets the stream. */
  abort(error: Error): void;
}

/** What happens on a frame stream. */
export interface FrameStreamEvents {
  onFrame(frame: StreamFrame): void;
  /** Once, when no more frames will come. `error` says why where it was not an orderly end. */
  onEnd(error: Error | undefined): void;
  onDrained?(): void;
}

/**
 * Wraps a stream. A malformed or oversized frame, or one that takes longer than FRAME_TIMEOUT_MS to arrive, resets it.
 * Writes queue here and wait for the stream's `drain` event; `onDrain()` of libp2p 3.3 resolves early from its second use on.
 */
export function createFrameStream(stream: Stream, clock: Clock, events: FrameStreamEvents): FrameStream {
  const unsent: Uint8Array[] = [];
  let unsentBytes = 0;
  let flushing = false;
  let cancelStall: (() => void) | undefined;
  let ended = false;
  const reader = createFrameReader(events.onFrame);

  function end(error: Error | undefined): void {
    if (ended) return;
    ended = true;
    cancelStall?.();
    unsent.length = 0;
    events.onEnd(error);
  }

  function abort(error: Error): void {
    stream.abort(error);
    end(error);
  }

  function watchStall(): void {
    if (!reader.partial) {
      cancelStall?.();
      cancelStall = undefined;
      return;
    }
    cancelStall ??= clock.after(FRAME_TIMEOUT_MS, () => abort(new GaggleError("TIMEOUT", "A peer stopped in the middle of a frame.")));
  }

  function onMessage(event: StreamMessageEvent): void {
    if (ended) return;
    const before = reader.partial;
    try {
      for (const piece of event.data instanceof Uint8Array ? [event.data] : event.data) reader.push(piece);
    } catch (error) {
      abort(error instanceof Error ? error : new Error("unreadable frame"));
      return;
    }
    if (before || reader.partial) watchStall();
  }

  /** The next frames to write at once: those that wait, up to {@link WRITE_BYTES}. */
  function nextWrite(): Uint8Array | undefined {
    let count = 0;
    let bytes = 0;
    for (const frame of unsent) {
      if (count > 0 && bytes + frame.byteLength > WRITE_BYTES) break;
      count++;
      bytes += frame.byteLength;
    }
    unsentBytes -= bytes;
    const frames = unsent.splice(0, count);
    return frames.length > 1 ? Buffer.concat(frames, bytes) : frames[0];
  }

  function write(): void {
    while (!ended && !stream.writableNeedsDrain && stream.writeStatus === "writable") {
      const bytes = nextWrite();
      if (bytes === undefined) break;
      try {
        stream.send(bytes);
      } catch (error) {
        abort(error instanceof Error ? error : new Error("the stream could not be written"));
      }
    }
  }

  function flush(): void {
    write();
    if (unsent.length === 0 && !ended) events.onDrained?.();
  }

  /** Frames that are sent in one go, such as the receipts of one commit, share a write: encrypting and writing each alone costs more than the rest. */
  function flushSoon(): void {
    if (flushing) return;
    flushing = true;
    queueMicrotask(() => {
      flushing = false;
      write();
    });
  }

  stream.addEventListener("message", onMessage);
  // The stream clears its own flag in a listener of the same event, which was added first.
  stream.addEventListener("drain", flush);
  stream.addEventListener("remoteCloseWrite", () => end(undefined));
  stream.addEventListener("close", (event) => end(event.error));

  return {
    send(frame) {
      if (ended || stream.writeStatus !== "writable") {
        throw new GaggleError("PEER_UNREACHABLE", "The stream to the peer is closed; the message is tried again.");
      }
      const bytes = encodeFrame(frame);
      if (unsentBytes + bytes.byteLength > MAX_UNSENT_BYTES) {
        throw new GaggleError("BUSY", "The peer reads too slowly; the message is tried again later.", { details: { unsentBytes } });
      }
      unsent.push(bytes);
      unsentBytes += bytes.byteLength;
      flushSoon();
    },
    get congested() {
      return (unsent.length > 0 && !flushing) || stream.writableNeedsDrain;
    },
    pause: () => {
      if (ended || stream.readStatus !== "readable") return;
      stream.pause();
      // From here on it is this side that makes the frame wait.
      cancelStall?.();
      cancelStall = undefined;
    },
    resume: () => {
      if (ended || stream.readStatus !== "paused") return;
      try {
        // It tells the other side, which throws where the connection is just being closed.
        stream.resume();
      } catch (error) {
        return abort(error instanceof Error ? error : new Error("the stream could not be read on"));
      }
      watchStall();
    },
    abort,
  };
}
