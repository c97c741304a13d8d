import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { osKeychain } from "../../mesh/identity/at-rest/keychain.ts";
import { createMemoryKeychain, type MemoryKeychain } from "../support/memory-keychain.ts";
import { keychainContract } from "./keychain.ts";

describe("the keychain of tests", () => {
  let keychain: MemoryKeychain;
  beforeAll(() => {
    keychain = createMemoryKeychain();
  });
  keychainContract(
    () => keychain,
    () => {
      keychain.locked = true;
    },
  );
});

const installed = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program)));
const missing = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"].filter((program) => !installed(program));
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not installed)`;

describe.skipIf(process.platform !== "linux" || missing.length > 0)(`the Secret Service of Linux${why}`, () => {
  let dir: string;
  let bus: ChildProcess;
  let keyring: ChildProcess;
  let env: NodeJS.ProcessEnv;

  /** A bus and a keyring of the test's own: never the user's. */
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "gaggle-keyring-"));
    env = { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_RUNTIME_DIR: dir };
    bus = spawn("dbus-daemon", ["--session", "--nofork", "--print-address=1"], { env, stdio: ["ignore", "pipe", "ignore"] });
    const [address] = (await once(bus.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
    env = { ...env, DBUS_SESSION_BUS_ADDRESS: address.toString().trim() };
    const args = ["--unlock", "--components=secrets", "--foreground", `--control-directory=${dir}`];
    keyring = spawn("gnome-keyring-daemon", args, { env, stdio: ["pipe", "pipe", "ignore"] });
    keyring.stdin?.end("a test's passphrase");
    await once(keyring.stdout as NodeJS.ReadableStream, "data");
    for (let tries = 0; tries < 50 && !(await osKeychain(env).usable()); tries++) await setTimeout(100);
  });
  afterAll(() => {
    keyring.kill("SIGKILL");
    bus.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  });

  keychainContract(
    () => osKeychain(env),
    () => {
      const lock = [
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/aliases/default",
      ];
      execFileSync("dbus-send", ["--session", "--print-reply", "--dest=org.freedesktop.secrets", ...lock], { env });
    },
  );
});

describe.skipIf(process.platform !== "linux")("a Linux machine without a keychain", () => {
  it("is told from one that has it, without a bus, with a dead bus and with one that never answers", async () => {
    const dir = mkdtempSync(join(tmpdir(), "gaggle-bus-"));
    const silent = createServer(() => undefined).listen(join(dir, "bus"));
    await once(silent, "listening");
    const { PATH } = process.env;
    const buses = [`unix:path=${join(dir, "none")}`, `unix:path=${join(dir, "bus")}`];
    const usable = await Promise.all(buses.map((bus) => osKeychain({ PATH, DBUS_SESSION_BUS_ADDRESS: bus }).usable()));
    expect(usable).toEqual([false, false]);
    await expect(osKeychain({ PATH, DBUS_SESSION_BUS_ADDRESS: buses[0] }).get("x")).rejects.toMatchObject({ code: "KEYS_LOCKED" });
    silent.close();
    rmSync(dir, { recursive: true });
  });
});
