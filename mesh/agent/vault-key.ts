/**
 * The keys of the guard's own store of values, `keys/vault.json`: one wraps the keys of token maps, one makes the tokens of payloads that leave for
 * another department. docs/decisions/0063-token-vault.md, 0110-keys-at-rest.md
 */
import { z } from "zod";
import type { VaultKeys } from "../../guard/pseudonym/vault/map-vault.ts";
import type { Random } from "../contract/ports.ts";
import { readSecretFile, writeSecretFile } from "../identity/secret-file.ts";

const keyText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const vaultFile = z.strictObject({ v: z.literal(1), vault: keyText, boundary: keyText });

/** The keys of one agent's guard. */
export interface VaultKeyFile extends VaultKeys {
  /** Key for tokens of payloads to other departments, 32 bytes. Only this agent has it. */
  boundary(): Uint8Array;
}

/**
 * Reads the keys; makes them at the first start.
 * @throws GaggleError CREDENTIAL_INVALID where others could read them, INVALID_INPUT where the file is damaged
 */
export async function openVaultKeys(path: string, random: Random): Promise<VaultKeyFile> {
  const fresh = (): string => Buffer.from(random.bytes(32)).toString("base64url");
  let keys = await readSecretFile(path, vaultFile);
  const write = async (made: z.infer<typeof vaultFile>): Promise<void> => {
    await writeSecretFile(path, made);
    keys = made;
  };
  if (keys === undefined) await write({ v: 1, vault: fresh(), boundary: fresh() });
  const read = (name: "vault" | "boundary"): Uint8Array => Buffer.from(keys?.[name] ?? "", "base64url");
  return {
    current: () => read("vault"),
    boundary: () => read("boundary"),
    replace: () => write({ v: 1, vault: fresh(), boundary: fresh() }),
  };
}
