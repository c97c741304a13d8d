/** A key from a passphrase: scrypt (RFC 7914), for whatever is kept on disk under a person's passphrase. */
import { scrypt } from "node:crypto";
import { z } from "zod";

/** Shortest passphrase, in characters: what it protects can be attacked offline. */
export const MIN_PASSPHRASE_LENGTH = 12;
/** Memory that node:crypto may use for it, in bytes. */
const MAX_MEMORY_BYTES = 268_435_456;

/** What is stored beside the ciphertext. Bounded from both sides: too cheap would be guessed, too dear would exhaust the machine. */
export const scryptParameters = z.strictObject({
  name: z.literal("scrypt"),
  N: z.literal([32_768, 65_536, 131_072]),
  r: z.literal(8),
  p: z.int().min(1).max(4),
  salt: z.string().regex(/^[A-Za-z0-9_-]{22}$/),
});
/** What is stored beside the ciphertext. */
export type ScryptParameters = z.infer<typeof scryptParameters>;

/** Parameters for a new key: 128 MiB and a few tenths of a second a guess. @param salt 16 random bytes @param cost less of it for tests alone */
export const newScryptParameters = (salt: Uint8Array, cost: ScryptParameters["N"] = 131_072): ScryptParameters => ({
  name: "scrypt",
  N: cost,
  r: 8,
  p: 1,
  salt: Buffer.from(salt).toString("base64url"),
});

/** The 32-byte key. The passphrase is normalised (NFKC), so that the same one typed on another keyboard is the same. */
export function keyFromPassphrase(passphrase: string, { N, r, p, salt }: ScryptParameters): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFKC"), Buffer.from(salt, "base64url"), 32, { N, r, p, maxmem: MAX_MEMORY_BYTES }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
