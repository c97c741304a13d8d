/** Per-agent checks of an audit export: each chain, its credentials and its signed head. One small state per agent. Source: docs/audit-format.md. */
import { type AuditEvent, auditHead } from "../contract/audit.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { membershipClaims } from "../contract/identity.ts";
import { canonicalJson, sha256Hex } from "../contract/json.ts";
import { verifyJws } from "../identity/jws.ts";
import { jwkOfAgentId, thumbprintOf } from "../identity/keys.ts";
import { type ChainEnd, EMPTY_CHAIN } from "./chain.ts";
import type { ExportStatement } from "./export-format.ts";
import { HEAD_TYP } from "./ship.ts";

/** What is wrong, and where. `line` counts from 1; one beyond the last line where something is missing at the end. */
export interface ExportProblem {
  readonly line: number;
  readonly agent?: string;
  readonly seq?: number;
  readonly code: ExportProblemCode;
  readonly message: string;
}

/** What can be wrong with an export. */
export type ExportProblemCode =
  | "LINE_MALFORMED"
  | "LINE_NOT_CANONICAL"
  | "LINE_MISSING"
  | "LINE_REPEATED"
  | "MANIFEST_INVALID"
  | "ROOT_MISMATCH"
  | "CREDENTIAL_INVALID"
  | "EVENT_ALTERED"
  | "EVENT_GAP"
  | "EVENT_REPEATED"
  | "EVENT_FORKED"
  | "EVENT_FOREIGN"
  | "HEAD_INVALID"
  | "HEAD_MISMATCH"
  | "HEAD_MISSING"
  | "AGENT_MISSING"
  | "AGENT_UNKNOWN"
  | "STATEMENT_INVALID"
  | "STATEMENT_MISMATCH"
  | "STATEMENT_MISSING"
  | "LINE_AFTER_END";

/** Where a problem is, besides its line. */
type Place = { readonly agent?: string; readonly seq?: number };
/** Notes a problem of the line in hand. */
export type Report = (code: ExportProblemCode, message: string, place?: Place) => void;

/** An agent as the export shows it. Without a credential in the export, its subject is not proven. */
export interface AgentSummary {
  readonly agentId: string;
  readonly events: number;
  readonly subject?: string;
  readonly role?: string;
}

interface AgentState {
  end: ChainEnd;
  events: number;
  closed: boolean;
  subject?: string;
  role?: string;
}

/** Text of an event in canonical form, with and without its hash; only the field `hash` sorts directly before `hashPrev`. */
function eventTexts(event: AuditEvent): { hashed: string; whole: string } {
  const { hash, ...body } = event;
  const hashed = canonicalJson(body);
  // After the strict schema no later field can hold this text: quotes inside values are escaped.
  const at = hashed.lastIndexOf(',"hashPrev":"');
  return { hashed, whole: `${hashed.slice(0, at)},"hash":"${hash}"${hashed.slice(at)}` };
}

/** Follows the chains of all agents through an export. */
export function createChainVerifier(report: Report) {
  const states = new Map<string, AgentState>();
  const stateOf = (agentId: string): AgentState => {
    const state = states.get(agentId) ?? { end: EMPTY_CHAIN, events: 0, closed: false };
    states.set(agentId, state);
    return state;
  };

  const checkLink = (event: AuditEvent, { end, closed }: AgentState): void => {
    const place = { agent: event.agentId, seq: event.seq };
    if (closed) report("EVENT_REPEATED", "This event comes after its agent's head; it was inserted or moved.", place);
    else if (event.seq > end.seq + 1)
      report("EVENT_GAP", `Before this line, events ${end.seq + 1} to ${event.seq - 1} of the agent are missing.`, place);
    else if (event.seq <= end.seq)
      report("EVENT_REPEATED", `Event ${event.seq} of the agent was there already; it was repeated or moved.`, place);
    else if (event.hashPrev !== end.hash)
      report("EVENT_FORKED", `Event ${event.seq} names another predecessor than the line before it in the chain.`, place);
  };

  return {
    /** Checks an event; returns its canonical text, so that the line need not be written twice. */
    event(event: AuditEvent, org: string | undefined): string {
      const state = stateOf(event.agentId);
      const { hashed, whole } = eventTexts(event);
      const place = { agent: event.agentId, seq: event.seq };
      if (sha256Hex(hashed) !== event.hash)
        report("EVENT_ALTERED", `Event ${event.seq} does not have the hash that it names: it was altered.`, place);
      if (event.tenantId !== org) report("EVENT_FOREIGN", "The event is of another organisation.", place);
      checkLink(event, state);
      // Goes on from what the line says, so that one fault is one finding.
      state.end = { seq: event.seq, hash: event.hash };
      state.events++;
      return whole;
    },

    credential(agentId: string, jws: string, issuers: readonly Ed25519Jwk[], org: string | undefined): void {
      const state = stateOf(agentId);
      try {
        const claims = membershipClaims.parse(verifyJws({ jws, typ: "gaggle-membership+jwt", keys: issuers }));
        if (claims.agent !== agentId || claims.cnf.jkt !== thumbprintOf(jwkOfAgentId(agentId)) || claims.iss !== org) {
          report("CREDENTIAL_INVALID", "The membership credential is of another agent, key or organisation.", { agent: agentId });
          return;
        }
        state.subject = claims.sub;
        state.role = claims.role;
      } catch {
        report("CREDENTIAL_INVALID", "The membership credential is not signed by an issuer that the manifest names.", { agent: agentId });
      }
    },

    /** `claimed` is the head's payload before its signature is checked; the agent id in it names the key to check with. */
    head(jws: string, claimed: unknown, org: string | undefined): void {
      const parsed = auditHead.safeParse(claimed);
      if (!parsed.success) {
        report("HEAD_INVALID", "The signed head is malformed.");
        return;
      }
      const head = parsed.data;
      const place = { agent: head.agentId, seq: head.seq };
      try {
        verifyJws({ jws, typ: HEAD_TYP, key: jwkOfAgentId(head.agentId) });
      } catch {
        report("HEAD_INVALID", "The head is not signed by the agent that it names.", place);
        return;
      }
      const state = stateOf(head.agentId);
      if (head.org !== org) report("HEAD_INVALID", "The head is of another organisation.", place);
      if (state.closed) report("HEAD_MISMATCH", "The agent's head was there already.", place);
      else if (head.seq > state.end.seq)
        report("HEAD_MISMATCH", `Before this line, events ${state.end.seq + 1} to ${head.seq} of the agent are missing.`, place);
      else if (head.seq !== state.end.seq || head.hash !== state.end.hash)
        report("HEAD_MISMATCH", "The agent signed another end of its chain than the one here.", place);
      state.closed = true;
    },

    /** Compares what was seen with what the exporter signed. */
    finish(stated: ExportStatement["agents"]): void {
      for (const { agentId, seq, hash } of stated) {
        const state = states.get(agentId);
        const place = { agent: agentId, seq };
        if (state === undefined || state.events === 0) report("AGENT_MISSING", `All ${seq} events of the agent are missing.`, place);
        else if (!state.closed) report("HEAD_MISSING", "The agent's signed head is missing.", place);
        if (state !== undefined && state.events > 0 && (state.end.seq !== seq || state.end.hash !== hash)) {
          report(
            "STATEMENT_MISMATCH",
            `The export's statement says that the agent's chain ends at event ${seq}; here it ends at ${state.end.seq}.`,
            place,
          );
        }
      }
      const known = new Set(stated.map(({ agentId }) => agentId));
      for (const agent of states.keys()) {
        if (!known.has(agent)) report("AGENT_UNKNOWN", "The agent is not in the export's statement; its lines were inserted.", { agent });
      }
    },

    summaries: (): AgentSummary[] =>
      [...states].map(([agentId, { events, subject, role }]) => ({
        agentId,
        events,
        ...(subject === undefined ? {} : { subject }),
        ...(role === undefined ? {} : { role }),
      })),
  };
}
