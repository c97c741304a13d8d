/** Files that a chat attaches: from its session's working folder and nowhere else, whatever the model names. */
import { z } from "zod";
import { realpath } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import type { ArtifactRef } from "../../mesh/contract/artifact.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { DaemonLink } from "../daemon-link.ts";

/** Input of tools that take files along. */
export const attachmentsInput = z
  .array(z.string().min(1).max(1_000))
  .max(32)
  .optional()
  .describe("Paths of files in the working folder that go along; to another department only texts, masked");

const outside = (cause?: unknown): GaggleError =>
  new GaggleError(
    "INVALID_INPUT",
    "Only files in this session's working folder can be attached; check the path.",
    cause === undefined ? {} : { cause },
  );

/** The file's real path, links followed. @throws GaggleError INVALID_INPUT for what lies elsewhere or is not there */
export async function fileInside(folder: string, path: string): Promise<string> {
  const [root, file] = await Promise.all([realpath(folder), realpath(resolve(folder, path))]).catch((error: unknown) => {
    throw outside(error);
  });
  const inside = relative(root, file);
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || resolve(root, inside) !== file) throw outside();
  return file;
}

/**
 * Hands the files to the daemon.
 * @param workingDir of the session, as Goose tells it with the call
 * @throws GaggleError INVALID_INPUT, NOT_FOUND, TOO_LARGE
 */
export async function attach(
  daemon: DaemonLink,
  paths: readonly string[],
  workingDir: string | undefined,
): Promise<{ artifacts?: ArtifactRef[] }> {
  if (paths.length === 0) return {};
  if (workingDir === undefined)
    throw new GaggleError("INVALID_INPUT", "This session has told no working folder, so no files can be attached.");
  const artifacts: ArtifactRef[] = [];
  for (const path of paths) artifacts.push(await daemon.call("artifact.add", { path: await fileInside(workingDir, path) }));
  return { artifacts };
}
