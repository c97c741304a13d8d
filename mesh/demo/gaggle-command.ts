/** Runs the `gaggle` command as a person would, in a process of its own. */
import { spawn } from "node:child_process";
import { json, text } from "node:stream/consumers";
import { z } from "zod";
import { ERROR_TABLE, type ErrorCode, GaggleError } from "../contract/errors.ts";

/** How to start Gaggle. */
export interface GaggleProgram {
  readonly node: string;
  /** Absolute path of `dist/gaggle.js`. */
  readonly entry: string;
  /** Ends the commands that run. */
  readonly signal: AbortSignal;
}

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/**
 * Runs a command with `--json` and gives its result.
 * @param options `env`: the whole environment; `input`: what is typed
 * @throws GaggleError with the command's own code and message
 */
export async function runGaggle(
  program: GaggleProgram,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string; input?: string },
): Promise<unknown> {
  const child = spawn(program.node, [program.entry, "--json", ...args], {
    env: options.env,
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
    signal: program.signal,
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
  const [result, errors, code] = await Promise.all([json(child.stdout).catch(() => undefined), text(child.stderr), exited]);
  if (code === 0) return result;
  throw failureOf(args, errors);
}

/** The command's error, from the JSON that it wrote to stderr. */
function failureOf(args: readonly string[], errors: string): GaggleError {
  const line = errors.trim().split("\n").at(-1) ?? "";
  const parsed = failure.safeParse(parseOrUndefined(line));
  const command = args.slice(0, 2).join(" ");
  if (!parsed.success || !Object.hasOwn(ERROR_TABLE, parsed.data.error.code)) {
    return new GaggleError("INTERNAL", `\`gaggle ${command}\` ended without a reason. Try it by hand.`);
  }
  const { code, message } = parsed.data.error;
  return new GaggleError(code as ErrorCode, `\`gaggle ${command}\`: ${message}`);
}

function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
