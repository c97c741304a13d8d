/** Files of tasks on the command line: attached as a task is sent or completed, saved where one came in or was answered. */
import { resolve } from "node:path";
import type { ArtifactRef } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import { type Json, parseJson } from "../contract/json.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import { asSeen, bytes, type Output } from "./output.ts";

/** Hands files to the daemon, one after another. @throws GaggleError NOT_FOUND, INVALID_INPUT, TOO_LARGE */
export async function attachFiles(daemon: DaemonCalls, files: readonly string[], cwd: string): Promise<{ artifacts?: ArtifactRef[] }> {
  if (files.length === 0) return {};
  const artifacts: ArtifactRef[] = [];
  for (const file of files) artifacts.push(await daemon.call("artifact.add", { path: resolve(cwd, file) }));
  return { artifacts };
}

/** JSON where it is some, else the text itself. */
function readResult(text: string): Json {
  try {
    return parseJson(text, "The result");
  } catch {
    return text;
  }
}

/** `gaggle inbox complete`: ends a task with its result and files. @throws GaggleError NOT_FOUND, STATE_CONFLICT, TOO_LARGE */
export async function completeTask(
  daemon: DaemonCalls,
  out: Output,
  request: { taskId: string; result: string; files: readonly string[]; cwd: string },
): Promise<void> {
  const { taskId, result, files, cwd } = request;
  const attached = await attachFiles(daemon, files, cwd);
  const view = await daemon.call("inbox.complete", { taskId, result: readResult(result), ...attached });
  out.result(view);
  out.line(`The result is on its way${files.length === 0 ? "" : ` with ${files.length === 1 ? "a file" : `${files.length} files`}`}.`);
}

/**
 * `gaggle inbox save`: writes the files of a task, or of its result, into a folder: all that can be, and says of the others why not.
 * @throws GaggleError PEER_UNREACHABLE where some are not here yet; where one was refused, with the code of its reason
 */
export async function saveFiles(daemon: DaemonCalls, out: Output, request: { taskId: string; to: string; cwd: string }): Promise<void> {
  const { taskId, to, cwd } = request;
  const result = await daemon.call("artifact.save", { taskId, dir: resolve(cwd, to) });
  const { saved, missing, refused = [] } = result;
  out.result(result);
  for (const { path, bytes: size } of saved) out.line(`${asSeen(path)}  ${bytes(size)}`);
  for (const { name, reason } of refused) out.line(`${asSeen(name)}  not saved: ${asSeen(reason)}`);
  for (const name of missing) out.line(`${asSeen(name)}  not here yet`);
  if (saved.length + missing.length + refused.length === 0) out.line("No files hang on this task.");
  const [first] = refused;
  if (first !== undefined)
    throw new GaggleError(first.code, `${refused.length} of its files were not saved; the list says why.`, {
      details: { saved: saved.length, refused: refused.length, missing: missing.length },
    });
  if (missing.length > 0)
    throw new GaggleError(
      "PEER_UNREACHABLE",
      `${missing.length} of its files are not here yet; they are fetched when the colleague's machine is there.`,
      { details: { saved: saved.length, missing: missing.length } },
    );
}
