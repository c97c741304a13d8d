/** `gaggle audit trace`: one task's story across agents, for a person. The export that it is told from is verified on the way. */
import { readLines } from "../../audit/read-lines.ts";
import { createTraceCollector, type TaskTrace, type TracedMessage } from "../../audit/trace.ts";
import { verifyExport } from "../../audit/verify.ts";
import type { AuditEvent } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import { uuid } from "../../contract/ids.ts";
import { systemClock } from "../../agent/system.ts";
import { parseAs } from "../../contract/json.ts";
import type { CommandContext } from "../context.ts";
import { asSeen, type Output, paint } from "../output.ts";
import { auditClient, type AuditorOptions } from "./audit-client.ts";
import { openExport } from "./export-file.ts";

/** Options of `gaggle audit trace`. */
export interface TraceOptions extends AuditorOptions {
  /** An export to read instead of asking the node. */
  readonly file?: string;
  readonly root?: string;
}

/** Passes bytes on and gives each line to `take`. */
async function* tapped(source: AsyncIterable<Uint8Array>, take: (line: string) => void): AsyncGenerator<Uint8Array> {
  for await (const { bytes, ended } of readLines(source)) {
    take(bytes.toString("utf8"));
    yield bytes;
    if (ended) yield LINE_END;
  }
}
const LINE_END = Buffer.from("\n");

const WORDS: Readonly<Record<string, string>> = {
  "task.create": "created the task",
  "task.route": "chose whom to ask",
  "task.state": "noted the task's state",
  "run.start": "began to run it",
  "run.finish": "ended the run",
  "model.send": "sent to a model",
  "model.call": "called a model",
  "tool.call": "used a tool",
  "guard.mask": "masked what left the department",
  "guard.restore": "restored sealed values",
  "approval.request": "asked for an approval",
  "approval.decide": "decided",
  "approval.accept": "took a decision",
  "approval.check": "checked who had approved",
  "approval.escalate": "asked somebody above",
  "approval.end": "ended the approval",
};

/** Told elsewhere on the line, or as a subject. */
const FIELDS_LEFT_OUT = new Set(["policy", "rules", "policyHash", "senderPolicyHash", "ref", "to", "from", "group"]);

/** What an event adds to its action, in its own words. */
const detailsOf = ({ details, redactions, cost }: AuditEvent): string =>
  [
    ...Object.entries(details).flatMap(([name, value]) => (FIELDS_LEFT_OUT.has(name) ? [] : [`${asSeen(name)} ${asSeen(String(value))}`])),
    ...redactions.map(({ class: name, count }) => `masked ${count} ${asSeen(name)}`),
    ...(cost.tokens === 0 && cost.usd === "0" ? [] : [`${cost.tokens} tokens`, `${cost.usd} USD`]),
  ].join(", ");

/** Why: the policy's decision, where one was asked for. */
function whyOf({ details, result }: AuditEvent): string {
  const { policy, rules, policyHash, code } = details;
  if (policy === undefined) return code === undefined ? (result === "ok" ? "recorded" : result) : `${result}: ${asSeen(String(code))}`;
  const by = rules === undefined || rules === "" ? "no rule allows it" : `by ${asSeen(String(rules))}`;
  return `${policy === "allow" ? "allowed" : "denied"} ${by}${policyHash === undefined ? "" : `, policy ${asSeen(String(policyHash).slice(0, 8))}`}`;
}

/** Writes the story. */
function tell(out: Output, { story, people, cut }: TaskTrace): void {
  const who = (agentId: unknown, subject?: unknown): string => {
    const known = people.get(String(agentId));
    return known === undefined ? asSeen(String(subject ?? agentId)) : `${asSeen(known.subject)} (${asSeen(known.role)})`;
  };
  const side = (name: string, event: AuditEvent | undefined): string => {
    const label = `           ${name.padEnd(9)}`;
    return event === undefined
      ? `${label} ${paint.warn("no record here: that agent is not in the export, or has not sent its audit yet")}`
      : `${label} ${event.ts}  ${whyOf(event)}`;
  };
  const message = ({ send, receive, ends, envelope }: TracedMessage): void => {
    const [first = receive ?? ends[0]] = [send];
    const from = who(send?.agentId ?? receive?.details["from"], receive?.details["fromSubject"]);
    const to = who(receive?.agentId ?? send?.details["to"], send?.details["toSubject"]);
    out.line(
      `${first?.ts}  ${from} → ${to}: ${asSeen(String(first?.details["type"] ?? "message"))}  ${paint.dim(`envelope ${asSeen(envelope)}`)}`,
    );
    out.line(side("sender", send));
    // What policy stopped at the sender never left.
    if (send?.result !== "denied") out.line(side("receiver", receive));
    for (const end of ends)
      out.line(`           ${"then".padEnd(9)} ${end.ts}  ${end.action.slice("message.".length)} ${paint.dim(detailsOf(end))}`);
  };
  for (const part of story) {
    if (part.kind === "message") {
      message(part);
      continue;
    }
    const { event } = part;
    const said = WORDS[event.action] ?? event.action;
    const result = event.result === "ok" ? "" : ` ${paint.bad(event.result)}`;
    const by = event.actor.type === "person" ? `${asSeen(event.actor.id)} at ${who(event.agentId)}` : who(event.agentId);
    out.line(`${event.ts}  ${by} ${said}${result}  ${paint.dim([asSeen(event.target), detailsOf(event)].filter(Boolean).join("  "))}`);
  }
  if (cut) out.line(paint.warn("There is more; export with --task and look there."));
}

/** The tasks that were made where one was asked of several people. Ids alone: they are shown in a command that a person may paste. */
const partsOf = ({ story }: TaskTrace, group: string): string[] =>
  story.flatMap((part) => {
    if (part.kind !== "step" || part.event.action !== "task.create" || part.event.details["group"] !== group) return [];
    const id = uuid.safeParse(part.event.target.slice("task:".length));
    return id.success ? [id.data] : [];
  });

/**
 * Prints a task's story.
 * @throws GaggleError AUDIT_BROKEN where the export does not verify, NOT_FOUND where nothing is said of the task
 */
export async function traceTask(context: CommandContext, options: TraceOptions, id: string): Promise<void> {
  const task = parseAs(uuid, id, "The task's id");
  const collector = createTraceCollector(task);
  const source = options.file === undefined ? await fromNode(context, options, task) : await openExport(options.file);
  const pinned = options.root === undefined ? {} : { rootFingerprint: options.root };
  const verdict = await verifyExport(tapped(source, collector.take), { nowMs: systemClock.now(), ...pinned });
  if (!verdict.ok)
    throw new GaggleError("AUDIT_BROKEN", "The export does not verify, so it tells nothing; gaggle audit verify says where it breaks.");
  const trace = collector.trace();
  if (trace.story.length === 0)
    throw new GaggleError("NOT_FOUND", "No event of the export is about this task. Check the id; gaggle audit ship sends what waits.");
  context.out.result({ task, people: Object.fromEntries(trace.people), story: trace.story, cut: trace.cut });
  tell(context.out, trace);
  const parts = partsOf(trace, task);
  if (parts.length > 0) context.out.line("It was asked of several people, of each as a task of their own. What came of each:");
  for (const part of parts) context.out.line(`  gaggle audit trace ${part}`);
}

async function fromNode(context: CommandContext, options: TraceOptions, task: string): Promise<AsyncIterable<Uint8Array>> {
  const { client, asAdmin } = await auditClient(context, options);
  return client.exportAudit({ asAdmin, filter: { task } });
}
