/** The whole command line: every command, with what it says of itself. */
import { Command } from "commander";
import { VERSION } from "../contract/version.ts";
import { addAdminCommands } from "./admin-commands.ts";
import { addGuardCommands } from "./guard-commands.ts";
import { addPolicyCommands } from "./policy-commands.ts";
import { addMemberCommands } from "./member-commands.ts";
import { addSessionCommands } from "./session-commands.ts";
import { addWorkCommands } from "./work-commands.ts";

/** Builds it. Each action loads what it needs when it runs. @param json whether what commander itself says is told as JSON, by who runs it */
export function createProgram(json: boolean): Command {
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
