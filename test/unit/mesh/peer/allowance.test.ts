import { describe, expect, it } from "vitest";
import { createAllowances } from "../../../../mesh/peer/allowance.ts";
import {
  FRAME_BURST,
  FRAMES_PER_SECOND,
  MAX_IN_FLIGHT_BYTES,
  READ_BURST_BYTES,
  READ_BYTES_PER_SECOND,
  STREAM_BURST,
} from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

describe("a member's allowance", () => {
  it("lets a burst of frames through, then as many a second as allowed", () => {
    const clock = createVirtualClock();
    const allowance = createAllowances(clock).of("a");
    for (let index = 0; index < FRAME_BURST; index++) expect(allowance.spendFrame(10)).toBe(0);
    expect(allowance.spendFrame(10)).toBeGreaterThan(0);
    clock.jump(1_000);
    let passed = 0;
    while (allowance.spendFrame(10) === 0) passed++;
    expect(passed).toBe(FRAMES_PER_SECOND - 1);
  });

  it("counts bytes beside frames: few large ones wait too, for as long as their bytes take", () => {
    const allowance = createAllowances(createVirtualClock()).of("a");
    const frame = 1_048_576;
    for (let sent = 0; sent < READ_BURST_BYTES; sent += frame) expect(allowance.spendFrame(frame)).toBe(0);
    expect(allowance.spendFrame(frame)).toBe(Math.ceil((frame * 1_000) / READ_BYTES_PER_SECOND));
  });

  it("is one for all its streams and connections, and another member's is not touched", () => {
    const allowances = createAllowances(createVirtualClock());
    for (let index = 0; index <= FRAME_BURST; index++) allowances.of("a").spendFrame(1);
    expect(allowances.of("a").spendFrame(1)).toBeGreaterThan(0);
    expect(allowances.of("b").spendFrame(1)).toBe(0);
  });

  it("ends the opening of streams, and is full while too many bytes are worked on", () => {
    const allowance = createAllowances(createVirtualClock()).of("a");
    const opened = Array.from({ length: STREAM_BURST + 1 }, () => allowance.spendStream());
    expect(opened.indexOf(false)).toBe(STREAM_BURST);
    allowance.hold(MAX_IN_FLIGHT_BYTES);
    expect(allowance.full).toBe(true);
    allowance.hold(-1);
    expect(allowance.full).toBe(false);
  });
});
