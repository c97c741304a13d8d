/** Commands of sessions: `gaggle session open|list|show|share|invite|hand|accept|decline|withdraw|join|leave|close`. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { SessionView } from "../contract/session.ts";
import { GaggleError, ifThere } from "../contract/errors.ts";
import { parseJson } from "../contract/json.ts";
import { action } from "./action.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import { asSeen, jsonAsSeen, type Output, table } from "./output.ts";

const HOUR_MS = 3_600_000;

const daemonAction = <O>(work: (daemon: DaemonCalls, out: Output, options: O, args: string[]) => Promise<void>) =>
  action<O>(async (context, options, args) => {
    const { withDaemon } = await import("./context.ts");
    await withDaemon(context, (daemon) => work(daemon, context.out, options, args));
  });

async function show(out: Output, view: SessionView): Promise<void> {
  const { sessionWords } = await import("./session-words.ts");
  out.result(view);
  for (const line of sessionWords(view)) out.line(line);
}

const list = (text: string): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");

/** `--to` and `--with` name a role, or an agent by its id. */
const targetOf = (name: string) => (name.startsWith("12D3KooW") ? { agentId: name } : { targetRole: name });

/** Adds them to the program. */
export function addSessionCommands(program: Command): void {
  const session = program.command("session").description("work on one matter with several agents, with context that they share");
  session
    .command("open")
    .description("begin one; you own it")
    .argument("<purpose>")
    .requiredOption("--with <roles or agents>", "whom to invite, separated by commas", list)
    .option("--skills <skills>", "only these may be asked for in it", list)
    .option("--classes <classes>", "only shards of these classes may be shared in it", list)
    .option("--hours <n>", "how long it lasts unless closed", "168")
    .option("--key <idempotency key>", "the same key never opens two")
    .action(
      daemonAction<{ with: string[]; skills?: string[]; classes?: string[]; hours: string; key?: string }>(
        async (daemon, out, { with: invited, skills, classes, hours, key }, [purpose = ""]) => {
          const scope = { ...(skills === undefined ? {} : { skills }), ...(classes === undefined ? {} : { classes }) };
          const lifetimeMs = Math.round(Number(hours) * HOUR_MS);
          const participants = invited.map(targetOf);
          await show(
            out,
            await daemon.call("session.open", { purpose, participants, scope, lifetimeMs, idempotencyKey: key ?? randomUUID() }),
          );
        },
      ),
    );
  session
    .command("list")
    .description("the open ones")
    .option("--all", "also those that have ended")
    .action(
      daemonAction<{ all?: boolean }>(async (daemon, out, { all = false }) => {
        const { sessions } = await daemon.call("session.list", { open: !all });
        out.result(sessions);
        if (sessions.length === 0) return out.line("No session is open here.");
        const rows = sessions.map(({ sessionId, state, owner, participation, purpose }) => [
          sessionId,
          state,
          owner.subject,
          participation,
          asSeen(purpose),
        ]);
        for (const line of table(["session", "state", "owner", "you", "purpose"], rows)) out.line(line);
      }),
    );
  session
    .command("show")
    .description("how one stands, or what a shard holds")
    .argument("<session>")
    .argument("[shard]")
    .action(
      daemonAction(async (daemon, out, _options, [sessionId = "", shard]) => {
        const view = await daemon.call("session.status", { sessionId, ...(shard === undefined ? {} : { shard }) });
        const held = view.shards.find(({ id }) => id === shard);
        if (shard === undefined || out.json) return show(out, view);
        out.line(held === undefined ? "This agent does not have that shard." : jsonAsSeen(held.body));
      }),
    );
  session
    .command("share")
    .description("share a JSON file as a shard, or a new version of one")
    .argument("<session>")
    .argument("<shard>", "its short name")
    .argument("<file>")
    .option("--title <text>", "what it is")
    .option("--classes <classes>", "what kind of data it holds", list)
    .option("--roles <roles>", "only these roles see it", list)
    .option("--departments <departments>", "only these departments see it", list)
    .option("--agents <ids>", "only these agents see it", list)
    .action(
      daemonAction<{ title?: string; classes?: string[]; roles?: string[]; departments?: string[]; agents?: string[] }>(
        async (daemon, out, { title, classes, roles, departments, agents }, [sessionId = "", id = "", file = ""]) => {
          const visibility = {
            ...(roles === undefined ? {} : { roles }),
            ...(departments === undefined ? {} : { departments }),
            ...(agents === undefined ? {} : { participants: agents }),
          };
          const text = await ifThere(readFile(file, "utf8"));
          if (text === undefined) throw new GaggleError("NOT_FOUND", "There is no such file; check its path.");
          const body = parseJson(text, "The file");
          const shard = { sessionId, id, title: title ?? id, visibility, body, ...(classes === undefined ? {} : { classes }) };
          await show(out, await daemon.call("session.share", shard));
        },
      ),
    );
  session
    .command("hand")
    .description("offer it to a participant, who then owns it")
    .argument("<session>")
    .argument("<role or agent>")
    .action(
      daemonAction(async (daemon, out, _options, [sessionId = "", to = ""]) =>
        show(out, await daemon.call("session.handoff", { sessionId, to: targetOf(to) })),
      ),
    );
  session
    .command("invite")
    .description("invite more agents, or again those who have left")
    .argument("<session>")
    .argument("<roles or agents>", "separated by commas")
    .action(
      daemonAction(async (daemon, out, _options, [sessionId = "", who = ""]) =>
        show(out, await daemon.call("session.invite", { sessionId, participants: list(who).map(targetOf) })),
      ),
    );
  const one = (name: string, text: string, call: (daemon: DaemonCalls, sessionId: string) => Promise<SessionView>): void => {
    session
      .command(name)
      .description(text)
      .argument("<session>")
      .action(daemonAction(async (daemon, out, _options, [sessionId = ""]) => show(out, await call(daemon, sessionId))));
  };
  one("accept", "take over a session that is offered to you", (daemon, sessionId) =>
    daemon.call("session.handoff", { sessionId, accept: true }),
  );
  one("decline", "leave an offered session with its owner", (daemon, sessionId) =>
    daemon.call("session.handoff", { sessionId, accept: false }),
  );
  one("withdraw", "take back an offer that has surely not arrived", (daemon, sessionId) =>
    daemon.call("session.handoff", { sessionId, withdraw: true }),
  );
  one("join", "take part again", (daemon, sessionId) => daemon.call("session.join", { sessionId }));
  one("leave", "take part no longer; what was shared is deleted here", (daemon, sessionId) => daemon.call("session.leave", { sessionId }));
  one("close", "end it for all; what was shared is deleted everywhere", (daemon, sessionId) => daemon.call("session.close", { sessionId }));
}
