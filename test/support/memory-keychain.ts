/** A keychain in memory that can be locked; passes the same contract as the system's. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { KeySources } from "../../mesh/identity/at-rest/key-sources.ts";
import type { Keychain } from "../../mesh/identity/at-rest/keychain.ts";

/** A keychain whose entries a test can see. */
export interface MemoryKeychain extends Keychain {
  readonly entries: Map<string, string>;
  locked: boolean;
}

/** Makes one. */
export function createMemoryKeychain(): MemoryKeychain {
  const entries = new Map<string, string>();
  const open = (): Map<string, string> => {
    if (keychain.locked) throw new GaggleError("KEYS_LOCKED", "The system's keychain is locked.");
    return entries;
  };
  const keychain: MemoryKeychain = {
    entries,
    locked: false,
    usable: async () => !keychain.locked,
    get: async (account) => open().get(account),
    set: async (account, secret) => void open().set(account, secret),
    remove: async (account) => void open().delete(account),
  };
  return keychain;
}

/** Sources of a process of its own: nothing opened yet, and as little of the machine as a test says. */
export const keySources = (given: Partial<KeySources> = {}): KeySources => ({
  keychain: createMemoryKeychain(),
  wanted: undefined,
  passphrase: async () => undefined,
  machineKey: async () => new Uint8Array(32).fill(7),
  opened: new Map(),
  scryptCost: 32_768,
  ...given,
});
