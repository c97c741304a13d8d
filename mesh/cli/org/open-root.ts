/** Opens the organisation's root key where `org.json` says that it is. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { GaggleError, systemCode } from "../../contract/errors.ts";
import type { RootSigner } from "../../identity/root-signer.ts";
import { openVaultRoot, type VaultDeps } from "../../identity/vault-root.ts";
import { readOrg, rootSigner } from "./org-folder.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What opening the root key needs of the world. */
export interface RootDeps {
  readonly fetch?: typeof globalThis.fetch;
  readonly env?: Env;
}

/**
 * The root key's signer.
 * @throws GaggleError NOT_FOUND (no key here, where it is said to be in a file, or it is kept on another machine), CONFLICT where it is not this
 *   organisation's, KEYS_LOCKED, UPSTREAM_FAILED
 */
export async function openRoot(dir: string, deps: RootDeps = {}): Promise<RootSigner> {
  const { root, rootFingerprint } = await readOrg(dir);
  const kind = root?.kind ?? "file";
  if (root?.kind === "vault") return openVaultRoot(vaultDeps(deps), root, rootFingerprint);
  if (kind === "file") return rootSigner(dir);
  throw new GaggleError(
    "NOT_FOUND",
    "The root key is on another machine. Write a request with gaggle org sign --request FILE, and sign it there with gaggle org countersign FILE.",
  );
}

/** Vault as the environment says: `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, or the file that `vault login` writes. */
export function vaultDeps({ fetch = globalThis.fetch, env = process.env }: RootDeps): VaultDeps {
  return { fetch, token: () => vaultToken(env) };
}

async function vaultToken(env: Env): Promise<string> {
  const path = env["VAULT_TOKEN_FILE"] ?? join(env["HOME"] || homedir(), ".vault-token");
  const token = env["VAULT_TOKEN"] || (await readIfThere(path))?.trim() || "";
  // Header values with line breaks would be quoted by the error of fetch.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new GaggleError("KEYS_LOCKED", "There is no token for Vault. Run vault login, or set VAULT_TOKEN or VAULT_TOKEN_FILE.");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new GaggleError("KEYS_LOCKED", "The file with Vault's token can't be read; check its rights.", { cause: error });
  }
}
