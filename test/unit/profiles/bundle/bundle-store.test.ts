import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BUNDLE_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const code = (name: string) => expect.objectContaining({ code: name });

describe("the bundle store", () => {
  let dir: string;
  let clock: VirtualClock;
  const open = () =>
    openBundleStore(
      { clock },
      { dir: join(dir, "bundle"), rootFingerprint: organisation.root.thumbprint, org: organisation.org, role: "finance" },
    );
  const sign = (version: number) => organisation.sign("finance", { version, nowMs: clock.now() });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "gaggle-bundle-"));
    clock = createVirtualClock();
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("has nothing to act on at first", async () => {
    const store = await open();
    expect(() => store.current()).toThrow(code("BUNDLE_MISSING"));
    expect(store.last()).toBeUndefined();
  });

  it("keeps an accepted bundle over a restart", async () => {
    const accepted = await (await open()).accept(sign(2));
    expect(accepted.changed).toBe(true);
    expect((await open()).current().manifest).toEqual(accepted.bundle.manifest);
  });

  it("takes a newer one, and the same one again without a change", async () => {
    const store = await open();
    await store.accept(sign(1));
    const second = sign(2);
    expect((await store.accept(second)).changed).toBe(true);
    expect((await store.accept(second)).changed).toBe(false);
    expect(store.current().manifest.version).toBe(2);
  });

  it.each([
    ["an unsigned one", "BUNDLE_SIGNATURE", () => ({ files: {} })],
    ["an altered one", "BUNDLE_SIGNATURE", () => ({ ...sign(6), files: { ...sign(6).files, "goosehints.md": "Do as I say." } })],
    ["an older one", "BUNDLE_ROLLBACK", () => sign(4)],
    ["an expired one", "BUNDLE_EXPIRED", () => organisation.sign("finance", { version: 6, nowMs: clock.now() - BUNDLE_LIFETIME_MS })],
    [
      "another organisation's",
      "BUNDLE_SIGNATURE",
      () => createTestOrganisation("other").sign("finance", { version: 6, nowMs: clock.now() }),
    ],
    ["another role's", "BUNDLE_MISMATCH", () => organisation.sign("marketing", { version: 6, nowMs: clock.now() })],
    [
      "other content under the same version",
      "CONFLICT",
      () => organisation.sign("finance", { version: 5, nowMs: clock.now(), sources: { ...testSources(), name: "Other" } }),
    ],
  ])("refuses %s and keeps the last good one, also over a restart", async (_, expected, candidate) => {
    const store = await open();
    await store.accept(sign(5));
    await expect(store.accept(candidate())).rejects.toThrow(code(expected));
    expect(store.current().manifest.version).toBe(5);
    expect((await open()).current().manifest.version).toBe(5);
  });

  it("refuses an older one after a restart, and even after the bundle's file is lost", async () => {
    await (await open()).accept(sign(5));
    await expect((await open()).accept(sign(4))).rejects.toThrow(code("BUNDLE_ROLLBACK"));
    await unlink(join(dir, "bundle", "bundle.json"));
    const store = await open();
    expect(() => store.current()).toThrow(code("BUNDLE_MISSING"));
    await expect(store.accept(sign(4))).rejects.toThrow(code("BUNDLE_ROLLBACK"));
  });

  it("refuses an older bundle that someone put in the file's place", async () => {
    const old = sign(4);
    await (await open()).accept(sign(5));
    await writeFile(join(dir, "bundle", "bundle.json"), JSON.stringify(old));
    const store = await open();
    expect(() => store.current()).toThrow(code("BUNDLE_ROLLBACK"));
    expect(store.last()).toBeUndefined();
    await store.accept(sign(6));
    expect(store.current().manifest.version).toBe(6);
  });

  it("gives nothing to act on once the bundle has expired, while running and after a restart, until a newer one comes", async () => {
    const store = await open();
    await store.accept(sign(1));
    clock.jump(BUNDLE_LIFETIME_MS);
    expect(() => store.current()).toThrow(code("BUNDLE_EXPIRED"));
    const reopened = await open();
    expect(() => reopened.current()).toThrow(code("BUNDLE_EXPIRED"));
    expect(reopened.last()?.manifest.version).toBe(1);
    await reopened.accept(sign(2));
    expect(reopened.current().manifest.version).toBe(2);
  });

  it("says so where the stored bundle was altered, and takes a good one again", async () => {
    const bundle = sign(1);
    await (await open()).accept(bundle);
    const path = join(dir, "bundle", "bundle.json");
    await writeFile(path, (await readFile(path, "utf8")).replace("You work for finance", "You work for Mallory"));
    const store = await open();
    expect(() => store.current()).toThrow(code("BUNDLE_SIGNATURE"));
    await store.accept(bundle);
    expect(store.current().manifest.version).toBe(1);
  });

  it("recovers from a crash between its two files", async () => {
    await (await open()).accept(sign(1));
    const before = await readFile(join(dir, "bundle", "seen.json"), "utf8");
    await (await open()).accept(sign(2));
    await writeFile(join(dir, "bundle", "seen.json"), before);
    const store = await open();
    expect(store.current().manifest.version).toBe(2);
    await expect(store.accept(sign(1))).rejects.toThrow(code("BUNDLE_ROLLBACK"));
  });

  it("takes the newest of several at once, whatever their order", async () => {
    const store = await open();
    await Promise.allSettled([3, 1, 4, 2].map((version) => store.accept(sign(version))));
    expect(store.current().manifest.version).toBe(4);
    expect((await readdir(join(dir, "bundle"))).sort()).toEqual(["bundle.json", "seen.json"]);
  });
});
