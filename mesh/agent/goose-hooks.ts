/**
 * What the daemon answers to Goose's hooks and to its own MCP servers: sessions are registered, tool calls decided on, a chat that ends is told
 * of its inbox. Any failure is a no, but at the end of a turn, where a no would only keep the turn from ending.
 */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import type { DaemonRequest, DaemonResult } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { CommitOptions, CommitQueue, PolicyDecision, PolicyEngine, Transaction } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import { decideToolCall, FINAL_OUTPUT, toolQuestion } from "./bundle-policy.ts";
import type { GooseSession, GooseSessions } from "./goose-sessions.ts";
import type { InboxNotice } from "./inbox-notice.ts";

/** What the hooks need. */
export interface GooseHookDeps {
  readonly self: Principal;
  readonly policy: PolicyEngine;
  readonly sessions: GooseSessions;
  readonly queue: CommitQueue;
  readonly notice: InboxNotice;
  bundle(): VerifiedBundle;
  newTraceId(): string;
}

/** Handlers of `session.register` and `hook.decide`. */
export interface GooseHooks {
  /** A chat begins, or goes on with a new prompt. */
  register(request: Pick<DaemonRequest<"session.register">, "sessionId">): Promise<DaemonResult<"session.register">>;
  /**
   * `PreToolUse`: Goose is about to call a tool. `ToolCall`: one of our MCP servers was called, whatever hooks ran before.
   * `Stop`: a turn ends; `block` then gives the model a text. Every other event is blocked.
   * @throws GaggleError SESSION_UNKNOWN for a `ToolCall` of a session that never registered
   */
  decide(request: DaemonRequest<"hook.decide">): Promise<DaemonResult<"hook.decide">>;
}

/** Goose itself goes on after 8 blocks in a row; ours end before. */
const MAX_NOTICES_PER_PROMPT = 3;
const MAX_TURNS_KEPT = 2_000;

/** What happened since the last prompt of a chat. */
interface Turn {
  notices: number;
  /** A recipe's typed result is out; one more turn would void it. */
  hasResult: boolean;
  /** Calls that the hook allowed and that have not reached an MCP server of ours yet, by tool. */
  readonly announced: Map<string, number>;
}

const ALLOW: DaemonResult<"hook.decide"> = { decision: "allow", reason: "" };
const newTurn = (): Turn => ({ notices: 0, hasResult: false, announced: new Map() });

/** Makes the handlers. */
export function createGooseHooks(deps: GooseHookDeps): GooseHooks {
  const { self, sessions, queue, notice } = deps;
  const actor = actorOf(self);
  const turns = new Map<string, Turn>();

  const begin = (key: string): Turn => {
    const turn = newTurn();
    turns.delete(key);
    turns.set(key, turn);
    const [oldest] = turns.keys();
    if (turns.size > MAX_TURNS_KEPT && oldest !== undefined) turns.delete(oldest);
    return turn;
  };
  const turnOf = (key: string): Turn => turns.get(key) ?? begin(key);

  const registerIn = (tx: Transaction, key: string): void => {
    if (!sessions.register(key, { kind: "chat", traceId: deps.newTraceId() }, tx)) return;
    tx.audit({ actor, action: "session.register", target: `session:${key}`, result: "ok", traceId: traceOf(key) });
  };
  const traceOf = (key: string): string => sessions.find(key)?.traceId ?? deps.newTraceId();

  /** A chat that is known is work that was taken before: it passes on a disk that is nearly full, where nothing new begins. */
  const goesOn = (key: string): CommitOptions => ({ finishing: sessions.find(key) !== undefined });

  const policyOn = (tool: string, session: GooseSession | undefined, counts: boolean): PolicyDecision =>
    decideToolCall(deps, { tool, unattended: session?.kind === "run", counts });

  const questionOf = (key: string, tool: string) => toolQuestion(self, { tool, unattended: sessions.find(key)?.kind === "run" });

  const draft = (key: string, tool: string, decision: PolicyDecision, more: AuditDraft["details"] = {}): AuditDraft => ({
    actor,
    action: "tool.call",
    target: `tool:${tool}`,
    result: decision.allowed ? "ok" : "denied",
    details: { sessionId: key, ...(decision.policyHash === "" ? {} : decisionDetails(decision, questionOf(key, tool))), ...more },
    traceId: traceOf(key),
  });
  const answer = ({ allowed, reason }: PolicyDecision): DaemonResult<"hook.decide"> => ({ decision: allowed ? "allow" : "block", reason });

  const beforeTool = async (key: string, tool: string): Promise<DaemonResult<"hook.decide">> => {
    const session = sessions.find(key);
    const decision = policyOn(tool, session, session?.kind !== "run");
    // The executor's own gate records the calls of a run.
    if (session?.kind === "run") return answer(decision);
    await queue.run((tx) => {
      // That our hook runs is what registering says, so a session that is new here is registered late rather than lost.
      registerIn(tx, key);
      tx.audit(draft(key, tool, decision));
    }, goesOn(key));
    const turn = turnOf(key);
    if (decision.allowed) turn.announced.set(tool, (turn.announced.get(tool) ?? 0) + 1);
    if (decision.allowed && tool === FINAL_OUTPUT) turn.hasResult = true;
    return answer(decision);
  };

  /** Takes an announced call; false where no hook announced it: it came past Goose's hooks. */
  const takeAnnounced = (key: string, tool: string): boolean => {
    const announced = turns.get(key)?.announced;
    const count = announced?.get(tool) ?? 0;
    if (count > 0) announced?.set(tool, count - 1);
    return count > 0;
  };

  const atServer = async (key: string, tool: string): Promise<DaemonResult<"hook.decide">> => {
    const session = sessions.find(key);
    const isRefused = session === undefined && deps.bundle().profile.guard.unregistered === "refuse";
    // What a hook announced, or the executor's gate let through, was counted there.
    const isKnown = session?.kind === "run" || takeAnnounced(key, tool);
    const decision = isRefused ? UNREGISTERED : policyOn(tool, session, !isKnown);
    const isRecorded = session?.kind === "run" || (isKnown && decision.allowed);
    if (!isRecorded) await queue.run((tx) => tx.audit(draft(key, tool, decision, { pastHooks: true })), goesOn(key));
    if (isRefused) throw sessionUnknown();
    return answer(decision);
  };

  const atEnd = async (key: string): Promise<DaemonResult<"hook.decide">> => {
    const turn = turnOf(key);
    if (sessions.find(key)?.kind !== "chat" || turn.hasResult || turn.notices >= MAX_NOTICES_PER_PROMPT) return ALLOW;
    const text = await notice.next();
    if (text === undefined) return ALLOW;
    turn.notices += 1;
    return { decision: "block", reason: text };
  };

  return {
    async register({ sessionId }) {
      await queue.run((tx) => registerIn(tx, sessionId), goesOn(sessionId));
      begin(sessionId);
      return { ok: true };
    },
    async decide({ event, sessionId, tool }) {
      if (event === "PreToolUse") return beforeTool(sessionId, tool);
      if (event === "ToolCall") return atServer(sessionId, tool);
      if (event === "Stop") return atEnd(sessionId);
      return { decision: "block", reason: "This event of Goose's hooks is not known here. Update Gaggle, then run gaggle setup." };
    },
  };
}

const sessionUnknown = (): GaggleError =>
  new GaggleError(
    "SESSION_UNKNOWN",
    "This session never registered with the agent daemon, so its tools are refused; run `gaggle setup`, then start Goose anew.",
  );

const UNREGISTERED: PolicyDecision = { allowed: false, rules: [], reason: "The session never registered.", policyHash: "" };
