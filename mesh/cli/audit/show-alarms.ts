/** `gaggle audit alarms` and `acknowledge`: what the bootstrap node holds against agents' chains, and what this agent holds against the node. */
import { alarmId } from "../../audit/acknowledge.ts";
import { logAlarmId } from "../../audit/log-watch.ts";
import { type AuditAlarm, alarmReason, type LogAlarm } from "../../contract/audit.ts";
import { errorCode, GaggleError } from "../../contract/errors.ts";
import { parseAs } from "../../contract/json.ts";
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

const stateOf = (open: boolean): string => (open ? paint.bad("open   ") : paint.dim("settled"));

/** Who has acknowledged an alarm, and why; nothing for one that nobody has looked at. */
const closedBy = (by: AuditAlarm["acknowledged"]): string =>
  by === undefined ? "" : paint.dim(` Acknowledged ${by.at} by ${asSeen(by.by)}: ${asSeen(by.reason)}`);

const chainLine = ({ kind, agentId, seq, expectedSeq, lastAt, count, open, acknowledged }: AuditAlarm): string =>
  [
    stateOf(open),
    alarmId(kind, agentId),
    lastAt,
    `agent ${asSeen(agentId)} ${KIND_WORDS[kind]}: event ${seq}${seq === expectedSeq ? "" : ` where ${expectedSeq} was expected`} (${count} times)${closedBy(acknowledged)}`,
  ].join("  ");

function showLogAlarms(out: Output, alarms: readonly LogAlarm[]): void {
  for (const alarm of alarms) {
    const { at, doubt, from, known, other, acknowledged } = alarm;
    const words = `${DOUBT_WORDS[doubt]} Told by: ${asSeen(from)}.${closedBy(acknowledged)} Both are signed by it:`;
    out.line([stateOf(acknowledged === undefined), logAlarmId(alarm), at, words].join("  "));
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
  if (node.some(({ acknowledged }) => acknowledged === undefined) || found.some(({ open }) => open)) process.exitCode = 1;
}

/** How this agent's daemon is asked about alarms against the node. */
export interface OwnAlarms {
  list(): Promise<readonly LogAlarm[]>;
  acknowledge(id: string, reason: string): Promise<void>;
}

/**
 * `gaggle audit acknowledge`: says that an alarm was looked at, and why it is no longer open.
 * @param own this agent's daemon; undefined for an admin, who looks at agents' chains alone
 * @throws GaggleError INVALID_INPUT (the reason), NOT_FOUND, POLICY_DENIED, STATE_CONFLICT where it was raised again meanwhile
 */
export async function acknowledgeAlarm(
  context: CommandContext,
  options: AuditorOptions,
  { id, reason }: { readonly id: string; readonly reason: string },
  own: OwnAlarms | undefined,
): Promise<void> {
  const { out } = context;
  parseAs(alarmReason, reason, "The reason");
  if (own !== undefined && (await own.list()).some((alarm) => logAlarmId(alarm) === id)) await own.acknowledge(id, reason);
  else {
    const { client, asAdmin } = await auditClient(context, options);
    const alarm = (await client.auditAlarms({ asAdmin })).alarms.find(({ kind, agentId }) => alarmId(kind, agentId) === id);
    if (alarm === undefined) throw new GaggleError("NOT_FOUND", "There is no such alarm; gaggle audit alarms lists them.");
    await client.acknowledgeAlarm({ alarm, reason }, { asAdmin });
  }
  out.result({ acknowledged: id });
  out.line("Acknowledged. It stays in the audit trail, and the same again opens it anew.");
}
