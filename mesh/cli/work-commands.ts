/** Commands of daily work: what the daemon does for its person. */
import { randomUUID } from "node:crypto";
import type { RequestOptions } from "./request-approval.ts";
import type { Command } from "commander";
import { systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import { jsonObject, parseAs, parseJson } from "../contract/json.ts";
import { action, type CommandWork } from "./action.ts";
import { addAuditCommands } from "./audit/add-audit-commands.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import type { PeersOptions } from "./peers.ts";
import type { TargetOptions } from "./read-target.ts";
import type { CommandContext } from "./context.ts";

/** Work that talks to the daemon. */
const daemonAction = <O>(
  work: (daemon: DaemonCalls, context: CommandContext, options: O, args: string[]) => Promise<void>,
): ((...given: unknown[]) => Promise<void>) =>
  action<O>((async (context, options, args) => {
    const { withDaemon } = await import("./context.ts");
    await withDaemon(context, (daemon) => work(daemon, context, options, args));
  }) satisfies CommandWork<O>);

const meshCommands = () => import("./mesh-commands.ts");
const taskCommands = () => import("./send-task.ts");

interface SendOptions {
  readonly context: string;
  readonly key?: string;
  readonly wait?: boolean;
  readonly session?: string;
  readonly priority: string;
  readonly start?: string;
  readonly expires?: string;
}

/** Adds them to the program. */
export function addWorkCommands(program: Command): void {
  program
    .command("status")
    .description("how this agent is, or how a task, approval or session goes")
    .argument("[id]", "a task, approval or session")
    .option("--metrics", "the daemon's metrics, as Prometheus reads them")
    .action(
      daemonAction<{ metrics?: boolean }>(async (daemon, { out }, { metrics }, [id]) => {
        if (metrics === true) {
          const { text } = await daemon.call("daemon.metrics", {});
          out.result({ text });
          out.line(text.trimEnd());
        } else if (id === undefined) await (await meshCommands()).showStatus(daemon, out, Date.now());
        else await (await taskCommands()).showRecord(daemon, out, id, Date.now());
      }),
    );
  program
    .command("peers")
    .description("the agents that this one knows")
    .option("--role <role>", "only agents of this role")
    .option("--skill <skill>", "only agents with this skill")
    .option("--department <department>", "only agents of this department")
    .option("--online", "only agents that are online")
    .option("--skills", "the skills on offer, and who has them")
    .option("--tree", "draw the org chart, with who is online")
    .action(
      daemonAction<PeersOptions>(async (daemon, { out }, options) =>
        (await import("./peers.ts")).showPeers(daemon, out, options, Date.now()),
      ),
    );
  program
    .command("send")
    .description("ask another agent to do something")
    .argument("<task>", "what to do, in words")
    .option("--role <role>", "to an agent of this role")
    .option("--agent <id>", "to this agent")
    .option("--skill <skill>", "with this skill of theirs")
    .option("--department <department>", "to an agent of this department")
    .option("--locale <locale>", "rather to one who speaks this, for example de or de-AT")
    .option("--fanout <mode>", "to all who fit, to any (the first to accept has it), or quorum:<n>")
    .option("--context <json>", "facts for the task, a JSON object", "{}")
    .option("--priority <priority>", "P0 (most urgent) to P3", "P2")
    .option("--start <time>", "not before then, for example 2026-11-02T08:00:00+01:00")
    .option("--expires <time>", "ends as FAILED where it has not been started by then, at most 14 days ahead")
    .option("--session <id>", "in this session: with the shared context that the receiver may see")
    .option("--key <idempotency key>", "the same key never sends twice")
    .option("--attach <file...>", "files that go along; out of the department only texts do, masked")
    .option("--wait", "wait for the result and show what happens meanwhile")
    .action(
      daemonAction<TargetOptions & SendOptions & { attach?: string[] }>(async (daemon, { out }, options, [task = ""]) => {
        const { wait = false } = options;
        const { readTarget } = await import("./read-target.ts");
        const target = readTarget(options);
        const context = parseAs(jsonObject, parseJson(options.context, "--context"), "--context");
        const { readChoices, sendTask } = await taskCommands();
        const idempotencyKey = options.key ?? randomUUID();
        const within = options.session === undefined ? {} : { inSession: options.session };
        const { attachFiles } = await import("./artifact-commands.ts");
        const files = await attachFiles(daemon, options.attach ?? [], process.cwd());
        await sendTask(daemon, out, { target, task, context, idempotencyKey, wait, ...within, ...files, ...readChoices(options) });
      }),
    );
  program
    .command("answer")
    .description("answer the question of a task that you sent")
    .argument("<task>")
    .argument("<words>")
    .action(
      daemonAction(async (daemon, { out }, _options, [taskId = "", answer = ""]) =>
        (await taskCommands()).answerTask(daemon, out, { taskId, answer }),
      ),
    );
  program
    .command("cancel")
    .description("take back a task that you sent")
    .argument("<task>")
    .option("--reason <text>", "for the colleague", "")
    .action(
      daemonAction<{ reason: string }>(async (daemon, { out }, { reason }, [taskId = ""]) =>
        (await taskCommands()).cancelTask(daemon, out, { taskId, reason }),
      ),
    );
  const inbox = program
    .command("inbox")
    .description("what waits for you, or one item in full")
    .argument("[id]")
    .option("--all", "also what is done")
    .action(
      daemonAction<{ all?: boolean }>(async (daemon, { out }, { all = false }, [id]) =>
        (await meshCommands()).showInbox(daemon, out, { all, ...(id === undefined ? {} : { id }) }),
      ),
    );
  inbox
    .command("save")
    .description("write the files of a task that came in, or of the result of one that you sent, into a folder")
    .argument("<task>")
    .option("--to <folder>", "the folder", ".")
    .action(
      daemonAction<{ to: string }>(async (daemon, { out }, { to }, [taskId = ""]) => {
        const { saveFiles } = await import("./artifact-commands.ts");
        await saveFiles(daemon, out, { taskId, to, cwd: process.cwd() });
      }),
    );
  inbox
    .command("complete")
    .description("end a task that came in, with its result")
    .argument("<task>")
    .option("--result <json>", "the result; other text goes as a text", "{}")
    .option("--attach <file...>", "files that go along; out of the department only texts do, masked")
    .action(
      daemonAction<{ result: string; attach?: string[] }>(async (daemon, { out }, { result, attach = [] }, [taskId = ""]) => {
        const { completeTask } = await import("./artifact-commands.ts");
        await completeTask(daemon, out, { taskId, result, files: attach, cwd: process.cwd() });
      }),
    );
  addOutboxCommands(program);
  addApprovalCommands(program);
  addAuditCommands(program);
}

function addOutboxCommands(program: Command): void {
  const outboxCommands = () => import("./outbox.ts");
  const outbox = program
    .command("outbox")
    .description("messages that are on their way")
    .action(daemonAction(async (daemon, { out }) => (await outboxCommands()).showOutbox(daemon, out, Date.now())));
  outbox
    .command("cancel")
    .description("take a task, a request for approval or a notification back")
    .argument("<message>")
    .action(daemonAction(async (daemon, { out }, _options, [id = ""]) => (await outboxCommands()).cancelMessage(daemon, out, id)));
  const dead = program
    .command("dead")
    .description("messages that could not be delivered")
    .action(daemonAction(async (daemon, { out }) => (await outboxCommands()).showDead(daemon, out)));
  dead
    .command("retry")
    .description("send one again, or all")
    .argument("[message]")
    .option("--all", "all whose work has not ended and that the policy still allows")
    .action(
      daemonAction<{ all?: boolean }>(async (daemon, { out }, { all = false }, [id]) => {
        if (all === (id !== undefined)) throw new GaggleError("INVALID_INPUT", "Name one message, or say --all.");
        await (await outboxCommands()).retryDead(daemon, out, id);
      }),
    );
}

function addApprovalCommands(program: Command): void {
  const decide = (decision: "approved" | "rejected") =>
    daemonAction<{ reason: string; passphraseStdin?: boolean }>(
      async (daemon, { out, home }, { reason, passphraseStdin = false }, [approvalId = ""]) => {
        const { decideApproval } = await import("./approve.ts");
        const { readPassphrase } = await import("./passphrase.ts");
        const { createOutput } = await import("./output.ts");
        const passphrase = (): Promise<string> => readPassphrase("Passphrase of your approval key: ", passphraseStdin);
        // Who types the passphrase must see what for; a program that gives it reads the payload from the inbox.
        const screen = out.json && !passphraseStdin ? createOutput(process.stderr, false) : out;
        await decideApproval(daemon, out, Date.now, { home, approvalId, decision, reason, screen, passphrase });
      },
    );
  for (const [verb, decision] of [
    ["approve", "approved"],
    ["reject", "rejected"],
  ] as const) {
    program
      .command(verb)
      .description(`${verb} what another agent asks for, signed with your approval key`)
      .argument("<approval>")
      .option("--reason <text>", "goes into the signed decision", "")
      .option("--passphrase-stdin", "read the passphrase from stdin")
      .action(decide(decision));
  }
  program
    .command("request-approval")
    .description("ask people for signed decisions on exactly one payload")
    .argument("<payload>", "what is to be approved, as JSON")
    .requiredOption("--step <name>", "the step that waits for it, for example approve-close")
    .option("--role <role>", "by people of this role")
    .option("--agent <id>", "by the person of this agent")
    .option("--department <department>", "by people of this department")
    .option("--quorum <n>", "so many different people have to approve; everybody of the role is asked")
    .option("--deadline <time>", "no decision counts from then on: a time, or 30m, 24h, 7d from now")
    .option("--escalate", "ask their managers, up the org chart, where they are away or take too long")
    .option("--key <idempotency key>", "the same key never asks twice")
    .action(
      daemonAction<Omit<RequestOptions, "key"> & { key?: string }>(async (daemon, { out }, options, [payload = ""]) => {
        const { requestApproval } = await import("./request-approval.ts");
        await requestApproval(daemon, out, Date.now(), { payload, options: { ...options, key: options.key ?? randomUUID() } });
      }),
    );
  program
    .command("approval-key")
    .description("make your approval key, or show its public part")
    .option("--passphrase-stdin", "read the passphrase from stdin")
    .action(
      action<{ passphraseStdin?: boolean }>(async ({ out, home }, { passphraseStdin = false }) => {
        const { ensureApprovalKey } = await import("./approve.ts");
        const { readPassphrase } = await import("./passphrase.ts");
        await ensureApprovalKey(out, systemRandom, {
          home,
          passphrase: () => readPassphrase("New passphrase for your approval key: ", passphraseStdin),
        });
      }),
    );
}
