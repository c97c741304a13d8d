/** The demo's executive: their Goose explains each request, then they decide on it with `gaggle approve` or `gaggle reject`. */
import { join } from "node:path";
import { styleText } from "node:util";
import { z } from "zod";
import { connectDaemon } from "../client/connect-daemon.ts";
import { errorCode } from "../contract/errors.ts";
import { json } from "../contract/json.ts";
import { askYesOrNo } from "./ask-person.ts";
import { agentOf, demoPaths } from "./demo-folder.ts";
import type { DemoContext, DemoOptions } from "./demo-options.ts";
import { type DemoSetting, personEnvironment } from "./demo-organisation.ts";
import { runGaggle } from "./gaggle-command.ts";
import { runPersonsGoose } from "./persons-goose.ts";

/** The executive: lets their Goose explain each request, then decides with `gaggle approve` or `gaggle reject`. */
export function createExecutive(context: DemoContext, options: DemoOptions, setting: DemoSetting, goose: string) {
  const agent = agentOf("executive");
  const { dir, state, program } = setting;
  const env = personEnvironment(setting, agent);
  const seen = new Set<string>();
  let work: Promise<void> = Promise.resolve();

  const explain = async (approvalId: string): Promise<string> => {
    const recipe = join(demoPaths(dir).gooseRoot(agent.subject), "config", "recipes", "review-close.yaml");
    const signal = AbortSignal.any([AbortSignal.timeout(120_000), program.signal]);
    const run = { program, goose, recipe, params: { approval_id: approvalId }, env, cwd: dir, maxTurns: 10, signal };
    const said = await runPersonsGoose(run).catch(() => undefined);
    return z.object({ summary: z.string() }).safeParse(said).data?.summary ?? "The executive's Goose could not explain the request.";
  };

  const askPerson = async (approvalId: string): Promise<"approve" | "reject"> => {
    const end = (name: NodeJS.Signals): void => void process.kill(process.pid, name);
    const keyboard = { input: process.stdin, output: process.stderr, end };
    return (await askYesOrNo(`      Approve ${approvalId}?`, keyboard, program.signal)) ? "approve" : "reject";
  };

  /** Exactly what the signature will cover: a person decides on this, not on what a model says about it. */
  const showPayload = async (approvalId: string): Promise<void> => {
    const item = await runGaggle(program, ["inbox", approvalId], { env, cwd: dir });
    const { payload, payloadHash } = z.object({ payload: json, payloadHash: z.string() }).parse(item);
    for (const line of JSON.stringify(payload, null, 2).split("\n")) context.out.line(`      ${line}`);
    context.out.line(styleText("dim", `      sha256 ${payloadHash}`));
  };

  const decide = async (approvalId: string): Promise<void> => {
    context.out.line(`      ${styleText("cyan", `${agent.subject}'s Goose explains:`)} ${await explain(approvalId)}`);
    if (options.interactive) await showPayload(approvalId);
    const verb = options.interactive ? await askPerson(approvalId) : "approve";
    if (!options.interactive)
      context.out.line(styleText("dim", "      (the demo plays the executive and approves; --interactive asks you)"));
    const args = [
      verb,
      approvalId,
      "--reason",
      options.interactive ? "decided at the keyboard" : "played by the demo",
      "--passphrase-stdin",
    ];
    await runGaggle(program, args, { env, cwd: dir, input: `${state.passphrase}\n` }).catch((error: unknown) => {
      // Decided before a restart: the decision stands.
      if (errorCode(error) !== "STATE_CONFLICT") throw error;
    });
  };

  const asked = (approvalId: string): void => {
    if (seen.has(approvalId)) return;
    seen.add(approvalId);
    work = work.then(() => retry(() => decide(approvalId), program.signal));
    work.catch(() => undefined);
  };

  return {
    asked,
    /** Requests that waited already, from an earlier run. */
    async takeUp(): Promise<void> {
      const daemon = await connectDaemon({ home: demoPaths(dir).home(agent.subject), program: "demo", timeoutMs: 5_000 });
      try {
        const { items } = await daemon.call("inbox.list", { kind: "approval", waiting: true });
        for (const item of items) if (item.kind === "approval") asked(item.approvalId);
      } finally {
        daemon.close();
      }
    },
    done: (): Promise<void> => work,
  };
}

/** The daemon may be ended and come back while the person decides. */
async function retry(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let left = 4; ; left -= 1) {
    try {
      return await run();
    } catch (error) {
      // A person who can't be asked is not asked again.
      if (left === 0 || signal.aborted || errorCode(error) === "INVALID_INPUT") throw error;
    }
  }
}
