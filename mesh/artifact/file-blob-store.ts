/** Blobs as files under one folder that only its user can read: `aa/<sha256>`, its chunk hashes beside it, and what is not whole yet under `partial/`. */
import { chmod, type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GaggleError, ifThere, systemCode } from "../contract/errors.ts";
import type { BlobStore, PartialBlob } from "../contract/ports.ts";

const NAME = /^[0-9a-f]{64}$/;

const absent = (cause: unknown): GaggleError => new GaggleError("NOT_FOUND", "This artifact is not on this machine.", { cause });

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Makes what was written and renamed in a folder durable. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Opens (or makes) the folder, 0700; files are 0600. */
export async function openFileBlobStore(dir: string): Promise<BlobStore> {
  const partialDir = join(dir, "partial");
  await mkdir(partialDir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  const pathOf = (sha256: string): string => {
    if (!NAME.test(sha256)) throw new GaggleError("INVALID_INPUT", "This is no SHA-256 hash.");
    return join(dir, sha256.slice(0, 2), sha256);
  };
  const listPathOf = (sha256: string): string => `${pathOf(sha256)}.chunks`;
  const partialPathOf = (sha256: string): string => join(partialDir, pathOf(sha256).slice(-64));

  const taken = new Map<string, Promise<void>>();

  /** One at a time writes a blob: two that bring the same content would write into each other's file. @returns lets the next one in */
  const take = async (sha256: string): Promise<() => void> => {
    for (let other = taken.get(sha256); other !== undefined; other = taken.get(sha256)) await other;
    const { promise, resolve } = Promise.withResolvers<void>();
    taken.set(sha256, promise);
    return () => {
      taken.delete(sha256);
      resolve();
    };
  };

  const takePartial = async (sha256: string): Promise<PartialBlob> => {
    const path = partialPathOf(sha256);
    const release = await take(sha256);
    try {
      return await openPartial(path, sha256, release);
    } catch (error) {
      release();
      throw error;
    }
  };

  const openPartial = async (path: string, sha256: string, release: () => void): Promise<PartialBlob> => {
    // Opened for appending, so that it is made where it is not there and never emptied.
    const file = await open(path, "a+", 0o600);
    let { size: bytes } = await file.stat();
    return {
      get bytes() {
        return bytes;
      },
      read: (offset, length) => readAt(file, offset, length),
      async append(chunk) {
        await file.appendFile(chunk);
        bytes += chunk.byteLength;
      },
      async truncate(length) {
        await file.truncate(length);
        bytes = length;
      },
      async finish(chunks) {
        const target = pathOf(sha256);
        try {
          await file.sync();
          await file.close();
          await mkdir(dirname(target), { recursive: true, mode: 0o700 });
          const list = await open(listPathOf(sha256), "w", 0o600);
          await list.writeFile(chunks);
          await list.sync();
          await list.close();
          await rename(path, target);
          await syncFolder(dirname(target));
        } finally {
          release();
        }
      },
      close: () => file.close().finally(release),
    };
  };

  const listFolder = async (folder: string, whole: boolean) => {
    const names = ((await ifThere(readdir(folder))) ?? []).filter((name) => NAME.test(name));
    const sizes = await Promise.all(names.map((name) => ifThere(stat(join(folder, name)))));
    return names.flatMap((sha256, i) =>
      sizes[i] === undefined ? [] : [{ sha256, bytes: sizes[i].size, whole, changedAt: sizes[i].mtimeMs }],
    );
  };

  return {
    size: async (sha256) => (await ifThere(stat(pathOf(sha256))))?.size,
    async read(sha256, offset, length) {
      const file = await open(pathOf(sha256), "r").catch((error: unknown) => {
        throw systemCode(error) === "ENOENT" ? absent(error) : error;
      });
      try {
        return await readAt(file, offset, length);
      } finally {
        await file.close();
      }
    },
    async chunks(sha256) {
      const list = await ifThere(readFile(listPathOf(sha256)));
      if (list === undefined) throw absent(undefined);
      return list;
    },
    partial: takePartial,
    async remove(sha256) {
      for (const path of [pathOf(sha256), listPathOf(sha256), partialPathOf(sha256)]) await rm(path, { force: true });
    },
    async list() {
      const folders = (await readdir(dir)).filter((name) => /^[0-9a-f]{2}$/.test(name));
      const whole = await Promise.all(folders.map((name) => listFolder(join(dir, name), true)));
      return [...whole.flat(), ...(await listFolder(partialDir, false))];
    },
  };
}
