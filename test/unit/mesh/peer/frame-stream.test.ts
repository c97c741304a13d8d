import { streamPair } from "@libp2p/utils";
import { expect, it, onTestFinished, vi } from "vitest";
import { createFrameStream } from "../../../../mesh/peer/frame-stream.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

it("ends a stream that can't be read on, since its connection is just being closed, and throws at nobody", async () => {
  const [stream, other] = await streamPair();
  onTestFinished(() => other.abort(new Error("end of test")));
  const onEnd = vi.fn<(error: Error | undefined) => void>();
  const frames = createFrameStream(stream, createVirtualClock(), { onFrame: () => undefined, onEnd });
  frames.pause();
  // What yamux does where its connection does not take the window's update any more.
  const closing = new Error("Cannot write to a stream that is closing");
  vi.spyOn(stream, "resume").mockImplementation(() => {
    throw closing;
  });
  frames.resume();
  expect(onEnd.mock.calls).toEqual([[closing]]);
  expect(stream.status).toBe("aborted");
});
