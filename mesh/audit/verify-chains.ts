/** Per-agent checks of an audit export: each chain, its credentials, its signed head and its receipt. One small state per agent. Source: docs/audit-format.md. */
import { type AuditEvent, auditHead, type AuditLogHead } from "../contract/audit.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { membershipClaims } from "../contract/identity.ts";
import { verifyJws } from "../identity/jws.ts";
import { jwkOfAgentId, thumbprintOf } from "../identity/keys.ts";
import { checkBridge } from "./bridge.ts";
import { type ChainEnd, EMPTY_CHAIN } from "./chain.ts";
import { hashedText, linkHash } from "./event-text.ts";
import type { ExportLine, ExportStatement } from "./export-format.ts";
import { HEAD_TYP, verifyHead } from "./head.ts";
import { holdsEntry } from "./receipt.ts";

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
  | "LOG_INVALID"
  | "CREDENTIAL_INVALID"
  | "ANCHOR_INVALID"
  | "PRUNED_EARLY"
  | "GAP_INVALID"
  | "EVENT_ALTERED"
  | "EVENT_GAP"
  | "EVENT_REPEATED"
  | "EVENT_FORKED"
  | "EVENT_FOREIGN"
  | "HEAD_INVALID"
  | "HEAD_MISMATCH"
  | "HEAD_MISSING"
  | "RECEIPT_INVALID"
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
  /** Events that are there in full, and as stubs. */
  readonly events: number;
  readonly stubs: number;
  readonly subject?: string;
  readonly role?: string;
  /** The last event that was pruned, and when the agent signed that. */
  readonly pruned?: { readonly seq: number; readonly signedAt: string };
  /** What the node has lost and the agent had forgotten: events `from` to `to`, signed by the agent, and by the node when it had taken them. */
  readonly lost?: readonly { readonly from: number; readonly to: number; readonly signedAt: string; readonly receiptedAt: string }[];
  /** Whether the node's log holds the end of the chain. */
  readonly receipted: boolean;
}

interface AgentState {
  end: ChainEnd;
  after: number;
  events: number;
  stubs: number;
  closed: boolean;
  receipted: boolean;
  pruned?: { seq: number; signedAt: string };
  lost: { from: number; to: number; signedAt: string; receiptedAt: string }[];
  /** Where the chain has to lead, since the node once gave a receipt for it. */
  owed?: ChainEnd;
  subject?: string;
  role?: string;
}

/** A place in a chain as a line gives it. */
interface Link extends ChainEnd {
  readonly agentId: string;
  readonly hashPrev: string;
}

type LineOf<K extends ExportLine["kind"]> = Extract<ExportLine, { kind: K }>;

/** Follows the chains of all agents through an export. */
export function createChainVerifier(report: Report) {
  const states = new Map<string, AgentState>();
  const stateOf = (agentId: string): AgentState => {
    const state = states.get(agentId) ?? { end: EMPTY_CHAIN, after: 0, events: 0, stubs: 0, closed: false, receipted: false, lost: [] };
    states.set(agentId, state);
    return state;
  };

  const checkLink = ({ agentId, seq, hashPrev }: Link, { end, closed }: AgentState): void => {
    const place = { agent: agentId, seq };
    if (closed) report("EVENT_REPEATED", "This event comes after its agent's head; it was inserted or moved.", place);
    else if (seq > end.seq + 1)
      report("EVENT_GAP", `Before this line, events ${end.seq + 1} to ${seq - 1} of the agent are missing.`, place);
    else if (seq <= end.seq) report("EVENT_REPEATED", `Event ${seq} of the agent was there already; it was repeated or moved.`, place);
    else if (hashPrev !== end.hash)
      report("EVENT_FORKED", `Event ${seq} names another predecessor than the line before it in the chain.`, place);
  };

  /** @param at the end of the chain now */
  const checkOwed = (agent: string, { owed }: AgentState, at: ChainEnd): void => {
    if (owed?.seq === at.seq && owed.hash !== at.hash)
      report("GAP_INVALID", `Event ${at.seq} is another than the one that the node had given a receipt for before it lost events.`, {
        agent,
        seq: at.seq,
      });
  };

  return {
    /** Events that the node has lost: the agent's word about the last of them, and the node's receipt for it or a later one. */
    gap(line: LineOf<"gap">, issuers: readonly Ed25519Jwk[], org: string | undefined): void {
      const { agentId, seq, hash } = line;
      const state = stateOf(agentId);
      const place = { agent: agentId };
      try {
        const { anchor, receiptedAt } = checkBridge(line, { agentId, org: org ?? "", issuers });
        if (state.closed || state.events + state.stubs === 0 || anchor.seq <= state.end.seq)
          report("GAP_INVALID", "The gap does not come between events of its agent.", place);
        state.lost.push({ from: state.end.seq + 1, to: anchor.seq, signedAt: anchor.ts, receiptedAt });
        state.end = { seq: anchor.seq, hash: anchor.hash };
        state.owed = { seq, hash };
        checkOwed(agentId, state, state.end);
      } catch {
        report(
          "GAP_INVALID",
          "What is missing here was not signed by the agent, or no receipt of the node shows that it had taken it.",
          place,
        );
      }
    },

    /** Checks an event; returns its canonical text, so that the line need not be written twice. */
    event(event: AuditEvent, org: string | undefined): string {
      const state = stateOf(event.agentId);
      const { text, hash } = hashedText(event);
      const place = { agent: event.agentId, seq: event.seq };
      if (hash !== event.hash) report("EVENT_ALTERED", `Event ${event.seq} does not have the hash that it names: it was altered.`, place);
      if (event.tenantId !== org) report("EVENT_FOREIGN", "The event is of another organisation.", place);
      checkLink(event, state);
      // Goes on from what the line says, so that one fault is one finding.
      state.end = { seq: event.seq, hash: event.hash };
      checkOwed(event.agentId, state, state.end);
      state.events++;
      return text;
    },

    /** Checks an event that was left out: what it says is not known, but its place in the chain is. */
    stub({ agentId, seq, hash, body }: LineOf<"stub">): void {
      const state = stateOf(agentId);
      const { hash: hashPrev } = state.end;
      if (seq === state.end.seq + 1 && linkHash(hashPrev, body) !== hash)
        report("EVENT_ALTERED", `The stub of event ${seq} does not have the hash that it names: it was altered.`, { agent: agentId, seq });
      checkLink({ agentId, seq, hash, hashPrev }, state);
      state.end = { seq, hash };
      checkOwed(agentId, state, state.end);
      state.stubs++;
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

    /** The beginning of a pruned chain: the agent's own word about what came before. */
    anchor({ agentId, jws }: LineOf<"anchor">, org: string | undefined): void {
      const state = stateOf(agentId);
      const place = { agent: agentId };
      try {
        const { seq, hash, ts, org: ofOrg } = verifyHead(jws, agentId);
        if (ofOrg !== org || seq === 0) report("ANCHOR_INVALID", "The anchor is of another organisation, or of no event.", place);
        if (state.events + state.stubs > 0 || state.pruned !== undefined)
          report("ANCHOR_INVALID", "The anchor does not come before the agent's first event.", place);
        Object.assign(state, { end: { seq, hash }, after: seq, pruned: { seq, signedAt: ts } });
      } catch {
        report("ANCHOR_INVALID", "The anchor is not signed by the agent whose chain begins there.", place);
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
      if ((state.owed?.seq ?? 0) > state.end.seq)
        report(
          "GAP_INVALID",
          `The chain ends before event ${state.owed?.seq}, up to which the node had taken it before it lost events.`,
          place,
        );
      state.closed = true;
    },

    /** @param log the node's signed log, where a line before has it */
    receipt({ agentId, index, proof }: LineOf<"receipt">, log: AuditLogHead | undefined): void {
      const state = stateOf(agentId);
      const isHeld = log !== undefined && state.closed && holdsEntry(log, { agentId, ...state.end }, { index, proof });
      if (!isHeld || state.receipted)
        report("RECEIPT_INVALID", "The node's log does not hold the end of this agent's chain at this place.", { agent: agentId });
      state.receipted = isHeld;
    },

    /** Nothing may be gone that the signed retention wants kept. @param keptFromMs what agents signed later has to be there */
    retained(keptFromMs: number): void {
      for (const [agent, { pruned, lost }] of states) {
        const gone = [...(pruned === undefined ? [] : [{ to: pruned.seq, signedAt: pruned.signedAt }]), ...lost];
        const early = gone.find(({ signedAt }) => Date.parse(signedAt) > keptFromMs);
        if (early !== undefined)
          report("PRUNED_EARLY", `Events up to ${early.to} were forgotten sooner than the organisation has signed.`, { agent });
      }
    },

    /** Compares what was seen with what the exporter signed. */
    finish(stated: ExportStatement["agents"]): void {
      for (const { agentId, after = 0, seq, hash } of stated) {
        const state = states.get(agentId);
        const place = { agent: agentId, seq };
        if (state === undefined || state.events + state.stubs === 0)
          report("AGENT_MISSING", `All events of the agent, up to ${seq}, are missing.`, place);
        else if (!state.closed) report("HEAD_MISSING", "The agent's signed head is missing.", place);
        if (
          state !== undefined &&
          state.events + state.stubs > 0 &&
          (state.end.seq !== seq || state.end.hash !== hash || state.after !== after)
        ) {
          const [said, seen] = [`events ${after + 1} to ${seq}`, `${state.after + 1} to ${state.end.seq}`];
          report("STATEMENT_MISMATCH", `The export's statement says that it holds the agent's ${said}; here are ${seen}.`, place);
        }
      }
      const known = new Set(stated.map(({ agentId }) => agentId));
      for (const agent of states.keys()) {
        if (!known.has(agent)) report("AGENT_UNKNOWN", "The agent is not in the export's statement; its lines were inserted.", { agent });
      }
    },

    summaries: (): AgentSummary[] =>
      [...states].map(([agentId, { events, stubs, receipted, subject, role, pruned, lost }]) => ({
        agentId,
        events,
        stubs,
        receipted,
        ...(subject === undefined ? {} : { subject }),
        ...(role === undefined ? {} : { role }),
        ...(pruned === undefined ? {} : { pruned }),
        ...(lost.length === 0 ? {} : { lost }),
      })),
  };
}
