/** `gaggle agent`: runs the daemon of this home until it is told to end. Where one runs already, that is said and is no error. */
import { homePaths } from "../agent/agent-config.ts";
import { startAgent } from "../agent/start-agent.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import type { CommandContext } from "./context.ts";
import { logLastWords } from "./last-words.ts";
import { spareOptimisedWasm } from "./lean-wasm.ts";
import { createLog } from "./log.ts";
import { outliveOutput } from "./lost-output.ts";
import { createOutput } from "./output.ts";
import { setup } from "./setup/setup.ts";
import { untilTold } from "./until-told.ts";

/** Runs it; resolves once it has ended in order. */
export async function runAgent(context: CommandContext, options: { endWithStdin: boolean }): Promise<void> {
  const { home, installDir, node, env, out } = context;
  outliveOutput();
  spareOptimisedWasm();
  const told = untilTold({ withStdin: options.endWithStdin });
  const log = createLog("agent", env);
  logLastWords(log);
  try {
    const agent = await startAgent(
      { clock: systemClock, random: systemRandom, fetch: globalThis.fetch, log },
      { home, installDir, node, version: VERSION, env, prepareRuns: () => prepareRuns(context) },
    );
    out.line("The agent is up. Ctrl-C ends it.");
    await Promise.race([told, agent.ended]);
    await agent.close();
  } catch (error) {
    if (!(error instanceof GaggleError) || error.code !== "CONFLICT") throw error;
    out.line("Another daemon serves this home already.");
  }
}

/** Unattended runs have a Goose root of their own, with the guard as its only provider and the hooks in place. */
async function prepareRuns({ home, installDir, node, env }: CommandContext): Promise<void> {
  const gooseRoot = homePaths(home).runGoose;
  const silent = createOutput({ write: () => undefined }, false);
  await setup({ home, gooseRoot, unattended: true, print: false, remove: false, installDir, node, env, now: systemClock.now }, silent);
}
