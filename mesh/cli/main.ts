/** The `gaggle` command. Each action loads what it needs when it runs, so that `--help` and small commands start fast. */
import { Command, CommanderError } from "commander";
import { VERSION } from "../contract/version.ts";
import { addAdminCommands } from "./admin-commands.ts";
import { addGuardCommands } from "./guard-commands.ts";
import { addPolicyCommands } from "./policy-commands.ts";
import { endWithOutput } from "./lost-output.ts";
import { addMemberCommands } from "./member-commands.ts";
import { describeError, paint } from "./output.ts";
import { addSessionCommands } from "./session-commands.ts";
import { addWorkCommands } from "./work-commands.ts";

/** Builds the whole command line. @param json whether what commander itself says is told as JSON, by {@link main} */
function createProgram(json: boolean): Command {
  const program = new Command("gaggle")
    .description("Makes this machine's Goose a member of the organisation.")
    .version(VERSION)
    .option("--json", "speak JSON, for programs")
    .showHelpAfterError("(gaggle --help lists the commands)")
    .exitOverride()
    .configureOutput({ writeErr: (text) => void (json || process.stderr.write(text)) });
  addMemberCommands(program);
  addWorkCommands(program);
  addSessionCommands(program);
  addPolicyCommands(program);
  addGuardCommands(program);
  addAdminCommands(program);
  return program;
}

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
