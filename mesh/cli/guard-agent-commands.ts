/** Commands about what the agent's guard keeps and did: stats, forget. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { action } from "./action.ts";

interface ForgetOptions {
  readonly session?: string;
  readonly map?: string;
  readonly all?: true;
}

/** Adds them to `gaggle guard`. */
export function addGuardAgentCommands(guard: Command): void {
  guard
    .command("stats")
    .description("what the guard did with model calls, and what they used")
    .option("--days <n>", "how many days back, up to 62", days, 30)
    .action(
      action<{ days: number }>(async (context, options) => {
        const { withDaemon } = await import("./context.ts");
        const { showGuardStats } = await import("./guard/stats-command.ts");
        await withDaemon(context, (daemon) => showGuardStats(daemon, context.out, options.days));
      }),
    );
  guard
    .command("forget")
    .description("delete what tokens stand for: they can't be restored any more")
    .option("--session <id>", "of one Goose session; a run's id begins with run:")
    .addOption(new Option("--map <reference>", "of one text, as `mask` named it").conflicts("session"))
    .addOption(new Option("--all", "of everything, and the key of all maps").conflicts(["session", "map"]))
    .action(
      action<ForgetOptions>(async (context, options) => {
        const { withDaemon } = await import("./context.ts");
        const { forgetMaps } = await import("./guard/forget-command.ts");
        await withDaemon(context, (daemon) => forgetMaps(daemon, context.out, options));
      }),
    );
}

function days(value: string): number {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < 1 || parsed > 62) throw new InvalidArgumentError("Give a number of days from 1 to 62.");
  return parsed;
}
