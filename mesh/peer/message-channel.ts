/** This side's requests to one member over one long-lived stream. */
import type { Stream } from "@libp2p/interface";
import { ERROR_TABLE, GaggleError } from "../contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import type { StreamFrame } from "./frame-codec.ts";
import { createFrameStream } from "./frame-stream.ts";
import { codeFromPeer } from "./peer-code.ts";
import { MAX_PENDING_REQUESTS } from "./protocols.ts";

/** Requests over one stream; many may be in flight. */
export interface MessageChannel {
  /** @throws GaggleError TIMEOUT, BUSY, PEER_UNREACHABLE (the stream ended first), or the code that the peer answered */
  request(frame: Uint8Array): Promise<Uint8Array>;
  readonly open: boolean;
  /** Requests that wait for an answer. */
  readonly pending: number;
  close(error: Error): void;
}

interface Pending {
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly cancelTimer: () => void;
}

/**
 * Opens a channel on a stream of the message protocol.
 * @param onSilent called where a request got no answer in time and nothing else came either: the peer is likely gone
 */
export function createMessageChannel(stream: Stream, clock: Clock, onSilent: () => void): MessageChannel {
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let received = 0;
  let open = true;

  function settle(frame: StreamFrame): void {
    received++;
    const waiting = pending.get(frame.id);
    if (frame.kind === "request") {
      frames.abort(new GaggleError("INVALID_INPUT", "A peer sent a request where only answers belong."));
      return;
    }
    // Too late: the request has timed out meanwhile.
    if (waiting === undefined) return;
    pending.delete(frame.id);
    waiting.cancelTimer();
    if (frame.kind === "answer") waiting.resolve(frame.payload);
    else waiting.reject(failureOf(frame.payload));
  }

  function end(cause: Error | undefined): void {
    open = false;
    for (const waiting of pending.values()) {
      waiting.cancelTimer();
      waiting.reject(new GaggleError("PEER_UNREACHABLE", "The connection to the peer ended before it answered.", { cause }));
    }
    pending.clear();
  }

  function expire(id: number, receivedBefore: number): void {
    const waiting = pending.get(id);
    pending.delete(id);
    waiting?.reject(new GaggleError("TIMEOUT", `The peer did not answer within ${FRAME_TIMEOUT_MS} ms; the message is tried again.`));
    if (received === receivedBefore) onSilent();
  }

  const frames = createFrameStream(stream, clock, { onFrame: settle, onEnd: end });

  return {
    request(payload) {
      if (pending.size >= MAX_PENDING_REQUESTS) {
        return Promise.reject(new GaggleError("BUSY", "Too many messages wait for this peer; the message is tried again later."));
      }
      const id = nextId;
      nextId = nextId === 0xffff_ffff ? 1 : nextId + 1;
      return new Promise((resolve, reject) => {
        frames.send({ id, kind: "request", payload });
        const receivedBefore = received;
        const cancelTimer = clock.after(FRAME_TIMEOUT_MS, () => expire(id, receivedBefore));
        pending.set(id, { resolve, reject, cancelTimer });
      });
    },
    get open() {
      return open;
    },
    get pending() {
      return pending.size;
    },
    close: (error) => frames.abort(error),
  };
}

/** The error behind a failure frame: a code of the table in ASCII, nothing else. */
function failureOf(payload: Uint8Array): GaggleError {
  const text = Buffer.from(payload.subarray(0, 40)).toString("latin1");
  const code = codeFromPeer(text, "INTERNAL");
  return new GaggleError(code, `The peer answered ${code}: ${ERROR_TABLE[code].meaning}`);
}
