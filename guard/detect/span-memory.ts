/**
 * What was found, kept across restarts for texts that came more than once, such as Goose's system prompt and its tool definitions: keyed hashes of
 * texts and spans in them, never a text or a value. Encrypted and authenticated by AES-256-GCM under a key of the agent.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { dataClass } from "../../mesh/contract/data-class.ts";

const span = z.tuple([z.int().min(0), z.int().min(0), dataClass, z.number(), z.string().max(60)]);
const blockSpan = z.tuple([z.int().min(0), z.int().min(0), dataClass, z.number()]);

/** Content of the file, before it is encrypted. */
const spanMemory = z.object({
  v: z.literal(1),
  /** By key of the text: its spans, and its {@link wordHashes} as base64 of 32-bit numbers. */
  texts: z.array(z.tuple([z.string().max(60), z.array(span), z.string()])),
  /** By key of a block of text: what the model found in it. */
  blocks: z.array(z.tuple([z.string().max(60), z.array(blockSpan)])),
});
/** What is kept of texts and of blocks of them. */
export type SpanMemory = z.infer<typeof spanMemory>;

/** What the model found in a block of text: offsets from the block's start, class, certainty. */
export type BlockSpan = z.infer<typeof blockSpan>;

/** Keys for what is made of one secret. */
export interface MemoryKeys {
  /** Keys the hashes of texts. */
  readonly hash: Uint8Array;
  /** Encrypts the file. */
  readonly file: Uint8Array;
}

const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Derives the keys. @param secret at least 32 bytes */
export const memoryKeys = (secret: Uint8Array): MemoryKeys => ({
  hash: new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(), "gaggle span memory: hashes", 32)),
  file: new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(), "gaggle span memory: file", 32)),
});

/** Encrypts the memory: base64 of IV, ciphertext and tag. */
export function sealMemory(memory: SpanMemory, key: Uint8Array): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv);
  const sealed = [cipher.update(JSON.stringify(memory), "utf8"), cipher.final()];
  return Buffer.concat([iv, ...sealed, cipher.getAuthTag()]).toString("base64");
}

/** Reads an encrypted memory. Undefined for one that is damaged, of another key or of another shape: then all is looked at anew. */
export function openMemory(sealed: string, key: Uint8Array): SpanMemory | undefined {
  try {
    const bytes = Buffer.from(sealed, "base64");
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
    return spanMemory.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
