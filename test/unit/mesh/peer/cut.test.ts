import { expect, it } from "vitest";
import { cut } from "../../../../mesh/peer/cut.ts";

it("a connection whose goodbye fails is aborted all the same, and nothing is thrown", () => {
  const calls: string[] = [];
  const abort = (error: Error): void => {
    calls.push(error.message);
    if (calls.length === 1) throw new Error("Cannot write to a stream that is closed");
  };
  cut({ abort }, new Error("gone"));
  expect(calls).toEqual(["gone", "gone"]);
  const never = (): void => {
    throw new Error("never");
  };
  expect(() => cut({ abort: never }, new Error("gone"))).not.toThrow();
});
