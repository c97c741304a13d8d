/** Files of a task, as an unattended run finds them: read-only, in a folder of its own, under names that are safe on every system. */
import { chmod, mkdir } from "node:fs/promises";
import { extname, join } from "node:path";

/** Folder in the run's working folder. */
export const FILES_FOLDER = "files";
/** Longest name of a file; what was longer keeps its ending. */
const MAX_NAME_CHARS = 100;
/** Longest ending that is taken for one. */
const MAX_ENDING_CHARS = 12;

/** A file that hangs on a task and is on this machine. */
export interface RunFile {
  /** As its sender named it. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** Writes it to a path at which there is nothing yet. */
  copyTo(path: string): Promise<void>;
}

/** A file as the run is told of it. */
export interface PlacedFile {
  /** Relative to the working folder. */
  readonly path: string;
  readonly mediaType: string;
  readonly bytes: number;
}

/** Names that Windows keeps for devices, whatever their ending. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** A name of letters, digits and a few signs, which is no option, no hidden file and no device; it is never empty. */
export function safeFileName(name: string): string {
  const plain = name
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{N}._ ()-]+/gu, "_")
    .replace(/^[.\s-]+/, "")
    .replace(/[.\s]+$/, "");
  const ending = extname(plain).slice(0, MAX_ENDING_CHARS);
  const stem = plain.slice(0, plain.length - extname(plain).length);
  const short = stem.slice(0, MAX_NAME_CHARS - ending.length).trimEnd();
  // Cutting may have halved a character, or left a space or dot at the end.
  const safe = `${short}${ending}`.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/g, "").replace(/[.\s]+$/, "");
  return safe === "" || DEVICE.test(safe) ? `file_${safe}` : safe;
}

/** Safe names for all, no two alike where the case of letters does not count. */
export function safeFileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const safe = safeFileName(name);
    const ending = extname(safe);
    const stem = safe.slice(0, safe.length - ending.length);
    let free = safe;
    for (let count = 2; taken.has(free.toLowerCase()); count++) free = `${stem} (${count})${ending}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

/** Writes the files into the run's working folder; neither they nor their folder can be written to by the run then. */
export async function placeFiles(cwd: string, files: readonly RunFile[]): Promise<PlacedFile[]> {
  if (files.length === 0) return [];
  const folder = join(cwd, FILES_FOLDER);
  await mkdir(folder, { mode: 0o700 });
  const names = safeFileNames(files.map(({ name }) => name));
  const placed: PlacedFile[] = [];
  for (const [i, { mediaType, bytes, copyTo }] of files.entries()) {
    const name = names[i] ?? "";
    await copyTo(join(folder, name));
    await chmod(join(folder, name), 0o400);
    placed.push({ path: `${FILES_FOLDER}/${name}`, mediaType, bytes });
  }
  await chmod(folder, 0o500);
  return placed;
}

/** Lets the working folder be deleted again. */
export const releaseFiles = (cwd: string): Promise<void> => chmod(join(cwd, FILES_FOLDER), 0o700).catch(() => undefined);
