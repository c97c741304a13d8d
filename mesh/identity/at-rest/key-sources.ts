/** Where the key of a folder can be kept: the system's keychain, a passphrase, or a file of this machine outside the folder. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { GaggleError } from "../../contract/errors.ts";
import { ensurePrivateFile, readPrivateText } from "../../store/private-file.ts";
import type { ScryptParameters } from "../passphrase-key.ts";
import { type Keychain, osKeychain } from "./keychain.ts";

/** How a folder's key is kept. `none`: its files lie plain, readable by their owner alone. */
export const PROTECTIONS = ["keychain", "passphrase", "machine", "none"] as const;
/** How a folder's key is kept. */
export type Protection = (typeof PROTECTIONS)[number];

/** What a process can open keys with. */
export interface KeySources {
  readonly keychain: Keychain;
  /** The passphrase that this process was given; undefined where it was given none. */
  passphrase(): Promise<string | undefined>;
  /** This machine's key, 32 bytes. @param make makes it where it is missing @throws GaggleError KEYS_LOCKED where it is missing */
  machineKey(make: boolean): Promise<Uint8Array>;
  /** What was asked for; undefined takes the best that works. */
  readonly wanted: Protection | undefined;
  /** Cost of a new passphrase's key; the usual one where left out. */
  readonly scryptCost?: ScryptParameters["N"];
  /** Keys that were opened already, by their ids, so that scrypt and keychains are asked once. Ids are random, so an entry is never out of date. */
  readonly opened: Map<string, Promise<Uint8Array>>;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The sources of this system.
 * @param env `GAGGLE_KEY_PROTECTION` (auto, keychain, passphrase, machine, none); `GAGGLE_PASSPHRASE_FILE`, or a systemd credential `gaggle-passphrase`
 * @throws GaggleError INVALID_INPUT for another protection
 */
export function systemKeySources(env: Env): KeySources {
  return {
    keychain: osKeychain(env),
    wanted: readWanted(env["GAGGLE_KEY_PROTECTION"]),
    passphrase: () => readPassphraseFile(env),
    machineKey: (make) => readMachineKey(machineKeyPath(env), make),
    opened: new Map(),
  };
}

let own: KeySources | undefined;

/** This process's sources; one for all, so that each key is worked out once. @throws as {@link systemKeySources} */
export const processKeySources = (): KeySources => (own ??= systemKeySources(process.env));

function readWanted(text: string | undefined): Protection | undefined {
  if (text === undefined || text === "" || text === "auto") return undefined;
  const found = PROTECTIONS.find((name) => name === text);
  if (found === undefined) throw new GaggleError("INVALID_INPUT", `GAGGLE_KEY_PROTECTION is auto, ${PROTECTIONS.join(", ")}.`);
  return found;
}

async function readPassphraseFile(env: Env): Promise<string | undefined> {
  const credentials = env["CREDENTIALS_DIRECTORY"];
  const given = credentials === undefined ? undefined : join(credentials, "gaggle-passphrase");
  const path = env["GAGGLE_PASSPHRASE_FILE"] || (given !== undefined && existsSync(given) ? given : undefined);
  if (path === undefined) return undefined;
  try {
    return (await readFile(path, "utf8")).split(/\r?\n/, 1)[0];
  } catch (cause) {
    throw new GaggleError("KEYS_LOCKED", "The passphrase's file can't be read. Check GAGGLE_PASSPHRASE_FILE and the file's rights.", {
      cause,
    });
  }
}

/** Where this machine's key lies: beside other state of the user's programs, never in a folder of Gaggle's that is copied or carried. */
function machineKeyPath(env: Env): string {
  const local = env["LOCALAPPDATA"];
  if (process.platform === "win32" && local !== undefined && local !== "") return join(local, "gaggle-machine", "machine.key");
  const state = env["XDG_STATE_HOME"];
  const folder = state !== undefined && isAbsolute(state) ? state : join(env["HOME"] || homedir(), ".local", "state");
  return join(folder, "gaggle", "machine.key");
}

async function readMachineKey(path: string, make: boolean): Promise<Uint8Array> {
  if (make) await ensurePrivateFile(path, randomBytes(32).toString("base64url"));
  const text = await readPrivateText(path);
  const key = Buffer.from(text?.trim() ?? "", "base64url");
  if (key.length === 32) return key;
  throw new GaggleError(
    "KEYS_LOCKED",
    `This machine's key is missing or damaged (${path}). Restore it, or bring the keys back with: gaggle recover`,
  );
}
