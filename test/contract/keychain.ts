/** What every keychain does. */
import { expect, it } from "vitest";
import type { Keychain } from "../../mesh/identity/at-rest/keychain.ts";

/** @param lock makes the keychain need a person */
export function keychainContract(open: () => Keychain, lock: () => Promise<void> | void): void {
  it("can be used, keeps secrets under their names, and gives nothing for other names", async () => {
    const keychain = open();
    expect(await keychain.usable()).toBe(true);
    await keychain.set("one", "first");
    await keychain.set("two", "second");
    await keychain.set("one", "third");
    expect([await keychain.get("one"), await keychain.get("two"), await keychain.get("three")]).toEqual(["third", "second", undefined]);
  });

  it("forgets what is removed, and takes a second removal", async () => {
    const keychain = open();
    await keychain.set("gone", "x");
    await keychain.remove("gone");
    await keychain.remove("gone");
    expect(await keychain.get("gone")).toBeUndefined();
  });

  it("that is locked says so and asks nobody", async () => {
    const keychain = open();
    await lock();
    expect(await keychain.usable()).toBe(false);
    await expect(keychain.get("one")).rejects.toMatchObject({ code: "KEYS_LOCKED" });
    await expect(keychain.set("one", "x")).rejects.toMatchObject({ code: "KEYS_LOCKED" });
  });
}
