/** Answers one member's requests on one of its message streams, a bounded number at a time. */
import type { Stream } from "@libp2p/interface";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import type { StreamFrame } from "./frame-codec.ts";
import type { Allowance } from "./allowance.ts";
import { createFrameStream } from "./frame-stream.ts";
import { MAX_IN_FLIGHT, MAX_QUEUED_REQUESTS, STREAM_IDLE_MS } from "./protocols.ts";

/** What the server tells its owner. */
export interface MessageServerEvents {
  /** Answers a request; what it throws becomes a failure frame with the error's code. */
  answer(frame: Uint8Array): Promise<Uint8Array>;
  /** Called with +1 and −1 around every request, so that a connection in use is not closed. */
  onBusy(change: 1 | -1): void;
  /** The member broke the protocol or a limit. */
  onViolation(error: Error): void;
  /** What the member may cost; default: anything. */
  readonly allowance?: Allowance;
}

/**
 * Serves requests on a stream until it ends or nothing has come for long. Reading pauses while MAX_IN_FLIGHT are worked on, the answers are not
 * read, or the member is beyond its allowance.
 */
export function serveMessages(stream: Stream, clock: Clock, events: MessageServerEvents): void {
  const { allowance } = events;
  let inFlight = 0;
  let cancelWait: (() => void) | undefined;
  let lastFrameAt = clock.now();
  let cancelIdle = (): void => undefined;

  const throttle = (): void => {
    if (inFlight >= MAX_IN_FLIGHT || frames.congested || allowance?.full === true || cancelWait !== undefined) frames.pause();
    else frames.resume();
  };

  /** Who sends faster than allowed is not read for a while. */
  function charge(bytes: number): void {
    const waitMs = allowance?.spendFrame(bytes) ?? 0;
    if (waitMs === 0) return;
    cancelWait?.();
    cancelWait = clock.after(waitMs, () => {
      cancelWait = undefined;
      throttle();
    });
  }

  /** A timer for the stream and not for each frame: it looks whether anything came since it was set. */
  function watchIdle(): void {
    cancelIdle = clock.after(Math.max(1, lastFrameAt + STREAM_IDLE_MS - clock.now()), () => {
      if (inFlight === 0 && clock.now() - lastFrameAt >= STREAM_IDLE_MS) stream.close().catch((cause: Error) => stream.abort(cause));
      else {
        if (inFlight > 0) lastFrameAt = clock.now();
        watchIdle();
      }
    });
  }

  function reply(id: number, kind: "answer" | "failure", payload: Uint8Array): void {
    try {
      frames.send({ id, kind, payload });
    } catch (error) {
      // BUSY: the member asks and does not read. Closed: nobody waits for the answer any more.
      if (errorCode(error) === "BUSY") frames.abort(new GaggleError("BUSY", "A peer does not read its answers."));
    }
  }

  const fail = (id: number, error: unknown): void => reply(id, "failure", Buffer.from(errorCode(error), "latin1"));

  /** What has not even an id is of no daemon of ours. */
  function chargeNoise(): void {
    if (allowance?.spendNoise() === false)
      frames.abort(new GaggleError("ENVELOPE_INVALID", "A member sends what is no message, again and again."));
  }

  async function work({ id, payload }: StreamFrame): Promise<void> {
    inFlight++;
    allowance?.hold(payload.byteLength);
    events.onBusy(1);
    try {
      reply(id, "answer", await events.answer(payload));
    } catch (error) {
      fail(id, error);
      if (errorCode(error) === "ENVELOPE_INVALID") chargeNoise();
    } finally {
      inFlight--;
      allowance?.hold(-payload.byteLength);
      events.onBusy(-1);
      throttle();
    }
  }

  const frames = createFrameStream(stream, clock, {
    onFrame(frame) {
      lastFrameAt = clock.now();
      charge(frame.payload.byteLength);
      if (frame.kind !== "request") {
        frames.abort(new GaggleError("INVALID_INPUT", "A peer sent an answer that nobody asked for."));
        return;
      }
      if (inFlight >= MAX_QUEUED_REQUESTS) {
        fail(frame.id, new GaggleError("BUSY", "Too many requests at once."));
        throttle();
        return;
      }
      void work(frame);
      throttle();
    },
    onDrained: throttle,
    onEnd(error) {
      cancelWait?.();
      cancelIdle();
      if (error instanceof GaggleError) events.onViolation(error);
      // The member closed its end; close ours too, so that the stream does not linger half open.
      else stream.close().catch((cause: Error) => stream.abort(cause));
    },
  });
  watchIdle();
}
