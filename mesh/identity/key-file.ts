/** The agent's keys on disk: `keys/agent.json` of its home. */
import { join } from "node:path";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import type { Random } from "../contract/ports.ts";
import { type AgentKeys, createSigner, ed25519PrivateJwk, type Ed25519PrivateJwk, generateAgentKeys, x25519PrivateJwk } from "./keys.ts";
import { readSecretFile, writeSecretFile } from "./secret-file.ts";

const agentFile = z.strictObject({ v: z.literal(1), sign: ed25519PrivateJwk, seal: x25519PrivateJwk });
const signingFile = z.strictObject({ v: z.literal(1), key: ed25519PrivateJwk });

/** Path of an agent's key file in its folder `keys`. */
export const agentKeyPath = (keysDir: string): string => join(keysDir, "agent.json");

/**
 * Reads the agent's keys.
 * @param keysDir the folder `keys` of the agent's home
 * @throws GaggleError NOT_JOINED where there are none, CREDENTIAL_INVALID where others could read them or they don't fit together
 */
export async function readAgentKeys(keysDir: string): Promise<AgentKeys> {
  const keys = await readSecretFile(agentKeyPath(keysDir), agentFile);
  if (keys === undefined) {
    throw new GaggleError("NOT_JOINED", `There is no agent key in ${keysDir}. Join with: gaggle join <invitation>`);
  }
  createSigner(keys.sign);
  return { sign: keys.sign, seal: keys.seal };
}

/** The agent's keys; made and stored first where there are none. An existing file is never replaced. */
export async function ensureAgentKeys(keysDir: string, random: Random): Promise<AgentKeys> {
  if ((await readSecretFile(agentKeyPath(keysDir), agentFile)) !== undefined) return readAgentKeys(keysDir);
  const keys = generateAgentKeys(random);
  await writeSecretFile(agentKeyPath(keysDir), { v: 1, ...keys });
  return keys;
}

/**
 * Reads a single signing key (root, admin, issuer).
 * @param what names the key in the error, for example "root key"
 * @throws GaggleError NOT_FOUND, CREDENTIAL_INVALID
 */
export async function readSigningKey(path: string, what: string): Promise<Ed25519PrivateJwk> {
  const found = await readSecretFile(path, signingFile);
  if (found === undefined)
    throw new GaggleError("NOT_FOUND", `There is no ${what} at ${path}; name the right folder or restore it from a backup.`);
  createSigner(found.key);
  return found.key;
}

/** Stores a single signing key. @throws GaggleError CONFLICT where there is one already: keys are never replaced */
export async function writeSigningKey(path: string, key: Ed25519PrivateJwk): Promise<void> {
  if ((await readSecretFile(path, signingFile)) !== undefined) {
    throw new GaggleError("CONFLICT", `There is a key at ${path} already, and keys are never overwritten; choose another folder.`);
  }
  await writeSecretFile(path, { v: 1, key });
}
