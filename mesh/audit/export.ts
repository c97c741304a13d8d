/** Writes audit exports, one canonical JSON object a line, as a stream. Source: docs/audit-format.md. */
import { createHash } from "node:crypto";
import type { AuditBridge, AuditEvent, AuditFilter } from "../contract/audit.ts";
import type { BundleManifest } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalJson } from "../contract/json.ts";
import type { Signer } from "../contract/ports.ts";
import { claimedKeyOf, signJws, unverifiedPayloadOf } from "../identity/jws.ts";
import { thumbprintOf } from "../identity/keys.ts";
import { createEventFilter } from "./event-filter.ts";
import { bodyHash, eventText } from "./event-text.ts";
import { EXPORT_TYP, type ExportLine, type ExportStatement, MAX_EXPORT_LINE_BYTES } from "./export-format.ts";
import { readHead } from "./head.ts";

/** One agent's part of an export. */
export interface AgentExport {
  readonly agentId: string;
  /** Membership credentials of the agent, newest last; may be empty. Those by other issuers than the manifests name are left out. */
  readonly credentials: readonly string[];
  /** The signed head that the chain begins after, where it was pruned. */
  readonly anchor?: string | undefined;
  /** What joins the chain where events are gone in the middle of it. */
  readonly bridges?: readonly AuditBridge[] | undefined;
  /** The chain from there up to the head, in order. */
  readonly events: AsyncIterable<AuditEvent> | Iterable<AuditEvent>;
  /** Compact JWS of the agent's head over the last of these events. */
  readonly head: string;
  /** Where in the node's log that end is, with the proof. */
  readonly receipt?: { readonly index: number; readonly proof: readonly string[] } | undefined;
}

/** What is exported. */
export interface ExportInput {
  readonly org: string;
  readonly nowMs: number;
  /** Bundle manifests by the org's root, one of which names `signer`'s issuer key. */
  readonly manifests: readonly string[];
  /** Signed head of the node's log, as large as the agents' receipts say. */
  readonly log?: string | undefined;
  readonly agents: AsyncIterable<AgentExport> | Iterable<AgentExport>;
  readonly signer: Signer;
  /** Left out: everything. */
  readonly filter?: AuditFilter | undefined;
}

/** A line without its number, as text up to there: `n` sorts behind `kind`, `jws`, `event`, `index`, `hash`, `body` and `agentId`. */
type Numbered = (n: number) => string;
/** A line without its number. */
type Unnumbered = ExportLine extends infer L ? (L extends ExportLine ? Omit<L, "n"> : never) : never;

const plain =
  (line: Unnumbered): Numbered =>
  (n) =>
    canonicalJson({ ...line, n });

const eventLine =
  (event: AuditEvent): Numbered =>
  (n) =>
    `{"event":${eventText(event)},"kind":"event","n":${n}}`;

const stubLine =
  ({ agentId, seq, hash }: AuditEvent, body: string): Numbered =>
  (n) =>
    `{"agentId":"${agentId}","body":"${body}","hash":"${hash}","kind":"stub","n":${n},"seq":${seq}}`;

/** The bridge whose anchor is over an event. */
const over = (bridges: readonly AuditBridge[], seq: number): AuditBridge | undefined =>
  bridges.find(({ anchor }) => readHead(anchor).seq === seq);

async function* agentLines(agent: AgentExport, filter: AuditFilter | undefined, ends: ExportStatement["agents"]): AsyncGenerator<Numbered> {
  const { agentId, credentials, anchor, bridges = [], events, head, receipt } = agent;
  for (const jws of credentials) yield plain({ kind: "credential", agentId, jws });
  if (anchor !== undefined) yield plain({ kind: "anchor", agentId, jws: anchor });
  const isWanted = filter === undefined ? () => true : createEventFilter(filter);
  let last: AuditEvent | undefined;
  for await (const event of events) {
    const bridge = last === undefined || event.seq === last.seq + 1 ? undefined : over(bridges, event.seq - 1);
    if (bridge !== undefined) yield plain({ kind: "gap", agentId, ...bridge });
    last = event;
    // The hash of version 1 is over the event in one piece, so a stub of it could not be chained.
    yield isWanted(event) || event.v === 1 ? eventLine(event) : stubLine(event, bodyHash(event));
  }
  if (last === undefined) throw new GaggleError("INVALID_INPUT", "An agent without events has no place in an export; leave it out.");
  ends.push({ agentId, after: anchor === undefined ? 0 : readHead(anchor).seq, seq: last.seq, hash: last.hash });
  yield plain({ kind: "head", jws: head });
  if (receipt !== undefined) yield plain({ kind: "receipt", agentId, index: receipt.index, proof: [...receipt.proof] });
}

/** Keys that the manifests name. A credential by another, such as of who left before the issuer changed, could not be verified: it is left out. */
const issuersOf = (manifests: readonly string[]): Set<string> =>
  new Set(manifests.flatMap((jws) => (unverifiedPayloadOf(jws, MAX_EXPORT_LINE_BYTES) as BundleManifest).issuers.map(thumbprintOf)));

async function* body(input: ExportInput, ends: ExportStatement["agents"]): AsyncGenerator<Numbered> {
  const issuers = issuersOf(input.manifests);
  for (const jws of input.manifests) yield plain({ kind: "manifest", jws });
  if (input.log !== undefined) yield plain({ kind: "log", jws: input.log });
  for await (const agent of input.agents) {
    if (input.filter?.agent !== undefined && input.filter.agent !== agent.agentId) continue;
    const credentials = agent.credentials.filter((jws) => issuers.has(claimedKeyOf(jws)));
    yield* agentLines({ ...agent, credentials }, input.filter, ends);
  }
}

/** The lines of an export, each with its line end. Agents' events must be their whole chains; `head` must be over the last of them. */
export async function* writeExport(input: ExportInput): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const agents: ExportStatement["agents"] = [];
  let lines = 0;
  for await (const line of body(input, agents)) {
    const text = `${line(++lines)}\n`;
    hash.update(text);
    yield text;
  }
  const payload: ExportStatement = {
    v: 2,
    org: input.org,
    createdAt: new Date(input.nowMs).toISOString(),
    lines,
    sha256: hash.digest("hex"),
    agents,
    ...(input.filter === undefined ? {} : { filter: input.filter }),
  };
  yield `${canonicalJson({ kind: "statement", jws: signJws({ typ: EXPORT_TYP, payload, signer: input.signer }), n: lines + 1 })}\n`;
}
