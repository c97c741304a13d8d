import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DemoState, demoPaths, makeDemoFolder, readDemoState } from "../../../../mesh/demo/demo-folder.ts";
import { INSTALL_DIR } from "../../../support/joined-home.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const STATE: DemoState = { v: 1, apiPort: 1, peerPort: 2, passphrase: "correct horse battery" };
const make = (dir: string): Promise<void> => makeDemoFolder(dir, INSTALL_DIR, STATE);

describe("a demo's folder", () => {
  it("is made with the sample's books twice: to work on, and as the evidence's input", async () => {
    const dir = join(tempFolder(), "demo");
    await make(dir);
    const { books, input, state } = demoPaths(dir);
    expect(readdirSync(books)).toEqual(expect.arrayContaining(["engineering", "finance", "hr", "marketing"]));
    expect(readdirSync(join(input, "finance"))).toEqual(readdirSync(join(INSTALL_DIR, "profiles", "sample", "data", "finance")));
    expect(statSync(state).mode & 0o777).toBe(0o600);
    expect(await readDemoState(dir)).toEqual(STATE);
  });

  it("takes the place of an older demo's, and nothing of that stays", async () => {
    const dir = join(tempFolder(), "demo");
    await make(dir);
    writeFileSync(join(dir, "report.md"), "old");
    await make(dir);
    expect(existsSync(join(dir, "report.md"))).toBe(false);
  });

  it("is never made over a folder that is not a demo's", async () => {
    const dir = tempFolder();
    mkdirSync(join(dir, "thesis"));
    writeFileSync(join(dir, "thesis", "chapter-1.md"), "years of work");
    await expect(make(dir)).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("--dir") });
    expect(readFileSync(join(dir, "thesis", "chapter-1.md"), "utf8")).toBe("years of work");
    expect(readdirSync(dir)).toEqual(["thesis"]);
  });

  it("is never made over a folder that only has a file of that name in it", async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, "demo.json"), '{"slides": 3}');
    writeFileSync(join(dir, "slides.md"), "kept");
    await expect(make(dir)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(readFileSync(join(dir, "slides.md"), "utf8")).toBe("kept");
  });

  it("is never made over what a link leads to, nor over a file", async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "target"));
    writeFileSync(join(folder, "target", "kept"), "kept");
    symlinkSync(join(folder, "target"), join(folder, "link"));
    await expect(make(join(folder, "link"))).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(make(join(folder, "target", "kept"))).rejects.toMatchObject({ code: "CONFLICT" });
    expect(readFileSync(join(folder, "target", "kept"), "utf8")).toBe("kept");
  });

  it("is made in one that is there and empty", async () => {
    const dir = tempFolder();
    await make(dir);
    expect(await readDemoState(dir)).toEqual(STATE);
  });

  it("of an earlier demo that is not there is said to be missing", async () => {
    await expect(readDemoState(tempFolder())).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
