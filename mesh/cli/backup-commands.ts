/** `gaggle backup`, `gaggle recover`, `gaggle leave`. docs/decisions/0118-backup-of-an-agent.md */
import { resolve } from "node:path";
import type { Command } from "commander";
import { action } from "./action.ts";

const ORG = ["--org <folder>", "an organisation's folder, with all its keys, instead of this agent"] as const;
const PASSPHRASE = ["--passphrase-stdin", "read the backup's passphrase from standard input"] as const;

/** Adds them to the program. */
export function addBackupCommands(program: Command): void {
  program
    .command("backup")
    .description("write this agent, with its keys, to a file under a passphrase; also while the daemon runs")
    .argument("<file>")
    .option(...ORG)
    .option(...PASSPHRASE)
    .action(
      action<{ org?: string; passphraseStdin?: boolean }>(async ({ home, out }, { org, passphraseStdin = false }, [file = ""]) => {
        const { backupAgent, backupOrg } = await import("./backup/write-backup.ts");
        const { readPassphrase } = await import("./passphrase.ts");
        const passphrase = await readPassphrase("Passphrase for the backup: ", passphraseStdin);
        const target = resolve(file);
        await (org === undefined ? backupAgent(home, target, passphrase) : backupOrg(resolve(org), target, passphrase));
        out.result({ file: target });
        out.line(`Wrote ${target}. It opens with the passphrase alone. Files of tasks and logs are not in it.`);
      }),
    );

  program
    .command("recover")
    .description("put an agent or an organisation's folder together from a backup, on a machine that takes the other one's place")
    .argument("<file>")
    .option(...ORG)
    .option(...PASSPHRASE)
    .action(
      action<{ org?: string; passphraseStdin?: boolean }>(async ({ home, out }, { org, passphraseStdin = false }, [file = ""]) => {
        const { recoverFolder } = await import("./backup/write-backup.ts");
        const { readPassphrase } = await import("./passphrase.ts");
        const { tellProtection } = await import("./key-words.ts");
        const { protectionOf } = await import("../identity/at-rest/folder-key.ts");
        const { join } = await import("node:path");
        const passphrase = await readPassphrase("Passphrase of the backup: ", passphraseStdin);
        const dir = org === undefined ? home : resolve(org);
        const { createdAt } = await recoverFolder(dir, org === undefined ? "agent" : "org", resolve(file), passphrase);
        out.result({ dir, createdAt });
        out.line(`${dir} is as it was at ${createdAt}.`);
        tellProtection(out, await protectionOf(join(dir, org === undefined ? "keys" : "admin")));
        if (org !== undefined) return;
        out.line(
          "Its first start asks the bootstrap node whether the agent went on elsewhere since; where it did, this one does not begin.",
        );
        out.line("From then on the other machine is refused. Next: gaggle setup");
      }),
    );

  program
    .command("leave")
    .description("leave the organisation: tell everybody, hand the audit trail over, wipe the keys")
    .option("--yes", "don't ask")
    .option("--keep-audit <file>", "write a copy of this agent's audit trail first, as lines of JSON")
    .action(
      action<{ yes?: boolean; keepAudit?: string }>(async (context, { yes = false, keepAudit }) => {
        const { leave } = await import("./backup/leave.ts");
        await leave(context, { yes, ...(keepAudit === undefined ? {} : { keepAudit: resolve(keepAudit) }) });
      }),
    );
}
