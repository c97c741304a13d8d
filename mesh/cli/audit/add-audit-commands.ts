/** `gaggle audit …`: what an auditor and an admin ask about the audit trail. */
import type { Command } from "commander";
import { GaggleError } from "../../contract/errors.ts";
import { action } from "../action.ts";
import type { AuditorOptions } from "./audit-client.ts";
import type { ExportOptions } from "./export-file.ts";
import type { TraceOptions } from "./trace-task.ts";

const ORG_DIR = ["--org-dir <folder>", "use the admin key in this organisation folder instead of your membership"] as const;
const URL_OPTION = ["--url <url>", "the bootstrap node, with --org-dir"] as const;
const ROOT = ["--root <fingerprint>", "fingerprint of the organisation's root key, as you know it from elsewhere"] as const;

/** Adds them. */
export function addAuditCommands(program: Command): void {
  const audit = program.command("audit").description("the audit trail: verify, export, trace, alarms, send");
  audit
    .command("verify")
    .description("check an export by itself, and say where it breaks")
    .argument("<file>", "an export (ndjson)")
    .option(...ROOT)
    .action(
      action<{ root?: string }>(async ({ out }, { root }, [file = ""]) => {
        const [{ openExport, verifyAuditFile }, { systemClock }] = await Promise.all([
          import("./export-file.ts"),
          import("../../agent/system.ts"),
        ]);
        const ok = await verifyAuditFile({ out, clock: systemClock }, await openExport(file), root);
        if (!ok) throw new GaggleError("AUDIT_BROKEN", "The export does not verify; the lines above say where.");
      }),
    );
  audit
    .command("export")
    .description("write the collected audit trail of the organisation to a file")
    .argument("<file>")
    .option("--from <time>", "events from then on in full, others as hashes; a day or a time")
    .option("--to <time>", "events before then in full")
    .option("--agent <id>", "this agent's chain only")
    .option("--action <words>", "events of this action in full: message, or message.send")
    .option("--task <id>", "what is about this task, its messages and its run in full")
    .option("--csv", "rows for a spreadsheet, which can't be verified by themselves")
    .option(...ORG_DIR)
    .option(...URL_OPTION)
    .action(
      action<ExportOptions>(async (context, options, [file = ""]) => {
        const { exportAudit } = await import("./export-file.ts");
        await exportAudit(context, options, file);
      }),
    );
  audit
    .command("trace")
    .description("tell one task's story across agents: who, what, when, where, why")
    .argument("<taskId>")
    .option("--file <export>", "tell it from an export instead of asking the bootstrap node")
    .option(...ROOT)
    .option(...ORG_DIR)
    .option(...URL_OPTION)
    .action(
      action<TraceOptions>(async (context, options, [task = ""]) => {
        const { traceTask } = await import("./trace-task.ts");
        await traceTask(context, options, task);
      }),
    );
  audit
    .command("alarms")
    .description("forks and gaps in agents' chains, and what this agent holds against the bootstrap node; exit code 1 where any is open")
    .option(...ORG_DIR)
    .option(...URL_OPTION)
    .action(
      action<AuditorOptions>(async (context, options) => {
        const [{ showAlarms }, { withDaemon }] = await Promise.all([import("./show-alarms.ts"), import("../context.ts")]);
        if (options.orgDir !== undefined) return showAlarms(context, options, undefined);
        return withDaemon(context, (daemon) => showAlarms(context, options, async () => (await daemon.call("audit.alarms", {})).alarms));
      }),
    );
  audit
    .command("acknowledge")
    .description("say that an alarm was looked at and is no longer open; signed, and in the audit trail")
    .argument("<id>", "as gaggle audit alarms shows it")
    .requiredOption("--reason <text>", "why, in one line of at most 200 characters; other auditors read it")
    .option(...ORG_DIR)
    .option(...URL_OPTION)
    .action(
      action<AuditorOptions & { reason: string }>(async (context, { reason, ...options }, [id = ""]) => {
        const [{ acknowledgeAlarm }, { withDaemon }] = await Promise.all([import("./show-alarms.ts"), import("../context.ts")]);
        if (options.orgDir !== undefined) return acknowledgeAlarm(context, options, { id, reason }, undefined);
        return withDaemon(context, (daemon) =>
          acknowledgeAlarm(
            context,
            options,
            { id, reason },
            {
              list: async () => (await daemon.call("audit.alarms", {})).alarms,
              acknowledge: async (alarm, why) => void (await daemon.call("audit.acknowledge", { id: alarm, reason: why })),
            },
          ),
        );
      }),
    );
  audit
    .command("ship")
    .description("send now what the bootstrap node does not have yet")
    .action(
      action(async (context) => {
        const { withDaemon } = await import("../context.ts");
        await withDaemon(context, async (daemon) => {
          const { seq, shipped } = await daemon.call("audit.ship", {});
          context.out.result({ seq, shipped });
          context.out.line(`${shipped} of ${seq} events are collected.`);
        });
      }),
    );
}
