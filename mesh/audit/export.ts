/** Writes and reads audit exports, one canonical JSON object a line, as a stream. Source: docs/audit-format.md. */
import { createHash } from "node:crypto";
import type { AuditEvent } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalJson } from "../contract/json.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws } from "../identity/jws.ts";
import { EXPORT_TYP, type ExportLine, type ExportStatement, MAX_EXPORT_LINE_BYTES } from "./export-format.ts";

/** One agent's part of an export. */
export interface AgentExport {
  readonly agentId: string;
  /** Membership credentials of the agent, newest last; may be empty. */
  readonly credentials: readonly string[];
  /** The whole chain up to the head, in order. */
  readonly events: AsyncIterable<AuditEvent> | Iterable<AuditEvent>;
  /** Compact JWS of the agent's head over the last of these events. */
  readonly head: string;
}

/** A line without its number. */
type Unnumbered = ExportLine extends infer L ? (L extends ExportLine ? Omit<L, "n"> : never) : never;

async function* body(
  input: { manifests: readonly string[]; agents: AsyncIterable<AgentExport> | Iterable<AgentExport> },
  ends: ExportStatement["agents"],
): AsyncGenerator<Unnumbered> {
  for (const jws of input.manifests) yield { kind: "manifest", jws };
  for await (const { agentId, credentials, events, head } of input.agents) {
    for (const jws of credentials) yield { kind: "credential", agentId, jws };
    let last: AuditEvent | undefined;
    for await (const event of events) {
      last = event;
      yield { kind: "event", event };
    }
    if (last === undefined) throw new GaggleError("INVALID_INPUT", "An agent without events has no place in an export; leave it out.");
    ends.push({ agentId, seq: last.seq, hash: last.hash });
    yield { kind: "head", jws: head };
  }
}

/**
 * The lines of an export, each with its line end. Agents' events must be their whole chains; `head` must be over the last of them.
 * @param input `manifests`: bundle manifests by the org's root, one of which names `signer`'s issuer key
 */
export async function* writeExport(input: {
  org: string;
  nowMs: number;
  manifests: readonly string[];
  agents: AsyncIterable<AgentExport> | Iterable<AgentExport>;
  signer: Signer;
}): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const agents: ExportStatement["agents"] = [];
  let lines = 0;
  for await (const line of body(input, agents)) {
    const text = `${canonicalJson({ ...line, n: ++lines })}\n`;
    hash.update(text);
    yield text;
  }
  const payload: ExportStatement = {
    v: 1,
    org: input.org,
    createdAt: new Date(input.nowMs).toISOString(),
    lines,
    sha256: hash.digest("hex"),
    agents,
  };
  yield `${canonicalJson({ kind: "statement", jws: signJws({ typ: EXPORT_TYP, payload, signer: input.signer }), n: lines + 1 })}\n`;
}

/** A line as it lies in a file. */
export interface RawLine {
  /** Without its line end. */
  readonly bytes: Buffer;
  /** False for a last line without a line end. */
  readonly ended: boolean;
  /** True where the line was cut because it is longer than {@link MAX_EXPORT_LINE_BYTES}. */
  readonly tooLong: boolean;
}

/** Splits a byte stream at line feeds, holding one line at most. */
export async function* readLines(source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>): AsyncGenerator<RawLine> {
  let parts: Buffer[] = [];
  let size = 0;
  let tooLong = false;
  const take = (ended: boolean): RawLine => {
    const line = { bytes: parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts), ended, tooLong };
    parts = [];
    size = 0;
    tooLong = false;
    return line;
  };
  const add = (piece: Buffer): void => {
    size += piece.length;
    tooLong ||= size > MAX_EXPORT_LINE_BYTES;
    if (!tooLong) parts.push(piece);
  };
  for await (const chunk of source) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      add(bytes.subarray(start, end));
      yield take(true);
      start = end + 1;
    }
    if (start < bytes.length) add(bytes.subarray(start));
  }
  if (size > 0) yield take(false);
}
