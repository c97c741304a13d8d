/** The daemon's token sessions: the tenant's keys, and the vault in the daemon's store. */
import { join } from "node:path";
import { createMapVault } from "../../guard/pseudonym/vault/map-vault.ts";
import { createTokenSessions, type TokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Clock, CommitQueue, OrderedStore, Random } from "../contract/ports.ts";
import { openPseudonymKeys, type PseudonymKeys } from "./pseudonym-key.ts";
import { openVaultKeys, type VaultKeyFile } from "./vault-key.ts";

/** What opening needs; the daemon's core has it. */
export interface TokenVaultDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  /** @throws GaggleError BUNDLE_MISSING and its like */
  bundle(): Pick<VerifiedBundle, "manifest" | "guardLists">;
  readonly paths: { readonly keys: string; readonly pseudonymKey: string };
}

/** Token sessions that survive restarts, and the keys behind them. */
export interface TokenVault {
  readonly sessions: TokenSessions;
  readonly pseudonyms: PseudonymKeys;
  readonly keys: VaultKeyFile;
}

/** The people whom the newest bundle's lists name, as one array per bundle; nobody where there is no valid bundle. */
function createPeopleList(bundle: TokenVaultDeps["bundle"]): () => readonly string[] {
  let version: number | undefined;
  let people: readonly string[] = [];
  return () => {
    try {
      const { manifest, guardLists } = bundle();
      if (manifest.version !== version) people = guardLists.deny.filter((list) => list.class === "PERSON").flatMap(({ values }) => values);
      version = manifest.version;
      return people;
    } catch (error) {
      if (error instanceof GaggleError) return people;
      throw error;
    }
  };
}

/** How often maps that nobody opens any more are looked through for expired ones. */
const SWEEP_MS = 3_600_000;

/** Opens the vault. @throws GaggleError NOT_JOINED, CREDENTIAL_INVALID, INVALID_INPUT for a damaged key file */
export async function openTokenVault(deps: TokenVaultDeps): Promise<TokenVault> {
  const { clock, random, paths } = deps;
  const pseudonyms = await openPseudonymKeys(paths.pseudonymKey, clock);
  const keys = await openVaultKeys(join(paths.keys, "vault.json"), random);
  const vault = createMapVault({ ...deps, keys });
  const peopleOf = createPeopleList(deps.bundle);
  const config = {
    get epochs() {
      return pseudonyms.epochs();
    },
    get people() {
      return peopleOf();
    },
  };
  const sessions = createTokenSessions({ clock, random, vault }, config, await vault.list());
  await sessions.sweep();
  const sweepLater = (): void =>
    void clock.after(SWEEP_MS, () => {
      sweepLater();
      // What can't be deleted now is tried again.
      sessions.sweep().catch(() => undefined);
    });
  sweepLater();
  return { sessions, pseudonyms, keys };
}
