/** What every {@link OrderedStore} must do. Each implementation runs this suite through a factory. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OrderedStore, StoreOp } from "../../mesh/contract/ports.ts";

const put = (key: string, value = key): StoreOp => ({ type: "put", key, value });
const keys = (pairs: [string, string][]): string[] => pairs.map(([key]) => key);

/** One disk on which a store is opened, and opened again. */
export interface StoreFixture {
  open(): Promise<OrderedStore>;
  remove(): Promise<void>;
}

/** A disk that can lose what was not synced. For LevelDB, whose disk is the system's, torn logs are tested beside the store. */
export interface CrashFixture extends StoreFixture {
  /** Opens what is on the disk after the process died without closing. */
  reopenAfterCrash(): Promise<OrderedStore>;
}

/** Declares the suite. `makeFixture` gives a fresh, empty disk. */
export function describeOrderedStore(name: string, makeFixture: () => Promise<StoreFixture>): void {
  describe(`${name} is an ordered store`, () => {
    let fixture: StoreFixture;
    let store: OrderedStore;
    beforeEach(async () => {
      fixture = await makeFixture();
      store = await fixture.open();
    });
    afterEach(async () => {
      await store.close();
      await fixture.remove();
    });

    test("reads what a batch wrote, and undefined for what is not there", async () => {
      await store.batch([put("a", "1"), put("b", "ü ✓")], { sync: true });
      expect(store.get("a")).toBe("1");
      expect(store.get("b")).toBe("ü ✓");
      expect(store.get("c")).toBeUndefined();
    });

    test("applies the changes of a batch in order", async () => {
      await store.batch([put("a", "1"), { type: "del", key: "a" }, put("b", "1"), put("b", "2")], { sync: false });
      expect(store.get("a")).toBeUndefined();
      expect(store.get("b")).toBe("2");
    });

    test("a range takes its start, leaves its end, and goes in UTF-8 byte order", async () => {
      await store.batch(
        ["k/b", "k/a", "k/~", "k/é", "j/z", "l/a", "k/\u{1F600}", "k/\uFFFD"].map((key) => put(key)),
        { sync: true },
      );
      expect(keys(await store.range({ gte: "k/", lt: "l/" }))).toEqual(["k/a", "k/b", "k/~", "k/é", "k/\uFFFD", "k/\u{1F600}"]);
      expect(keys(await store.range({ gte: "k/a", lt: "k/b" }))).toEqual(["k/a"]);
    });

    test("a range keeps its limit, also backwards", async () => {
      await store.batch(
        ["1", "2", "3", "4"].map((key) => put(key)),
        { sync: true },
      );
      expect(keys(await store.range({ gte: "1", lt: "9", limit: 2 }))).toEqual(["1", "2"]);
      expect(keys(await store.range({ gte: "1", lt: "9", limit: 2, reverse: true }))).toEqual(["4", "3"]);
      expect(keys(await store.range({ gte: "1", lt: "9", limit: 0 }))).toEqual([]);
    });

    test("a closed store refuses every call with STORE_FAILED", async () => {
      await store.close();
      expect(() => store.get("a")).toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
      await expect(store.range({ gte: "a", lt: "b" })).rejects.toMatchObject({ code: "STORE_FAILED" });
      await expect(store.batch([put("a")], { sync: true })).rejects.toMatchObject({ code: "STORE_FAILED" });
    });

    test("a store that was opened again has every synced batch", async () => {
      await store.batch([put("a")], { sync: true });
      await store.close();
      store = await fixture.open();
      expect(store.get("a")).toBe("a");
    });
  });
}

/** Declares what a store must do that its machine can crash under. */
export function describeCrash(name: string, makeFixture: () => Promise<CrashFixture>): void {
  test(`${name} has every synced batch after a crash, and of the others only a prefix`, async () => {
    const fixture = await makeFixture();
    const store = await fixture.open();
    await store.batch([put("synced")], { sync: true });
    for (let i = 0; i < 5; i++) await store.batch([put(`later/${i}`)], { sync: false });
    const reopened = await fixture.reopenAfterCrash();
    expect(reopened.get("synced")).toBe("synced");
    const survived = keys(await reopened.range({ gte: "later/", lt: "later/~" }));
    expect(survived).toEqual(survived.map((_, i) => `later/${i}`));
    expect(survived.length).toBeLessThan(5);
    await reopened.close();
    await fixture.remove();
  });
}
