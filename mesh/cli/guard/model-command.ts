/** `gaggle guard model`: which model finds names, and how to take another one. */
import { join, resolve } from "node:path";
import { readAgentConfig } from "../../agent/agent-config.ts";
import { chooseGuardModel } from "../../agent/choose-guard-model.ts";
import type { CommandContext } from "../context.ts";
import { asSeen } from "../output.ts";
import { openLocalDetection } from "./local-detection.ts";

const TRY = "Dana Okafor of Northwind Optics lives in Lisbon.";

/** Says which model it is. @throws GaggleError NOT_JOINED */
export async function showModel({ home, installDir, out }: CommandContext): Promise<void> {
  const { guardModel } = await readAgentConfig(home);
  out.result({ folder: guardModel ?? join(installDir, "guard", "model"), shipped: guardModel === undefined });
  out.line(guardModel === undefined ? "The model that ships with Gaggle." : `The model in ${asSeen(guardModel)}.`);
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
