/** The `gaggle` command. Each action loads what it needs when it runs, so that `--help` and small commands start fast. */
import { Command, CommanderError } from "commander";
import { VERSION } from "../contract/version.ts";
import { addAdminCommands } from "./admin-commands.ts";
import { addMemberCommands } from "./member-commands.ts";
import { describeError, paint } from "./output.ts";
import { addWorkCommands } from "./work-commands.ts";

/** Builds the whole command line. */
function createProgram(): Command {
  const program = new Command("gaggle")
    .description("Makes this machine's Goose a member of the organisation.")
    .version(VERSION)
    .option("--json", "speak JSON, for programs")
    .showHelpAfterError("(gaggle --help lists the commands)")
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });
  addMemberCommands(program);
  addWorkCommands(program);
  addAdminCommands(program);
  return program;
}

/** Runs a command line and says what went wrong, with the exit code 0 only on success. */
async function main(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      return;
    }
    const described = describeError(error);
    const text = args.includes("--json") ? JSON.stringify({ error: described }) : `${paint.bad(described.code)}  ${described.message}`;
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
}

await main(process.argv.slice(2));
