/**
 * The system's keychain: Keychain on macOS, Credential Manager on Windows, the Secret Service (GNOME Keyring, KWallet) on Linux; by
 * `@napi-rs/keyring` in a process of its own, since its calls block, a locked keychain can make them wait for a person for ever, and native code
 * has no place in the daemon. docs/decisions/0110-keys-at-rest.md
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { z } from "zod";
import { GaggleError } from "../../contract/errors.ts";
import { parseJson } from "../../contract/json.ts";

/** Stores small secrets under names. Every implementation passes `test/contract/keychain.ts`. */
export interface Keychain {
  /** Whether it can be used now without asking a person anything. Never throws, never waits for long. */
  usable(): Promise<boolean>;
  /** The secret, or undefined where there is none. @throws GaggleError KEYS_LOCKED */
  get(account: string): Promise<string | undefined>;
  /** Stores it and reads it again. @throws GaggleError KEYS_LOCKED */
  set(account: string, secret: string): Promise<void>;
  /** Deletes it; one that isn't there changes nothing. @throws GaggleError KEYS_LOCKED */
  remove(account: string): Promise<void>;
}

const SERVICE = "gaggle";
/** A keychain that takes longer waits for a person. */
const TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 3_000;

/** The other process. The secret comes and goes by pipes: arguments and environment can be seen by others. */
const HELPER = `
const [, path, platform] = process.argv;
let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  try {
    const { Entry } = require(path);
    const { op, service, account, secret } = JSON.parse(text);
    // Without this the kernel's keyring would do, which forgets everything when the machine restarts.
    const entry = new Entry(service, account, platform === "linux" ? { linux: { store: "secret-service" } } : undefined);
    if (op === "set") entry.setPassword(secret);
    if (op === "remove") entry.deleteCredential();
    const found = op === "remove" ? null : entry.getPassword();
    process.stdout.write(JSON.stringify({ ok: true, secret: found }));
  } catch {
    process.stdout.write(JSON.stringify({ ok: false }));
  }
});`;

const answer = z.object({ ok: z.boolean(), secret: z.string().nullish() });
type Request = { readonly op: "get" | "set" | "remove"; readonly account: string; readonly secret?: string };

/**
 * The keychain of this system and user.
 * @param env of this process; where it names no session bus, the user's own is looked for
 */
export function osKeychain(env: Readonly<Record<string, string | undefined>>): Keychain {
  const surroundings = withSessionBus(env);
  const run = async (request: Request): Promise<string | undefined> => {
    if (!(await isOpen(surroundings))) throw locked();
    const given = await askHelper(surroundings, request);
    if (!given.ok) throw locked();
    return given.secret ?? undefined;
  };
  return {
    async usable() {
      try {
        const account = `probe-${process.pid}`;
        await run({ op: "set", account, secret: "probe" });
        await run({ op: "remove", account });
        return true;
      } catch {
        return false;
      }
    },
    get: (account) => run({ op: "get", account }),
    async set(account, secret) {
      if ((await run({ op: "set", account, secret })) !== secret) throw locked();
    },
    remove: async (account) => void (await run({ op: "remove", account })),
  };
}

const locked = (): GaggleError =>
  new GaggleError("KEYS_LOCKED", "The system's keychain is locked or can't be reached. Unlock it (log in to the desktop), then try again.");

function askHelper(env: NodeJS.ProcessEnv, request: Request): Promise<z.infer<typeof answer>> {
  const path = createRequire(import.meta.url).resolve("@napi-rs/keyring");
  return new Promise((resolve, reject) => {
    const args = ["--input-type=commonjs", "-e", HELPER, path, process.platform];
    const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "ignore"], timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.once("error", reject);
    child.once("close", () => {
      const parsed = text === "" ? undefined : answer.safeParse(parseJson(text, "The keychain's answer"));
      resolve(parsed?.success === true ? parsed.data : { ok: false });
    });
    child.stdin.on("error", () => undefined).end(JSON.stringify({ ...request, service: SERVICE }));
  });
}

/** Programs of Linux desktops that can ask the bus, and what they are asked: whether the default collection is locked. */
const COLLECTION = "/org/freedesktop/secrets/aliases/default";
const DBUS_SEND = ["--session", "--print-reply=literal", "--reply-timeout=2500", "--dest=org.freedesktop.secrets", COLLECTION];
const LOCK_QUESTIONS: readonly (readonly [program: string, args: readonly string[]])[] = [
  ["dbus-send", [...DBUS_SEND, "org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked"]],
  ["busctl", ["--user", "get-property", "org.freedesktop.secrets", COLLECTION, "org.freedesktop.Secret.Collection", "Locked"]],
];

/** Whether it answers without a person. Reading a locked collection of the Secret Service would open a dialog, so that is asked first. */
async function isOpen(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (process.platform !== "linux") return true;
  if (env["DBUS_SESSION_BUS_ADDRESS"] === undefined) return false;
  for (const [program, args] of LOCK_QUESTIONS) {
    const said = await output(program, args, env);
    if (said !== undefined) return /\bfalse\b/.test(said);
  }
  return false;
}

/** What a program says; empty where it failed, undefined where it is not installed. */
const output = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> =>
  new Promise((resolve) => {
    execFile(program, args, { env, timeout: LOCK_TIMEOUT_MS, killSignal: "SIGKILL" }, (error, stdout) =>
      resolve(error === null ? stdout : error.code === "ENOENT" ? undefined : ""),
    );
  });

/** A daemon that Goose started may lack the variable although the user has a session. */
function withSessionBus(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const bus = `/run/user/${process.getuid?.() ?? 0}/bus`;
  if (process.platform !== "linux" || env["DBUS_SESSION_BUS_ADDRESS"] !== undefined || !existsSync(bus)) return { ...env };
  return { ...env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${bus}` };
}
