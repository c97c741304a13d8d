import type { Stream } from "@libp2p/interface";
import { streamPair } from "@libp2p/utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ErrorCode, errorCode, GaggleError } from "../../../../mesh/contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../../../../mesh/contract/limits.ts";
import { createAllowances } from "../../../../mesh/peer/allowance.ts";
import { createFrameReader, encodeFrame, type StreamFrame } from "../../../../mesh/peer/frame-codec.ts";
import { createMessageChannel } from "../../../../mesh/peer/message-channel.ts";
import { serveMessages } from "../../../../mesh/peer/message-server.ts";
import { MAX_IN_FLIGHT, MAX_PENDING_REQUESTS, NOISE_BURST, STREAM_IDLE_MS } from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

/** A machine that stands still for a second must not end a wait. */
const SOON = { timeout: 8_000, interval: 10 };

const open: Stream[] = [];

async function createPair(): Promise<[asker: Stream, answerer: Stream]> {
  const pair = await streamPair();
  open.push(...pair);
  return pair;
}

afterEach(() => {
  for (const stream of open.splice(0)) stream.abort(new Error("end of test"));
});

/** Frames that arrive on a stream. */
function framesOn(stream: Stream): StreamFrame[] {
  const frames: StreamFrame[] = [];
  const reader = createFrameReader((frame) => frames.push(frame));
  stream.addEventListener("message", (event) => reader.push(event.data.subarray()));
  return frames;
}

describe("a message channel", () => {
  it("gives each request the answer of its id, in whatever order they come", async () => {
    const [asker, answerer] = await createPair();
    const frames = framesOn(answerer);
    const channel = createMessageChannel(asker, createVirtualClock(), () => undefined);
    const first = channel.request(Buffer.from("first"));
    const second = channel.request(Buffer.from("second"));
    await vi.waitFor(() => expect(frames).toHaveLength(2), SOON);
    for (const { id, payload } of frames.toReversed()) answerer.send(encodeFrame({ id, kind: "answer", payload }));
    expect(await Promise.all([first, second])).toEqual([Buffer.from("first"), Buffer.from("second")]);
    expect(channel.pending).toBe(0);
  });

  it("gives up a request after the time for a frame, says that nothing at all came, and ignores the late answer", async () => {
    const [asker, answerer] = await createPair();
    const frames = framesOn(answerer);
    const clock = createVirtualClock();
    const onSilent = vi.fn<() => void>();
    const channel = createMessageChannel(asker, clock, onSilent);
    const failed = channel.request(new Uint8Array(1)).catch((error: unknown) => error);
    await vi.waitFor(() => expect(frames).toHaveLength(1), SOON);
    await clock.advance(FRAME_TIMEOUT_MS);
    expect(await failed).toMatchObject({ code: "TIMEOUT" });
    expect(onSilent).toHaveBeenCalledTimes(1);
    answerer.send(encodeFrame({ id: frames[0]?.id ?? 0, kind: "answer", payload: new Uint8Array() }));
    const next = channel.request(Buffer.from("next"));
    await vi.waitFor(() => expect(frames).toHaveLength(2), SOON);
    answerer.send(encodeFrame({ id: frames[1]?.id ?? 0, kind: "answer", payload: Buffer.from("ok") }));
    expect(await next).toEqual(Buffer.from("ok"));
  });

  it("does not take a slow request for a silent peer while other answers come", async () => {
    const [asker, answerer] = await createPair();
    const frames = framesOn(answerer);
    const clock = createVirtualClock();
    const onSilent = vi.fn<() => void>();
    const channel = createMessageChannel(asker, clock, onSilent);
    const slow = channel.request(new Uint8Array(1)).catch((error: unknown) => error);
    const quick = channel.request(new Uint8Array(1));
    await vi.waitFor(() => expect(frames).toHaveLength(2), SOON);
    answerer.send(encodeFrame({ id: frames[1]?.id ?? 0, kind: "answer", payload: new Uint8Array() }));
    await quick;
    await clock.advance(FRAME_TIMEOUT_MS);
    expect(await slow).toMatchObject({ code: "TIMEOUT" });
    expect(onSilent).not.toHaveBeenCalled();
  });

  it("fails everything that waits when the stream ends, and stays closed", async () => {
    const [asker, answerer] = await createPair();
    const channel = createMessageChannel(asker, createVirtualClock(), () => undefined);
    const failed = channel.request(new Uint8Array(1)).catch((error: unknown) => error);
    answerer.abort(new Error("gone"));
    expect(await failed).toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(channel.open).toBe(false);
    await expect(channel.request(new Uint8Array(1))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  });

  it("answers BUSY where too many requests wait", async () => {
    const [asker] = await createPair();
    const channel = createMessageChannel(asker, createVirtualClock(), () => undefined);
    for (let index = 0; index < MAX_PENDING_REQUESTS; index++) channel.request(new Uint8Array(1)).catch(() => undefined);
    await expect(channel.request(new Uint8Array(1))).rejects.toMatchObject({ code: "BUSY" });
  });

  it("reads an unknown failure code as INTERNAL", async () => {
    const [asker, answerer] = await createPair();
    const frames = framesOn(answerer);
    const channel = createMessageChannel(asker, createVirtualClock(), () => undefined);
    const failed = channel.request(new Uint8Array(1)).catch((error: unknown) => error);
    await vi.waitFor(() => expect(frames).toHaveLength(1), SOON);
    answerer.send(encodeFrame({ id: frames[0]?.id ?? 0, kind: "failure", payload: Buffer.from("constructor") }));
    expect(await failed).toMatchObject({ code: "INTERNAL" });
  });
});

describe("a message server", () => {
  it("answers what its handler throws with the code alone", async () => {
    const [asker, answerer] = await createPair();
    serveMessages(answerer, createVirtualClock(), {
      answer: () => Promise.reject(new GaggleError("POLICY_DENIED", "secret reason")),
      onBusy: () => undefined,
      onViolation: () => undefined,
    });
    const frames = framesOn(asker);
    asker.send(encodeFrame({ id: 7, kind: "request", payload: new Uint8Array() }));
    await vi.waitFor(() => expect(frames).toEqual([{ id: 7, kind: "failure", payload: Buffer.from("POLICY_DENIED") }]), SOON);
  });

  it("stops reading while it works on as many requests as it may, and goes on when they are done", async () => {
    const [asker, answerer] = await createPair();
    const waiting: (() => void)[] = [];
    let busy = 0;
    serveMessages(answerer, createVirtualClock(), {
      answer: () => new Promise((resolve) => waiting.push(() => resolve(new Uint8Array()))),
      onBusy: (change) => (busy += change),
      onViolation: () => undefined,
    });
    const frames = framesOn(asker);
    for (let id = 1; id <= MAX_IN_FLIGHT; id++) asker.send(encodeFrame({ id, kind: "request", payload: new Uint8Array() }));
    await vi.waitFor(() => expect(waiting).toHaveLength(MAX_IN_FLIGHT), SOON);
    expect(answerer.readStatus).toBe("paused");
    expect(busy).toBe(MAX_IN_FLIGHT);
    for (const finish of waiting.splice(0)) finish();
    await vi.waitFor(() => expect(frames).toHaveLength(MAX_IN_FLIGHT), SOON);
    await vi.waitFor(() => expect(answerer.readStatus).toBe("readable"), SOON);
    expect(busy).toBe(0);
  });

  it("resets the stream and says so when a frame takes too long to arrive", async () => {
    const [asker, answerer] = await createPair();
    const clock = createVirtualClock();
    const onViolation = vi.fn<(error: Error) => void>();
    serveMessages(answerer, clock, { answer: async (frame) => frame, onBusy: () => undefined, onViolation });
    asker.send(encodeFrame({ id: 1, kind: "request", payload: new Uint8Array(10) }).subarray(0, 12));
    // The frame's, beside the stream's own.
    await vi.waitFor(() => expect(clock.pending()).toBe(2), SOON);
    await clock.advance(FRAME_TIMEOUT_MS);
    expect(onViolation).toHaveBeenCalledWith(expect.objectContaining({ code: "TIMEOUT" }));
    expect(answerer.status).toBe("aborted");
  });

  it("does not read a member that is beyond its rate, and reads on after the wait", async () => {
    const [asker, answerer] = await createPair();
    const clock = createVirtualClock();
    const allowance = { spendFrame: () => 250, spendStream: () => true, spendNoise: () => true, hold: () => undefined, full: false };
    serveMessages(answerer, clock, { answer: async (frame) => frame, onBusy: () => undefined, onViolation: () => undefined, allowance });
    const frames = framesOn(asker);
    asker.send(encodeFrame({ id: 1, kind: "request", payload: new Uint8Array(1) }));
    await vi.waitFor(() => expect(frames).toHaveLength(1), SOON);
    expect(answerer.readStatus).toBe("paused");
    await clock.advance(250);
    expect(answerer.readStatus).toBe("readable");
  });

  it("cuts a member that sends what is no message again and again, and none whose messages are refused", async () => {
    const serve = async (code: ErrorCode): Promise<{ violations: string[]; sendOne(id: number): Promise<void> }> => {
      const [asker, answerer] = await createPair();
      const violations: string[] = [];
      serveMessages(answerer, createVirtualClock(), {
        answer: () => Promise.reject(new GaggleError(code, "No.")),
        onBusy: () => undefined,
        onViolation: (error) => violations.push(errorCode(error)),
        allowance: createAllowances(createVirtualClock()).of("a"),
      });
      const frames = framesOn(asker);
      return {
        violations,
        async sendOne(id) {
          asker.send(encodeFrame({ id, kind: "request", payload: new Uint8Array(1) }));
          await vi.waitFor(() => expect(frames.length + violations.length).toBeGreaterThan(id), SOON);
        },
      };
    };
    const [noisy, refused] = [await serve("ENVELOPE_INVALID"), await serve("POLICY_DENIED")];
    for (let id = 0; id < NOISE_BURST; id++) await noisy.sendOne(id);
    expect(noisy.violations).toEqual([]);
    await noisy.sendOne(NOISE_BURST);
    expect(noisy.violations).toEqual(["ENVELOPE_INVALID"]);
    for (let id = 0; id <= NOISE_BURST; id++) await refused.sendOne(id);
    expect(refused.violations).toEqual([]);
  });

  it("closes a stream on which nothing comes for long, but not while it works on a request", async () => {
    const [asker, answerer] = await createPair();
    const clock = createVirtualClock();
    const answer = Promise.withResolvers<Uint8Array>();
    serveMessages(answerer, clock, { answer: () => answer.promise, onBusy: () => undefined, onViolation: () => undefined });
    const frames = framesOn(asker);
    asker.send(encodeFrame({ id: 1, kind: "request", payload: new Uint8Array(1) }));
    await vi.waitFor(() => expect(clock.pending()).toBe(1), SOON);
    await clock.advance(STREAM_IDLE_MS * 2);
    expect(answerer.writeStatus).toBe("writable");
    answer.resolve(new Uint8Array());
    await vi.waitFor(() => expect(frames).toHaveLength(1), SOON);
    await clock.advance(STREAM_IDLE_MS * 2);
    expect(answerer.writeStatus).not.toBe("writable");
  });
});
