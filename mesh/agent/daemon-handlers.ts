/** The functions behind the daemon's local API. Source: mesh/contract/daemon-api.ts. */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { Guard } from "../../guard/guard.ts";
import type { AuditChain } from "../audit/chain.ts";
import type { AuditDraft } from "../contract/audit.ts";
import type { DaemonHandlers, DaemonResult } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { CommitQueue, OrderedStore, PolicyEngine } from "../contract/ports.ts";
import type { GuardStats } from "../contract/usage.ts";
import type { Directory } from "../directory/create-directory.ts";
import type { CallContext } from "../session/ports.ts";
import { decideToolCall } from "./bundle-policy.ts";
import type { GooseSessions } from "./goose-sessions.ts";
import type { Messaging, MessagingMethod } from "./messaging.ts";
import { streamEvents } from "./stream-events.ts";

/** What the handlers need. */
export interface HandlerDeps {
  readonly self: Principal;
  readonly messaging: Messaging;
  readonly directory: Directory;
  readonly policy: PolicyEngine;
  readonly guard: Guard;
  readonly sessions: GooseSessions;
  readonly chain: AuditChain;
  readonly queue: CommitQueue;
  bundle(): VerifiedBundle;
  status(): Promise<DaemonResult<"daemon.status">>;
  /** Sends what the bootstrap node does not have; resolves with how far it got. */
  shipAudit(): Promise<{ seq: number; shipped: number }>;
  /** What model calls used in the last days. */
  guardStats(days: number): Promise<GuardStats>;
  /** Ends the daemon soon, after the answer is out. */
  stopSoon(): void;
  newTraceId(): string;
}

/** The event of Goose's hooks on which a tool call can be stopped. */
const BEFORE_TOOL = "PreToolUse";

/** Makes the handlers of every method but hello. */
export function createDaemonHandlers(deps: HandlerDeps): Omit<DaemonHandlers, "hello"> {
  const { self, sessions, policy } = deps;
  const agent: AuditDraft["actor"] = { type: "agent", id: self.agentId, role: self.role };
  const person: AuditDraft["actor"] = { type: "person", id: self.subject, role: self.role };
  const traceOf = (sessionId: string | undefined): string => sessions.find(sessionId ?? "")?.traceId ?? deps.newTraceId();
  const record = (draft: AuditDraft): Promise<void> => deps.queue.run((tx) => tx.audit(draft));

  /** A messaging method; whoever calls it, this agent does it, but for what only a person can do. */
  const messaging = <M extends MessagingMethod>(method: M, actor = agent): DaemonHandlers[M] => {
    const run = deps.messaging.methods[method] as (params: unknown, call: CallContext) => Promise<DaemonResult<M>>;
    return ((params: { sessionId?: string }) => run(params, { actor, traceId: traceOf(params.sessionId) })) as DaemonHandlers[M];
  };

  return {
    "daemon.status": () => deps.status(),
    "daemon.stop": () => {
      deps.stopSoon();
      return { ok: true };
    },
    "session.register": async ({ sessionId }) => {
      sessions.register(sessionId, { kind: "chat", traceId: deps.newTraceId() });
      await record({ actor: agent, action: "session.register", target: `session:${sessionId}`, result: "ok", traceId: traceOf(sessionId) });
      return { ok: true };
    },
    "hook.decide": async ({ event, sessionId, tool }) => {
      if (event !== BEFORE_TOOL) return { decision: "allow", reason: "Only tool calls are decided on." };
      const session = sessions.find(sessionId);
      const unattended = session?.kind === "run";
      const { allowed, reason, rules } = decideToolCall({ policy, bundle: deps.bundle, self }, { tool, unattended });
      // The executor's own gate records the calls of a run.
      if (!unattended) {
        const details = { sessionId, rules: rules.join(",").slice(0, 500) };
        await record({
          actor: agent,
          action: "tool.call",
          target: `tool:${tool}`,
          result: allowed ? "ok" : "denied",
          details,
          traceId: traceOf(sessionId),
        });
      }
      return { decision: allowed ? "allow" : "block", reason };
    },
    "task.send": messaging("task.send"),
    "task.cancel": messaging("task.cancel"),
    "task.answer": messaging("task.answer"),
    "approval.request": messaging("approval.request"),
    "approval.open": messaging("approval.open"),
    "approval.decide": messaging("approval.decide", person),
    notify: messaging("notify"),
    "status.fetch": messaging("status.fetch"),
    "inbox.list": messaging("inbox.list"),
    "inbox.read": messaging("inbox.read"),
    "inbox.accept": messaging("inbox.accept"),
    "inbox.reject": messaging("inbox.reject"),
    "inbox.complete": messaging("inbox.complete"),
    "inbox.ask": messaging("inbox.ask"),
    "outbox.list": messaging("outbox.list"),
    "dead.list": messaging("dead.list"),
    "dead.retry": messaging("dead.retry"),
    "directory.agents": (filter) => ({ agents: deps.directory.agents(filter) }),
    "policy.whoami": () => whoami(self, deps.bundle()),
    "policy.check": ({ action, targetRole, resource }) => {
      const named = { ...(targetRole === undefined ? {} : { targetRole }), ...(resource === undefined ? {} : { resource }) };
      const { allowed, rules, reason, policyHash } = policy.decide({ action, principal: self, ...named });
      return { allowed, rules: [...rules], reason, policyHash };
    },
    "guard.stats": ({ days }) => deps.guardStats(days),
    "guard.detect": ({ text }) => deps.guard.detect(text),
    "guard.process": ({ text, sessionId }) => deps.guard.process(text, sessionId),
    "guard.restore": ({ masked, mapRef, sessionId }) => {
      const { allowed, reason } = policy.decide({ action: "guard.restore", principal: self });
      if (!allowed) throw new GaggleError("POLICY_DENIED", `The signed policy does not allow restoring. ${reason}`);
      return deps.guard.restore(masked, mapRef, sessionId);
    },
    "audit.ship": () => deps.shipAudit(),
    "audit.list": async ({ fromSeq, limit }) => ({ events: await deps.chain.list({ fromSeq, limit }) }),
    "events.subscribe": ({ fromSeq }, connection) => {
      streamEvents(deps.chain, fromSeq ?? deps.chain.head().seq + 1, connection);
      return { ok: true };
    },
  };
}

function whoami(self: Principal, { manifest, profile, orgChart }: VerifiedBundle): DaemonResult<"policy.whoami"> {
  return {
    ...self,
    org: manifest.org,
    orgName: manifest.orgName,
    title: orgChart.find(({ id }) => id === self.subject)?.title ?? profile.title,
    level: profile.level,
    bundleVersion: manifest.version,
    policyHash: manifest.policyHash,
    skills: profile.skills.map(({ id }) => id),
    extensions: profile.extensions,
  };
}
