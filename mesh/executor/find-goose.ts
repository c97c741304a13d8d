/** Finds the Goose binary. */
import { accessSync, constants, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { GaggleError } from "../contract/errors.ts";

/** Where to look for Goose. */
export interface GoosePlaces {
  /** Path from Gaggle's configuration, if any. */
  readonly configured?: string | undefined;
  /** Environment of the process; `GAGGLE_GOOSE` and `PATH` are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder from which npm packages are looked up. */
  readonly installDir: string;
  readonly platform?: NodeJS.Platform;
  readonly arch?: string;
}

/**
 * Absolute path of Goose: the configured one, `GAGGLE_GOOSE`, the first on `PATH`, or the npm package `@aaif/goose-binary-*`.
 * A path that was named but is no program is an error, so that no other Goose runs than the one asked for.
 * @throws GaggleError GOOSE_MISSING
 */
export function findGoose({ configured, env, installDir, platform = process.platform, arch = process.arch }: GoosePlaces): string {
  const named = configured ?? env["GAGGLE_GOOSE"];
  if (named !== undefined && named !== "") {
    if (isProgram(named)) return named;
    throw new GaggleError(
      "GOOSE_MISSING",
      "The configured Goose (configuration or GAGGLE_GOOSE) is not a program that can be started. Correct the path.",
    );
  }
  const file = platform === "win32" ? "goose.exe" : "goose";
  const onPath = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = [...onPath.map((folder) => join(folder, file)), ...packaged(installDir, `${platform}-${arch}`, file)].find(isProgram);
  if (found !== undefined) return found;
  throw new GaggleError("GOOSE_MISSING", "No Goose was found. Install Goose 1.52 or newer, or set GAGGLE_GOOSE to its path.");
}

function packaged(installDir: string, system: string, file: string): string[] {
  try {
    const manifest = createRequire(join(installDir, "package.json")).resolve(`@aaif/goose-binary-${system}/package.json`);
    return [join(dirname(manifest), "bin", file)];
  } catch (cause) {
    // The package is optional: not being installed is an answer, anything else is not.
    if (cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND") return [];
    throw cause;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
