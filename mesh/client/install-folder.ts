/** Where Gaggle is installed: in a clone, a global or a local npm install. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { GaggleError } from "../contract/errors.ts";

/**
 * Gaggle's install folder: the nearest folder above a module that has the `gaggle` program.
 * @param moduleUrl `import.meta.url` of the asking program, in the sources or in `dist/`
 */
export function installFolder(moduleUrl: string): string {
  for (let folder = dirname(fileURLToPath(moduleUrl)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "bin", "gaggle.js"))) return folder;
    if (folder === dirname(folder)) throw new GaggleError("INTERNAL", "Gaggle's own folder is incomplete. Install Gaggle again.");
  }
}
