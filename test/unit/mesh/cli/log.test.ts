import { closeSync, existsSync, openSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { createLog, logDestination } from "../../../../mesh/cli/log.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { captureStream } from "../../../support/captured-output.ts";

const SECRET = "maria.silva@example.com";

/** What a log writes about errors. */
function logged(...errors: unknown[]): { text: string; lines: { err: { name: string; code?: string; frames?: string[] } }[] } {
  const stream = captureStream();
  const log = createLog("test", { GAGGLE_LOG: "debug" }, stream);
  for (const err of errors) log.error({ err }, "it failed");
  const text = stream.text();
  const lines = text.trim().split("\n");
  return { text, lines: lines.map((line) => JSON.parse(line) as { err: { name: string } }) };
}

describe("the log", () => {
  it("writes an error's name, code and place", () => {
    const { lines } = logged(new GaggleError("STORE_FAILED", "The disk is full."));
    expect(lines[0]?.err).toMatchObject({ name: "GaggleError", code: "STORE_FAILED" });
    expect(lines[0]?.err.frames?.[0]).toContain("log.test.ts");
  });

  it("never writes an error's message, nor that of its cause, nor what the message quotes", () => {
    const quoting = (): unknown => {
      try {
        return JSON.parse(`{"to": "${SECRET}`);
      } catch (error) {
        return error;
      }
    };
    const changed = new Error(`about ${SECRET}`);
    changed.message = "later";
    const emptied = new Error(`about ${SECRET}\n    at ${SECRET}`);
    emptied.message = "";
    const { text } = logged(
      new Error(`about ${SECRET}`),
      new Error(`a pasted stack trace:\n    at Person (${SECRET})\n    at main`),
      new Error("outer", { cause: new Error(SECRET) }),
      new GaggleError("INTERNAL", "outer", { cause: new Error(SECRET) }),
      quoting(),
      changed,
      emptied,
      SECRET,
      { message: SECRET },
    );
    expect(text).not.toContain("maria");
    expect(text.trim().split("\n")).toHaveLength(9);
  });

  it("writes only from the level on that GAGGLE_LOG names", () => {
    const stream = captureStream();
    const log = createLog("test", { GAGGLE_LOG: "warn" }, stream);
    log.info({}, "quiet");
    log.warn({}, "loud");
    expect(stream.text()).toContain("loud");
    expect(stream.text()).not.toContain("quiet");
  });
});

// A device on which every write fails as on a full disk.
describe.runIf(existsSync("/dev/full"))("a log that can't be written", () => {
  it("throws at nobody, whoever logs however much", () => {
    const fd = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(fd));
    const log = createLog("test", {}, logDestination(fd));
    expect(() => {
      for (let i = 0; i < 2_000; i += 1) log.warn({ text: "x".repeat(1_000) }, "the disk is full");
    }).not.toThrow();
  });
});
