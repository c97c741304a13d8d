import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { bytes, describeError, duration, table } from "../../../../mesh/cli/output.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { captureOutput } from "../../../support/captured-output.ts";
import { tempFolder } from "../../../support/temp-home.ts";

describe("the output of a command", () => {
  const written = (json: boolean): string => {
    const { out, text } = captureOutput(json);
    out.line("words");
    out.result({ a: 1 });
    out.line();
    return text();
  };

  it("is words for people, and one JSON document for programs", () => {
    expect(written(false)).toBe("words\n\n");
    expect(JSON.parse(written(true))).toEqual({ a: 1 });
  });

  it("is JSON that can't act on the terminal that shows it, and says the same", () => {
    const value = { ["\u009b2J"]: "pay \u202e001\u200b\u{e0041}\u001b[31m", name: "Zoë 李 👩‍💻" };
    for (const way of ["result", "event"] as const) {
      const { out, text } = captureOutput(true);
      out[way](value);
      expect(text().replaceAll("\n", "")).not.toMatch(/[\p{Cf}\p{Cc}]/u);
      expect(JSON.parse(text())).toEqual(value);
    }
  });
});

describe("a table", () => {
  it("pads columns to their widest cell and ends no line with spaces", () => {
    const lines = table(
      ["who", "role"],
      [
        ["fiona.berg", "finance"],
        ["x", ""],
      ],
    ).map(stripVTControlCharacters);
    expect(lines).toEqual(["who         role", "fiona.berg  finance", "x"]);
  });
});

describe("a time span in words", () => {
  it.each([
    [0, "0 ms"],
    [849.6, "850 ms"],
    [12_400, "12.4 s"],
    [60_000, "1 min"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
    [29 * 86_400_000 + 23 * 3_600_000, "29 d 23 h"],
    [59_990, "1 min"],
    [3_599_900, "1 h"],
    [999.7, "1.0 s"],
  ])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));
});

describe("a byte count in words", () => {
  it.each([
    [0, "0 B"],
    [1_023, "1023 B"],
    [1_536, "1.5 KiB"],
    [5 * 1_048_576, "5.0 MiB"],
  ])("%d is %s", (count, text) => expect(bytes(count)).toBe(text));
});

describe("an error for people and programs", () => {
  it("has its code, message and details, and never its cause", () => {
    const error = new GaggleError("NO_ROUTE", "Nobody.", { details: { known: 2 }, cause: new Error("secret") });
    expect(describeError(error)).toEqual({ code: "NO_ROUTE", message: "Nobody.", details: { known: 2 } });
    expect(describeError(new Error("odd"))).toEqual({ code: "INTERNAL", message: "odd", details: {} });
    expect(describeError("text")).toEqual({ code: "INTERNAL", message: "An unknown error happened.", details: {} });
  });

  it("names file, reason and fix where the system refused a file: that is no bug of ours", () => {
    const folder = tempFolder();
    const thrown = (): unknown => {
      try {
        return readFileSync(folder);
      } catch (error) {
        return error;
      }
    };
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
    expect(describeError(thrown())).toMatchObject({
      code: "STORE_FAILED",
      message: "The system refused to read a file (EISDIR). Check its rights, its folder's rights and the free space, then run this again.",
    });
    const denied = Object.assign(new Error("x"), { code: "EACCES", syscall: "open", path: "/etc/goose/config.yaml" });
    expect(describeError(denied).message).toBe(
      "The system refused to open /etc/goose/config.yaml (EACCES). Check its rights, its folder's rights and the free space, then run this again.",
    );
    const socket = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });
    expect(describeError(socket)).toMatchObject({ code: "INTERNAL", message: "read ECONNRESET" });
    expect(describeError(full)).toMatchObject({ code: "STORE_FAILED", message: expect.stringContaining("ENOSPC") as unknown });
  });
});
