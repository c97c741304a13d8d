import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildStamp, isBuilt, isInstalled, sourceHash } from "../../../scripts/set-up.mjs";

let clone: string;

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(clone, path)), { recursive: true });
  await writeFile(join(clone, path), text);
};

/** Sets when a file was last changed: seconds after 1970. */
const changedAt = (path: string, seconds: number): Promise<void> => utimes(join(clone, path), seconds, seconds);

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), "gaggle-clone-"));
  await put("package-lock.json", "{}");
});
afterEach(() => rm(clone, { recursive: true, force: true }));

describe("isInstalled", () => {
  it("is false without packages", () => {
    expect(isInstalled(clone)).toBe(false);
  });

  it("is true where npm finished after the lockfile's last change, and false where the lockfile is newer", async () => {
    await put("node_modules/.package-lock.json", "{}");
    await changedAt("package-lock.json", 1_000);
    await changedAt("node_modules/.package-lock.json", 2_000);
    expect(isInstalled(clone)).toBe(true);
    await changedAt("package-lock.json", 3_000);
    expect(isInstalled(clone)).toBe(false);
  });

  it("is false where npm broke off, which leaves packages without its record", async () => {
    await put("node_modules/zod/package.json", "{}");
    expect(isInstalled(clone)).toBe(false);
  });
});

describe("isBuilt", () => {
  beforeEach(() => put("mesh/cli/main.ts", "one"));

  const stampNow = (): Promise<void> => put(buildStamp(clone).slice(clone.length), sourceHash(clone));

  it("is false before the first build, true after it", async () => {
    expect(isBuilt(clone)).toBe(false);
    await stampNow();
    expect(isBuilt(clone)).toBe(true);
  });

  it("is true where a file was only touched, and false where a source changed, came, went or was renamed", async () => {
    await put("guard/a.ts", "a");
    await stampNow();
    await changedAt("mesh/cli/main.ts", 5_000);
    expect(isBuilt(clone)).toBe(true);
    await put("mesh/cli/main.ts", "two");
    expect(isBuilt(clone)).toBe(false);
    await put("mesh/cli/main.ts", "one");
    await put("mesh/cli/new.ts", "");
    expect(isBuilt(clone)).toBe(false);
    await rm(join(clone, "mesh/cli/new.ts"));
    expect(isBuilt(clone)).toBe(true);
    await rm(join(clone, "guard/a.ts"));
    await put("guard/b.ts", "a");
    expect(isBuilt(clone)).toBe(false);
  });

  it("does not look at tests and documents", async () => {
    await stampNow();
    await put("test/unit/a.test.ts", "changed");
    await put("README.md", "changed");
    expect(isBuilt(clone)).toBe(true);
  });
});
