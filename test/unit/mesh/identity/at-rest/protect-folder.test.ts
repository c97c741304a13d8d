import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { keepFolderKey, protectionOf } from "../../../../../mesh/identity/at-rest/folder-key.ts";
import { type KeySources, systemKeySources } from "../../../../../mesh/identity/at-rest/key-sources.ts";
import { changeProtection, protectFolder } from "../../../../../mesh/identity/at-rest/protect-folder.ts";
import { readSecretFile, writeSecretFile } from "../../../../../mesh/identity/secret-file.ts";
import { createMemoryKeychain, keySources } from "../../../../support/memory-keychain.ts";
import { tempFolder } from "../../../../support/temp-home.ts";

const SECRETS = { "agent.json": "the-agent-key", "vault.json": "the-vault-key", "model.json": "the-vendor-key" } as const;
const shape = z.strictObject({ key: z.string() });
const PASSPHRASE = "correct horse battery";
const locked = { code: "KEYS_LOCKED" };

// Scrypt takes its time on a busy machine.
describe("keys at rest", { timeout: 60_000 }, () => {
  let dir: string;
  const fill = async (sources: KeySources): Promise<void> => {
    for (const [name, key] of Object.entries(SECRETS)) await writeSecretFile(join(dir, name), { key }, { sources });
  };
  const readAll = async (sources: KeySources, from = dir): Promise<Record<string, string | undefined>> => {
    const names = Object.keys(SECRETS);
    const read = await Promise.all(names.map((name) => readSecretFile(join(from, name), shape, sources)));
    return Object.fromEntries(names.map((name, at) => [name, read[at]?.key]));
  };
  const onDisk = async (): Promise<string> =>
    (await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "utf8")))).join("\n");
  beforeEach(() => {
    dir = join(tempFolder(), "keys");
  });

  const kinds = [
    ["keychain", () => keySources()],
    ["machine", () => keySources({ keychain: { ...createMemoryKeychain(), usable: async () => false } })],
    ["passphrase", () => keySources({ passphrase: async () => PASSPHRASE })],
  ] as const;

  it.each(kinds)("of an earlier version are sealed by %s and read as before, also by another process", async (by, make) => {
    const sources = make();
    await fill(keySources());
    expect(await onDisk()).toContain("the-agent-key");
    expect(await protectFolder(dir, sources)).toEqual({ by, isNew: true });
    for (const secret of Object.values(SECRETS)) expect(await onDisk()).not.toContain(secret);
    expect(await readAll({ ...sources, opened: new Map() })).toEqual(SECRETS);
    expect(await protectFolder(dir, sources)).toEqual({ by, isNew: false });
  });

  it("that are written later are sealed too", async () => {
    const sources = keySources();
    await protectFolder(dir, sources);
    await fill(sources);
    expect(await onDisk()).not.toContain("the-vendor-key");
    expect(await readAll(sources)).toEqual(SECRETS);
  });

  it("lose nothing wherever protecting them is cut off", async () => {
    const keychain = createMemoryKeychain();
    await fill(keySources());
    const cuts: readonly (() => Promise<void>)[] = [
      // The keychain has a key that no file names.
      async () => keychain.set("an-orphan", "x"),
      // The folder has its key, no file is under it yet.
      async () => void (await keepFolderKey(dir, "keychain", keySources({ keychain }))),
      // One file is under it; and a file that was being written lies about.
      async () => {
        await writeSecretFile(join(dir, "agent.json"), { key: "the-agent-key" }, { sources: keySources({ keychain }) });
        await writeFile(join(dir, "vault.json.77.abcd"), '{"key":"half');
      },
    ];
    for (const cut of cuts) {
      await cut();
      expect(await readAll(keySources({ keychain }))).toEqual(SECRETS);
    }
    await protectFolder(dir, keySources({ keychain }));
    expect(await readAll(keySources({ keychain }))).toEqual(SECRETS);
    expect(await onDisk()).not.toContain("the-model-key");
  });

  it("keep what they are where the keychain fails while they are protected", async () => {
    const keychain = createMemoryKeychain();
    await fill(keySources());
    const failing = { ...keychain, set: () => Promise.reject(new Error("no")) };
    await expect(protectFolder(dir, keySources({ keychain: failing, wanted: "keychain" }))).rejects.toThrow("no");
    expect(await protectionOf(dir)).toBe("none");
    expect(await readAll(keySources())).toEqual(SECRETS);
  });

  it("get one key where two programs protect them at once", async () => {
    const keychain = createMemoryKeychain();
    await fill(keySources());
    // The second has seen no key yet and stores its own while the first does all of its work.
    const first = Promise.withResolvers<void>();
    const slow = { ...keychain, set: (account: string, secret: string) => first.promise.then(() => keychain.set(account, secret)) };
    const second = protectFolder(dir, keySources({ keychain: slow }));
    await protectFolder(dir, keySources({ keychain }));
    first.resolve();
    await second;
    expect(await readAll(keySources({ keychain }))).toEqual(SECRETS);
  });

  it("go over to another protection without a file being written anew, and the old one forgets them", async () => {
    const keychain = createMemoryKeychain();
    const sources = keySources({ keychain, passphrase: async () => PASSPHRASE, wanted: "keychain" });
    await fill(sources);
    await protectFolder(dir, sources);
    const before = await readFile(join(dir, "agent.json"), "utf8");
    await changeProtection(dir, "passphrase", sources);
    expect([await protectionOf(dir), await readFile(join(dir, "agent.json"), "utf8"), keychain.entries.size]).toEqual([
      "passphrase",
      before,
      0,
    ]);
    expect(await readAll(keySources({ passphrase: async () => PASSPHRASE }))).toEqual(SECRETS);
  });

  it("stay closed: without the passphrase, with a wrong one, on another machine, with a locked keychain, without its entry", async () => {
    const refused = async (sources: KeySources): Promise<unknown> => readAll(sources).catch((error: unknown) => error);
    await protectFolder(dir, keySources({ passphrase: async () => PASSPHRASE }));
    await fill(keySources({ passphrase: async () => PASSPHRASE }));
    expect(await refused(keySources())).toMatchObject(locked);
    expect(await refused(keySources({ passphrase: async () => "another passphrase" }))).toMatchObject(locked);
    await changeProtection(dir, "machine", keySources({ passphrase: async () => PASSPHRASE }));
    expect(await refused(keySources({ machineKey: async () => new Uint8Array(32) }))).toMatchObject(locked);
    await changeProtection(dir, "keychain", keySources());
    const keychain = createMemoryKeychain();
    expect(await refused(keySources({ keychain }))).toMatchObject(locked);
    keychain.locked = true;
    expect(await refused(keySources({ keychain }))).toMatchObject(locked);
  });

  it("are refused under another file's name, of another folder, altered, or without the folder's protection", async () => {
    const sources = keySources();
    await protectFolder(dir, sources);
    await fill(sources);
    await rename(join(dir, "agent.json"), join(dir, "vault.json"));
    await expect(readSecretFile(join(dir, "vault.json"), shape, sources)).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
    await rm(join(dir, "protection.json"));
    await expect(readSecretFile(join(dir, "model.json"), shape, sources)).rejects.toMatchObject(locked);
    await protectFolder(dir, { ...sources, wanted: "machine" }).catch(() => undefined);
    await expect(readSecretFile(join(dir, "model.json"), shape, sources)).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
  });

  it("take a passphrase from a file or a systemd credential, and want 12 characters of it", async () => {
    const folder = tempFolder();
    await writeFile(join(folder, "gaggle-passphrase"), `${PASSPHRASE}\n`);
    expect(await systemKeySources({ CREDENTIALS_DIRECTORY: folder }).passphrase()).toBe(PASSPHRASE);
    expect(await systemKeySources({ GAGGLE_PASSPHRASE_FILE: join(folder, "gaggle-passphrase") }).passphrase()).toBe(PASSPHRASE);
    await expect(systemKeySources({ GAGGLE_PASSPHRASE_FILE: join(folder, "none") }).passphrase()).rejects.toMatchObject(locked);
    await expect(protectFolder(dir, keySources({ passphrase: async () => "short" }))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(() => systemKeySources({ GAGGLE_KEY_PROTECTION: "magic" })).toThrow("GAGGLE_KEY_PROTECTION");
  });

  it("of a machine are made once, outside of the folder, and not made anew where they are lost", async () => {
    const state = tempFolder();
    const sources = systemKeySources({ XDG_STATE_HOME: state, GAGGLE_KEY_PROTECTION: "machine" });
    const made = await Promise.all([1, 2, 3].map(() => sources.machineKey(true)));
    expect(new Set(made.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    expect(await readdir(join(state, "gaggle"))).toEqual(["machine.key"]);
    await rm(join(state, "gaggle", "machine.key"));
    await expect(sources.machineKey(false)).rejects.toMatchObject(locked);
  });
});
