import { expect, test } from "vitest";
import { systemRandom } from "../../../../mesh/agent/system.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("Randomness has the length that was asked for, below, at and above what is drawn in advance", () => {
  for (const length of [0, 1, 8, 16, 17, 32, 5_000]) expect(systemRandom.bytes(length)).toHaveLength(length);
});

test("No piece of randomness is given twice, however many are drawn", () => {
  const pieces = Array.from({ length: 5_000 }, (_, index) => hex(systemRandom.bytes(8 + (index % 9))).slice(0, 16));
  expect(new Set(pieces).size).toBe(pieces.length);
});

test("A piece belongs to its caller: changing it changes no later one", () => {
  systemRandom.bytes(16).fill(0);
  expect(hex(systemRandom.bytes(16))).not.toBe("0".repeat(32));
});
