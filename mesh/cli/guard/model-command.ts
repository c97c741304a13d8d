/** `gaggle guard model`: which model finds names, and how to take another one. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fetchModel } from "../../../guard/detect/ner/fetch-model.ts";
import { modelId } from "../../../guard/detect/ner/model-folder.ts";
import { readAgentConfig } from "../../agent/agent-config.ts";
import { chooseGuardModel } from "../../agent/choose-guard-model.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { CommandContext } from "../context.ts";
import { asSeen } from "../output.ts";
import { openLocalDetection } from "./local-detection.ts";

const TRY = "Dana Okafor of Northwind Optics lives in Lisbon.";

/**
 * Fetches a model into a new folder and takes it. Nothing is fetched unless the user gives an address.
 * @param from address of the folder with the model's files at a hub
 * @throws GaggleError NOT_JOINED, before anything is fetched; CONFLICT where the folder is there already; INVALID_INPUT where none is named; INVALID_INPUT
 *   and UPSTREAM_FAILED as {@link fetchModel}; GUARD_REFUSED where the model can't be used
 */
export async function fetchAndTakeModel(context: CommandContext, from: string, folder: string | undefined): Promise<void> {
  if (folder === undefined)
    throw new GaggleError("INVALID_INPUT", "Name a new folder for the model: gaggle guard model FOLDER --from ADDRESS");
  const path = resolve(folder);
  await readAgentConfig(context.home);
  if (existsSync(path)) {
    throw new GaggleError(
      "CONFLICT",
      `${asSeen(path)} is there already. Name a new folder for the model, or take that one without --from.`,
    );
  }
  for (const { file, bytes, sha256 } of await fetchModel({ fetch: globalThis.fetch }, { url: from, folder: path })) {
    context.out.line(`${file}  ${bytes} bytes  sha256 ${sha256}`);
  }
  await takeModel(context, path);
}

/** Says which model it is. @throws GaggleError NOT_JOINED */
export async function showModel({ home, installDir, out }: CommandContext): Promise<void> {
  const { guardModel } = await readAgentConfig(home);
  const folder = guardModel ?? join(installDir, "guard", "model");
  const id = modelId(folder);
  out.result({ folder, shipped: guardModel === undefined, id });
  out.line(guardModel === undefined ? "The model that ships with Gaggle." : `The model in ${asSeen(guardModel)}.`);
  if (guardModel !== undefined) out.line(`Its id, for models in guard.yaml: ${id}`);
}

/**
 * Takes another model, after it has looked through a text.
 * @param folder undefined: the shipped one
 * @throws GaggleError NOT_JOINED; GUARD_REFUSED where the model can't be used
 */
export async function takeModel({ home, installDir, out }: CommandContext, folder: string | undefined): Promise<void> {
  const path = folder === undefined ? undefined : resolve(folder);
  await readAgentConfig(home);
  const { detection } = await openLocalDetection({ home, installDir, model: path ?? join(installDir, "guard", "model") });
  try {
    await detection.detect([TRY]);
  } finally {
    await detection.close();
  }
  await chooseGuardModel(home, path);
  out.result({ folder: path ?? join(installDir, "guard", "model"), shipped: path === undefined });
  out.line("It will be used from the next start of the agent on. How well it finds: gaggle guard eval --data FILE.jsonl");
}
