import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { askYesOrNo } from "../../../../mesh/demo/ask-person.ts";

/** A keyboard on which this is typed. */
function keyboard(typed: string) {
  const input = new PassThrough();
  const output = new PassThrough();
  const ended: string[] = [];
  input.write(typed);
  const shown = (): string => String(output.read() ?? "");
  return { input, output, ended, shown, end: (signal: string) => void ended.push(signal) };
}
const never = new AbortController().signal;

describe("the question to the person", () => {
  it.each([
    ["yes\n", true],
    [" Y \n", true],
    ["no\n", false],
    ["maybe\n\nn\n", false],
  ])("takes %j for %s", async (typed, expected) => {
    const at = keyboard(typed);
    expect(await askYesOrNo("Approve?", at, never)).toBe(expected);
    expect(at.shown()).toContain("Approve? (yes/no) ");
    expect(at.ended).toEqual([]);
  });

  it("ends the program when the input is over, and decides nothing", async () => {
    const at = keyboard("perhaps\n");
    at.input.end();
    await expect(askYesOrNo("Approve?", at, never)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(at.ended).toEqual(["SIGHUP"]);
  });

  it("is over when the program ends", async () => {
    const at = keyboard("");
    const program = new AbortController();
    const asked = askYesOrNo("Approve?", at, program.signal);
    program.abort();
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
    expect(at.ended).toEqual([]);
  });

  it("ends the program at Ctrl-C on a terminal, without an answer", async () => {
    const at = keyboard("");
    const program = new AbortController();
    const end = (signal: string): void => {
      at.ended.push(signal);
      program.abort();
    };
    const asked = askYesOrNo("Approve?", { ...at, output: Object.assign(at.output, { isTTY: true }), end }, program.signal);
    at.input.write("\u0003");
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
    expect(at.ended).toEqual(["SIGINT"]);
  });
});
