/** `gaggle audit alarms`: what the bootstrap node holds against agents' chains, and what this agent holds against the node. */
import type { AuditAlarm, LogAlarm } from "../../contract/audit.ts";
import { errorCode } from "../../contract/errors.ts";
import type { CommandContext } from "../context.ts";
import { asSeen, type Output, paint } from "../output.ts";
import { auditClient, type AuditorOptions } from "./audit-client.ts";

const KIND_WORDS: Readonly<Record<AuditAlarm["kind"], string>> = {
  fork: "showed two histories",
  gap: "left events out",
  altered: "sent an event whose hash is wrong",
  "second-agent": "saw another agent in its own person's name: a second machine of theirs, or an impostor",
};
const DOUBT_WORDS: Readonly<Record<LogAlarm["doubt"], string>> = {
  "two-histories": "The bootstrap node signed two logs of the same size that differ.",
  "not-proven": "The bootstrap node could not prove that its log goes on from one that it had signed.",
  shorter: "The bootstrap node signed a shorter log than before; it may have been restored from a backup.",
  "no-receipt": "The bootstrap node took events and did not prove that its log holds them.",
};

const chainLine = ({ kind, agentId, seq, expectedSeq, lastAt, count, open }: AuditAlarm): string =>
  [
    open ? paint.bad("open   ") : paint.dim("settled"),
    lastAt,
    `agent ${asSeen(agentId)} ${KIND_WORDS[kind]}: event ${seq}${seq === expectedSeq ? "" : ` where ${expectedSeq} was expected`} (${count} times)`,
  ].join("  ");

function showLogAlarms(out: Output, alarms: readonly LogAlarm[]): void {
  for (const { at, doubt, from, known, other } of alarms) {
    out.line(`${paint.bad("open   ")}  ${at}  ${DOUBT_WORDS[doubt]} Told by: ${asSeen(from)}. Both are signed by it:`);
    for (const jws of [known, other]) out.line(`         ${asSeen(jws)}`);
  }
}

/** Lists alarms. @param own asks this agent's daemon for what it holds against the node; undefined for an admin */
export async function showAlarms(
  context: CommandContext,
  options: AuditorOptions,
  own: (() => Promise<readonly LogAlarm[]>) | undefined,
): Promise<void> {
  const { out } = context;
  const node = own === undefined ? [] : await own();
  const { client, asAdmin } = await auditClient(context, options);
  // Who may not ask the node for the whole trail still sees what its own agent found.
  const chains = await client.auditAlarms({ asAdmin }).catch((error: unknown) => {
    if (own === undefined || errorCode(error) !== "POLICY_DENIED") throw error;
    return undefined;
  });
  const found = chains?.alarms ?? [];
  out.result({ node, chains: found });
  showLogAlarms(out, node);
  for (const alarm of found) out.line(chainLine(alarm));
  if (node.length + found.length === 0) out.line("No alarms.");
  if (chains === undefined) out.line("Alarms about agents' chains are for those whom policy lets export the audit trail.");
  if (node.length > 0 || found.some(({ open }) => open)) process.exitCode = 1;
}
