/** `gaggle audit export` and `gaggle audit verify`. */
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { toCsv } from "../../audit/export-csv.ts";
import { readLines } from "../../audit/read-lines.ts";
import { type ExportVerdict, verifyExport } from "../../audit/verify.ts";
import { type AuditFilter, auditFilter } from "../../contract/audit.ts";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs } from "../../contract/json.ts";
import type { Clock } from "../../contract/ports.ts";
import type { CommandContext } from "../context.ts";
import { type Output, paint } from "../output.ts";
import { auditClient, type AuditorOptions } from "./audit-client.ts";

/** Opens an export. @throws GaggleError NOT_FOUND where it can't be read */
export async function openExport(file: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    return (await open(file)).createReadStream();
  } catch (cause) {
    throw new GaggleError("NOT_FOUND", `${file} can't be read. Name a file that gaggle audit export has written.`, { cause });
  }
}

/** What a good verdict leaves to be known: what was left out or pruned, and what nobody has a receipt for. */
function remarks({ agents, filter, log, pinned, rootFingerprint }: ExportVerdict): string[] {
  const pruned = agents.flatMap((agent) => (agent.pruned === undefined ? [] : [{ ...agent, ...agent.pruned }]));
  const stubs = agents.reduce((sum, agent) => sum + agent.stubs, 0);
  const receipted = agents.filter((agent) => agent.receipted).length;
  return [
    ...(filter === undefined ? [] : [`It is filtered (${JSON.stringify(filter)}): ${stubs} other events are there as hashes only.`]),
    ...pruned.map(
      ({ subject, agentId, seq, signedAt }) =>
        `${subject ?? agentId}: events 1 to ${seq} were pruned; the rest goes on from what the agent signed on ${signedAt}.`,
    ),
    ...agents.flatMap(({ subject, agentId, lost = [] }) =>
      lost.map(
        ({ from, to, signedAt, receiptedAt }) =>
          `${subject ?? agentId}: events ${from} to ${to} are missing. The bootstrap node had taken them by ${receiptedAt}, as its own receipt shows, and lost them (restored from a backup) after the agent had forgotten them; the chain goes on from what the agent signed on ${signedAt}.`,
      ),
    ),
    ...(log === undefined
      ? []
      : [`The node's signed log (${log.size} receipts, root ${log.root}) holds the ends of ${receipted} of ${agents.length} chains.`]),
    ...(pinned ? [] : [`It is signed under root key ${rootFingerprint}; compare that with the one you know (--root checks it).`]),
  ];
}

/** Checks an export and tells what was found; false where anything is wrong. */
export async function verifyAuditFile(
  { out, clock }: { readonly out: Output; readonly clock: Pick<Clock, "now"> },
  source: AsyncIterable<Uint8Array>,
  root: string | undefined,
): Promise<boolean> {
  const verdict = await verifyExport(source, { nowMs: clock.now(), ...(root === undefined ? {} : { rootFingerprint: root }) });
  out.result(verdict);
  for (const { line, message } of verdict.problems) out.line(`${paint.bad("broken")}  line ${line}: ${message}`);
  if (!verdict.ok) return false;
  out.line(
    `${paint.good("The audit export verifies.")} ${verdict.events} events of ${verdict.agents.length} agents, each chain complete and signed.`,
  );
  for (const remark of remarks(verdict)) out.line(remark);
  return true;
}

/** Options of `gaggle audit export`. */
export interface ExportOptions extends AuditorOptions {
  readonly from?: string;
  readonly to?: string;
  readonly agent?: string;
  readonly action?: string;
  readonly task?: string;
  readonly csv?: boolean;
}

/** A day, or a moment, as the filter wants it. */
function moment(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new GaggleError("INVALID_INPUT", `${option} is not a time; write one like 2026-10-31 or 2026-10-31T08:00:00Z.`);
  return new Date(ms).toISOString();
}

/** @throws GaggleError INVALID_INPUT */
export function filterOf({ from, to, agent, action, task }: ExportOptions): AuditFilter {
  const given = { from: moment(from, "--from"), to: moment(to, "--to"), agent, action, task };
  return parseAs(auditFilter, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)), "The filter");
}

async function* textLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const { bytes } of readLines(source)) yield bytes.toString("utf8");
}

/** Writes the export of the bootstrap node to a file, as it streams in. */
export async function exportAudit(context: CommandContext, options: ExportOptions, file: string): Promise<void> {
  const { client, asAdmin } = await auditClient(context, options);
  const lines = await client.exportAudit({ asAdmin, filter: filterOf(options) });
  const csv = options.csv === true;
  await pipeline(csv ? toCsv(textLines(lines)) : lines, createWriteStream(file, { mode: 0o600 }));
  context.out.result({ file, format: csv ? "csv" : "ndjson" });
  if (csv) context.out.line(`Written to ${file}. A CSV file can't be verified by itself; export without --csv for one that can.`);
  else context.out.line(`Written to ${file}. Check it: gaggle audit verify ${file}`);
}
