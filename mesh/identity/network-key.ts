/** The optional pre-shared key of the network: who does not have it can't even begin a handshake. One secret for all, so it comes beside membership and not in its place. */
import { z } from "zod";
import { readSecretFile } from "./secret-file.ts";

const networkKey = z.strictObject({ v: z.literal(1), key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

/**
 * Reads the key from its file, `{"v":1,"key":"<32 bytes, base64url>"}`; undefined where there is none: then the network has no such key.
 * @throws GaggleError CREDENTIAL_INVALID where others can read it, INVALID_INPUT where it is damaged
 */
export async function readNetworkKey(path: string): Promise<Uint8Array | undefined> {
  const file = await readSecretFile(path, networkKey);
  return file === undefined ? undefined : new Uint8Array(Buffer.from(file.key, "base64url"));
}
