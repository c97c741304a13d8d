/**
 * An encrypted file of any size, written and read bit by bit: a readable first line, then chunks of AES-256-GCM whose nonces count and say which one
 * is the last, so that nothing can be cut off, moved or left out. docs/decisions/0118-backup-of-an-agent.md
 */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { GaggleError } from "../../contract/errors.ts";

const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const MAX_HEADER_BYTES = 4_096;

const nonceOf = (counter: number, isLast: boolean): Buffer => {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(counter, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
};
const boundTo = (header: string): Buffer => createHash("sha256").update(header).digest();

/**
 * Writes lines. The file appears whole or not at all, readable by its owner alone.
 * @param header one line without a line break; anybody can read it, nobody can change it
 * @param key 32 bytes, for this file alone
 * @throws GaggleError CONFLICT where there is such a file: it may be the only good backup
 */
export async function writeSealed(path: string, header: string, key: Uint8Array, lines: AsyncIterable<string>): Promise<void> {
  if (existsSync(path)) throw new GaggleError("CONFLICT", `${path} exists already; name a new file.`);
  const temporary = `${path}.${process.pid}.part`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.write(`${header}\n`);
    await writeChunks(file, boundTo(header), key, lines);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, path);
}

async function writeChunks(file: FileHandle, bound: Buffer, key: Uint8Array, lines: AsyncIterable<string>): Promise<void> {
  let counter = 0;
  const write = async (plain: Buffer, isLast: boolean): Promise<void> => {
    const cipher = createCipheriv("aes-256-gcm", key, nonceOf(counter++, isLast));
    cipher.setAAD(bound);
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(sealed.length);
    await file.write(Buffer.concat([size, sealed]));
  };
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const line of lines) {
    waiting.push(Buffer.from(`${line}\n`));
    bytes += waiting.at(-1)?.length ?? 0;
    if (bytes < CHUNK_BYTES) continue;
    await write(Buffer.concat(waiting), false);
    [waiting, bytes] = [[], 0];
  }
  await write(Buffer.concat(waiting), true);
}

const damaged = (cause?: unknown): GaggleError =>
  new GaggleError("CREDENTIAL_INVALID", "The backup does not open: the passphrase is wrong, or the file was altered or cut off.", {
    cause,
  });

/** The first line of such a file. @throws GaggleError NOT_FOUND, INVALID_INPUT where it is none */
export async function readHeader(path: string): Promise<string> {
  const file = await openBackup(path);
  try {
    return (await headerOf(file)).text;
  } finally {
    await file.close();
  }
}

/** The lines of such a file, each after its chunk was checked. @throws GaggleError CREDENTIAL_INVALID, NOT_FOUND, INVALID_INPUT */
export async function* readSealed(path: string, key: Uint8Array): AsyncGenerator<string> {
  const file = await openBackup(path);
  try {
    const { text, end } = await headerOf(file);
    let rest = "";
    for await (const plain of chunksOf(file, end, boundTo(text), key)) {
      const parts = (rest + plain.toString("utf8")).split("\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
    if (rest !== "") throw damaged();
  } finally {
    await file.close();
  }
}

async function* chunksOf(file: FileHandle, from: number, bound: Buffer, key: Uint8Array): AsyncGenerator<Buffer> {
  const { size: total } = await file.stat();
  let at = from;
  for (let counter = 0; at < total; counter++) {
    const length = (await readAt(file, at, 4)).readUInt32BE();
    if (length < TAG_BYTES || at + 4 + length > total) throw damaged();
    const sealed = await readAt(file, at + 4, length);
    at += 4 + length;
    yield openChunk(sealed, nonceOf(counter, at === total), bound, key);
  }
  if (at === from) throw damaged();
}

function openChunk(sealed: Buffer, nonce: Buffer, bound: Buffer, key: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(bound);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw damaged(cause);
  }
}

async function openBackup(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new GaggleError("NOT_FOUND", "The backup can't be read; check its path and rights.", { cause });
  }
}

async function headerOf(file: FileHandle): Promise<{ text: string; end: number }> {
  const { size } = await file.stat();
  const start = await readAt(file, 0, Math.min(size, MAX_HEADER_BYTES));
  const end = start.indexOf(10);
  if (end < 0) throw new GaggleError("INVALID_INPUT", "This is no backup of Gaggle's.");
  return { text: start.toString("utf8", 0, end), end: end + 1 };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw damaged();
  return buffer;
}
