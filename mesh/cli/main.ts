/** The `gaggle` command. Each action loads what it needs when it runs, so that `--help` and small commands start fast. */
import { CommanderError } from "commander";
import { endWithOutput } from "./lost-output.ts";
import { describeError, paint } from "./output.ts";
import { createProgram } from "./program.ts";

/** Runs a command line and says what went wrong, with the exit code 0 only on success. */
async function main(args: readonly string[]): Promise<void> {
  const json = args.includes("--json");
  endWithOutput((error) => tell(describeError(error), json));
  try {
    await createProgram(json).parseAsync([...args], { from: "user" });
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
    const described = error instanceof CommanderError ? describeUsage(error) : describeError(error);
    if (process.exitCode === 0) return;
    // Commander has told its own errors, with help, to people already.
    if (json || !(error instanceof CommanderError)) tell(described, json);
  }
}

const tell = (described: ReturnType<typeof describeError>, json: boolean): void =>
  void process.stderr.write(json ? `${JSON.stringify({ error: described })}\n` : `${paint.bad(described.code)}  ${described.message}\n`);

/** A command line that is none, in the shape of other errors. */
function describeUsage({ code, message }: CommanderError): ReturnType<typeof describeError> {
  const problem = code === "commander.help" ? "There is no such command" : message.replace(/^error: /, "");
  return { code: "INVALID_INPUT", message: `${problem}. See: gaggle --help`, details: {} };
}

await main(process.argv.slice(2));
