/**
 * Goose writes each model request as it is before the guard, with every name and number in it, to `llm_request.*.jsonl` (mode 0644) in a folder that
 * others may enter (0755), and has no switch for it. Closing the folder is what can be done from outside. Verified with Goose 1.52.
 */
import { chmodSync, mkdirSync, statSync } from "node:fs";
import type { GoosePaths } from "./goose-paths.ts";
import { ifThere } from "./replace-file.ts";

/** Makes Goose's folders of raw text the user's alone; makes them where Goose has not run yet, since it keeps the mode that it finds. */
export function closeRawFolders({ logs, sessions }: Pick<GoosePaths, "logs" | "sessions">): void {
  if (process.platform === "win32") return;
  for (const folder of [logs, sessions]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
}

/** Those of Goose's folders of raw text that other users can enter. Windows keeps them in the user's own profile. */
export const openRawFolders = ({ logs, sessions }: Pick<GoosePaths, "logs" | "sessions">): string[] =>
  process.platform === "win32" ? [] : [logs, sessions].filter((path) => ((ifThere(() => statSync(path).mode) ?? 0) & 0o077) !== 0);
