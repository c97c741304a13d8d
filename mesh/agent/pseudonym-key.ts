/** The agent's keys for pseudonyms: the first came in the invitation's fragment or, after a sign-in, from a steward, as all later epochs. Source: design, Trust, Pseudonyms. */
import type { EpochKey } from "../../guard/pseudonym/token-sessions.ts";
import { GaggleError } from "../contract/errors.ts";
import { addPseudonymKey, readPseudonymKeys } from "../identity/pseudonym-keys.ts";
import { writeSecretFile } from "../identity/secret-file.ts";

/** Stores the key that came with the invitation, 0600. `key`: 32 bytes, base64url. */
export const writePseudonymKey = (path: string, { epoch, key }: { epoch: number; key: string }): Promise<void> =>
  writeSecretFile(path, { v: 2, epochs: [{ epoch, key, validFrom: 0 }] });

/** The file of a member that signed in: a steward's daemon hands it the first key. */
export const writeNoPseudonymKey = (path: string): Promise<void> => writeSecretFile(path, { v: 2, epochs: [] });

/** The tenant's keys as this agent has them. */
export interface PseudonymKeys {
  /** The newest first. */
  epochs(): readonly EpochKey[];
  /** Reads the file again: an admin's command may have added an epoch. */
  refresh(): Promise<void>;
  /**
   * Stores a further epoch's key and uses it for new sessions from now on. @returns true where it is new
   * @throws GaggleError CONFLICT where this epoch has another key
   */
  add(key: { epoch: number; key: string }): Promise<boolean>;
}

/**
 * Opens the agent's key file.
 * @throws GaggleError NOT_JOINED where there is none, CREDENTIAL_INVALID where others could read it
 */
export async function openPseudonymKeys(path: string, clock: { now(): number }): Promise<PseudonymKeys> {
  const read = async (): Promise<EpochKey[]> => {
    const stored = await readPseudonymKeys(path);
    if (stored === undefined) throw new GaggleError("NOT_JOINED", "The key for pseudonyms is missing. Join again with a new invitation.");
    return stored.map(({ epoch, key }) => ({ epoch, key: Buffer.from(key, "base64url") }));
  };
  let keys = await read();
  return {
    epochs: () => keys,
    refresh: async () => {
      keys = await read();
    },
    add: async (key) => {
      const isNew = await addPseudonymKey(path, key, clock.now());
      if (isNew) keys = await read();
      return isNew;
    },
  };
}
