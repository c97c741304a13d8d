import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_FRAME_BYTES } from "../../../../mesh/contract/limits.ts";
import { createFrameReader, encodeFrame, type StreamFrame } from "../../../../mesh/peer/frame-codec.ts";

const frame = fc.record({
  id: fc.nat({ max: 0xffff_ffff }),
  kind: fc.constantFrom("request" as const, "answer" as const, "failure" as const),
  payload: fc.uint8Array({ maxLength: 300 }),
});

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.byteLength + 1)), bytes.byteLength].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

const plain = ({ id, kind, payload }: StreamFrame): object => ({ id, kind, payload: [...payload] });

describe("a frame reader", () => {
  it("gives back every frame whole and in order, however the stream cuts them", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, places) => {
        const got: StreamFrame[] = [];
        const reader = createFrameReader((one) => got.push(one));
        for (const piece of cut(Buffer.concat(frames.map(encodeFrame)), places)) reader.push(piece);
        expect(got.map(plain)).toEqual(frames.map(plain));
        expect(reader.partial).toBe(false);
      }),
    );
  });

  it("either reads or refuses any bytes, and never gives more than arrived", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (pieces) => {
        let given = 0;
        const reader = createFrameReader(({ payload }) => (given += 9 + payload.byteLength), 1_000);
        try {
          for (const piece of pieces) reader.push(piece);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(TOO_LARGE|INVALID_INPUT)$/) });
        }
        expect(given).toBeLessThanOrEqual(Buffer.concat(pieces).byteLength);
      }),
      { numRuns: 1_000 },
    );
  });

  it("refuses a frame over the limit when its header is there, before any of its payload", () => {
    const reader = createFrameReader(() => undefined);
    const header = encodeFrame({ id: 1, kind: "request", payload: new Uint8Array() });
    Buffer.from(header.buffer, header.byteOffset).writeUInt32BE(MAX_FRAME_BYTES + 1, 0);
    expect(() => reader.push(header)).toThrow(expect.objectContaining({ code: "TOO_LARGE" }));
  });

  it("says that a frame has begun until it has ended", () => {
    const reader = createFrameReader(() => undefined);
    const bytes = encodeFrame({ id: 1, kind: "request", payload: new Uint8Array(5) });
    reader.push(bytes.subarray(0, 1));
    expect(reader.partial).toBe(true);
    reader.push(bytes.subarray(1));
    expect(reader.partial).toBe(false);
  });
});
