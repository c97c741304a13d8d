import { describe, expect, it } from "vitest";
import { gaggleHome } from "../../../../mesh/client/home.ts";

describe("gaggleHome", () => {
  it("takes GAGGLE_HOME first", () => {
    expect(gaggleHome({ GAGGLE_HOME: "/a/b", XDG_DATA_HOME: "/x", HOME: "/h" })).toBe("/a/b");
  });

  it.skipIf(process.platform === "win32")("follows XDG_DATA_HOME where it is absolute", () => {
    expect(gaggleHome({ XDG_DATA_HOME: "/x", HOME: "/h" })).toBe("/x/gaggle");
    expect(gaggleHome({ XDG_DATA_HOME: "x", HOME: "/h" })).toBe("/h/.local/share/gaggle");
  });

  it.skipIf(process.platform === "win32")("ignores empty variables", () => {
    expect(gaggleHome({ GAGGLE_HOME: "", XDG_DATA_HOME: "", HOME: "/h" })).toBe("/h/.local/share/gaggle");
  });
});
