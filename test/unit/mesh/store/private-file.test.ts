import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makePrivateFolder, refuseForeignHand, writePrivateFile } from "../../../../mesh/store/private-file.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("a private file", () => {
  it("is the user's alone, in a folder that is made for it", async () => {
    const path = join(tempFolder(), "new", "folder", "file");
    await writePrivateFile(path, "text");
    expect(readFileSync(path, "utf8")).toBe("text");
    expect([modeOf(path), modeOf(join(path, ".."))]).toEqual([0o600, 0o700]);
  });

  it("takes the place of an open one and does not keep its rights", async () => {
    const path = join(tempFolder(), "file");
    writeFileSync(path, "old", { mode: 0o644 });
    await writePrivateFile(path, "new");
    expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual(["new", 0o600]);
  });

  it("stays as it was where the new one can't take its place, and nothing is left lying about", async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "file"));
    writeFileSync(join(folder, "file", "inside"), "kept");
    await expect(writePrivateFile(join(folder, "file"), "new")).rejects.toMatchObject({ syscall: "rename" });
    expect(readdirSync(folder)).toEqual(["file"]);
    expect(readFileSync(join(folder, "file", "inside"), "utf8")).toBe("kept");
  });

  it("is one of the texts, whole, when several are written at once", async () => {
    const folder = tempFolder();
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(50_000));
    await Promise.all(texts.map((text) => writePrivateFile(join(folder, "file"), text)));
    expect(texts).toContain(readFileSync(join(folder, "file"), "utf8"));
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("a private folder", () => {
  it("is closed to others, also where it was there and open", async () => {
    const folder = join(tempFolder(), "folder");
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await makePrivateFolder(folder);
    expect(modeOf(folder)).toBe(0o700);
  });
});

describe("what says whom to believe", () => {
  it("is refused where others can write it, with the command that mends it", async () => {
    const path = join(tempFolder(), "config.json");
    writeFileSync(path, "{}");
    for (const mode of [0o622, 0o620, 0o666]) {
      chmodSync(path, mode);
      await expect(refuseForeignHand(path)).rejects.toMatchObject({
        code: "CREDENTIAL_INVALID",
        message: expect.stringContaining("chmod go-w"),
      });
    }
    chmodSync(path, 0o644);
    await refuseForeignHand(path);
    await refuseForeignHand(join(path, "..", "missing"));
  });
});
