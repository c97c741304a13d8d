/** Runs a recipe in the Goose of one of the demo's people, as they would: `goose run --recipe …`. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { json, type Json } from "../contract/json.ts";
import type { GaggleProgram } from "./gaggle-command.ts";

/** A run of a person's Goose. */
export interface GooseRun {
  readonly program: GaggleProgram;
  readonly goose: string;
  readonly recipe: string;
  readonly params: Readonly<Record<string, string>>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly maxTurns: number;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

const output = z.object({
  messages: z.array(z.object({ content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })) })),
});

/**
 * Runs it to the recipe's typed result. Goose's exit code says nothing (it is 0 for a provider that is down), so the result is judged.
 * @throws GaggleError EXECUTOR_FAILED where there is no typed result
 */
export async function runPersonsGoose(run: GooseRun): Promise<Json> {
  const params = Object.entries(run.params).flatMap(([key, value]) => ["--params", `${key}=${value}`]);
  const args = [
    "run",
    "-q",
    "--recipe",
    run.recipe,
    ...params,
    "--no-session",
    "--max-turns",
    String(run.maxTurns),
    "--output-format",
    "json",
  ];
  // Under a keeper: where this process is killed, Goose would go on asking for a model that is gone.
  const child = spawn(run.program.node, [run.program.entry, "keep", "--", run.goose, ...args], {
    env: run.env,
    cwd: run.cwd,
    stdio: ["pipe", "pipe", "ignore"],
    signal: run.signal,
  });
  child.stdin.on("error", () => undefined);
  const exited = new Promise<void>((resolve, reject) => {
    // Told of the signal at once; the run is over when its keeper has ended all that Goose had started.
    child.once("error", (error) => {
      if (child.pid === undefined) reject(error);
    });
    child.once("close", () => resolve());
  });
  const [stdout] = await Promise.all([text(child.stdout), exited]);
  run.signal.throwIfAborted();
  return resultOf(stdout);
}

/** The JSON of the last message's text. */
function resultOf(stdout: string): Json {
  const start = stdout.indexOf("{");
  try {
    const { messages } = output.parse(JSON.parse(stdout.slice(start)));
    const last = messages.at(-1)?.content.findLast(({ type }) => type === "text")?.text ?? "";
    return json.parse(JSON.parse(last));
  } catch {
    // Without the cause: it quotes what Goose wrote, and that may be a person's text.
    throw new GaggleError("EXECUTOR_FAILED", "Goose gave no typed result. Its own logs in the Goose root say more.", {
      details: { length: stdout.length },
    });
  }
}
