/** Answers one member's requests on one of its message streams, a bounded number at a time. */
import type { Stream } from "@libp2p/interface";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import type { StreamFrame } from "./frame-codec.ts";
import { createFrameStream } from "./frame-stream.ts";
import { MAX_IN_FLIGHT, MAX_QUEUED_REQUESTS } from "./protocols.ts";

/** What the server tells its owner. */
export interface MessageServerEvents {
  /** Answers a request; what it throws becomes a failure frame with the error's code. */
  answer(frame: Uint8Array): Promise<Uint8Array>;
  /** Called with +1 and −1 around every request, so that a connection in use is not closed. */
  onBusy(change: 1 | -1): void;
  /** The member broke the protocol or a limit. */
  onViolation(error: Error): void;
}

/** Serves requests on a stream until it ends. Reading pauses while MAX_IN_FLIGHT are worked on or the answers are not read. */
export function serveMessages(stream: Stream, clock: Clock, events: MessageServerEvents): void {
  let inFlight = 0;

  const throttle = (): void => {
    if (inFlight >= MAX_IN_FLIGHT || frames.congested) frames.pause();
    else frames.resume();
  };

  function reply(id: number, kind: "answer" | "failure", payload: Uint8Array): void {
    try {
      frames.send({ id, kind, payload });
    } catch (error) {
      // BUSY: the member asks and does not read. Closed: nobody waits for the answer any more.
      if (errorCode(error) === "BUSY") frames.abort(new GaggleError("BUSY", "A peer does not read its answers."));
    }
  }

  const fail = (id: number, error: unknown): void => reply(id, "failure", Buffer.from(errorCode(error), "latin1"));

  async function work({ id, payload }: StreamFrame): Promise<void> {
    inFlight++;
    events.onBusy(1);
    try {
      reply(id, "answer", await events.answer(payload));
    } catch (error) {
      fail(id, error);
    } finally {
      inFlight--;
      events.onBusy(-1);
      throttle();
    }
  }

  const frames = createFrameStream(stream, clock, {
    onFrame(frame) {
      if (frame.kind !== "request") {
        frames.abort(new GaggleError("INVALID_INPUT", "A peer sent an answer that nobody asked for."));
        return;
      }
      if (inFlight >= MAX_QUEUED_REQUESTS) {
        fail(frame.id, new GaggleError("BUSY", "Too many requests at once."));
        return;
      }
      void work(frame);
      throttle();
    },
    onDrained: throttle,
    onEnd(error) {
      if (error instanceof GaggleError) events.onViolation(error);
      // The member closed its end; close ours too, so that the stream does not linger half open.
      else stream.close().catch((cause: Error) => stream.abort(cause));
    },
  });
}
