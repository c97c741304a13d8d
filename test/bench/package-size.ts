/** Size of what `npm pack` makes. Packed from a copy of the clone as it is, so that a build for packing takes nothing from running programs. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);
const KIB = 1_024;

/** Size of the package and how many files are in it. */
export interface PackageSize {
  readonly packedKiB: number;
  readonly unpackedKiB: number;
  readonly files: number;
}

const packReport = z.object({ size: z.number(), unpackedSize: z.number(), entryCount: z.number() });

/** Packs the clone. @param folder a temporary one */
export async function measurePackageSize(clone: string, folder: string): Promise<PackageSize> {
  const copy = join(folder, "copy");
  for (const file of await filesOf(clone)) await cp(join(clone, file), join(copy, file));
  await symlink(join(clone, "node_modules"), join(copy, "node_modules"), "junction");
  await run(process.execPath, [join(copy, "scripts", "build.mjs"), "--strict", "--clean"], { cwd: copy });
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: copy,
    shell: process.platform === "win32",
  });
  const [report] = z.tuple([packReport]).parse(packed(JSON.parse(stdout)));
  return { packedKiB: report.size / KIB, unpackedKiB: report.unpackedSize / KIB, files: report.entryCount };
}

/** The files of a clone that git does not ignore, without those that were deleted and are still tracked. */
async function filesOf(clone: string): Promise<string[]> {
  const { stdout } = await run("git", ["-C", clone, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  return stdout.split("\0").filter((file) => file !== "" && existsSync(join(clone, file)));
}

/** Some versions of npm answer a list, others an object by package name. */
const packed = (answer: unknown): unknown =>
  Array.isArray(answer) ? answer : Object.values(z.record(z.string(), z.unknown()).parse(answer));
