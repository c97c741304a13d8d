/** An export as rows for a spreadsheet. Nothing in it is signed, and its first line says so. Source: docs/audit-format.md, Filtered exports. */
import { type AuditEvent, auditEvent } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalJson } from "../contract/json.ts";

/** First line of a CSV export. */
export const CSV_NOTE =
  "# This file can't be verified by itself: it has no signatures. Keep the ndjson export beside it and check that with: gaggle audit verify";

const COLUMNS: readonly (readonly [string, (event: AuditEvent) => string | number])[] = [
  ["agentId", ({ agentId }) => agentId],
  ["seq", ({ seq }) => seq],
  ["ts", ({ ts }) => ts],
  ["actorType", ({ actor }) => actor.type],
  ["actorId", ({ actor }) => actor.id],
  ["actorRole", ({ actor }) => actor.role],
  ["action", ({ action }) => action],
  ["target", ({ target }) => target],
  ["result", ({ result }) => result],
  ["tokens", ({ cost }) => cost.tokens],
  ["usd", ({ cost }) => cost.usd],
  ["traceId", ({ traceId }) => traceId],
  ["redactions", ({ redactions }) => redactions.map(({ class: name, count }) => `${name}:${count}`).join(" ")],
  ["details", ({ details }) => canonicalJson(details)],
  ["id", ({ id }) => id],
  ["hash", ({ hash }) => hash],
];

/** A cell after RFC 4180. What a spreadsheet would take for a formula is told not to be one by `'`. */
function cell(value: string | number): string {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Turns the lines of an export into CSV, one row for each event that is there in full.
 * @throws GaggleError AUDIT_BROKEN for an event line that is not one
 */
export async function* toCsv(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  yield `${CSV_NOTE}\r\n${COLUMNS.map(([name]) => name).join(",")}\r\n`;
  for await (const text of lines) {
    if (!text.startsWith('{"event":')) continue;
    const parsed = auditEvent.safeParse((JSON.parse(text) as { event: unknown }).event);
    if (!parsed.success) throw new GaggleError("AUDIT_BROKEN", "A line of the export is not an audit event; export again.");
    yield `${COLUMNS.map(([, read]) => cell(read(parsed.data))).join(",")}\r\n`;
  }
}
