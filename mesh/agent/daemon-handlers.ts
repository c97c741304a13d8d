/** The functions behind the daemon's local API. Source: mesh/contract/daemon-api.ts. */
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { Guard } from "../../guard/guard.ts";
import type { TokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import type { AuditChain } from "../audit/chain.ts";
import type { LogWatch } from "../audit/log-watch.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import type { DaemonConnection, DaemonHandlers, DaemonRequest, DaemonResult } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { CommitQueue, OrderedStore, PolicyEngine } from "../contract/ports.ts";
import type { GuardStats } from "../contract/usage.ts";
import type { Directory } from "../directory/create-directory.ts";
import { skillsGraph } from "../directory/skills-graph.ts";
import type { CallContext } from "../session/ports.ts";
import { OWN } from "./boundary/restore-policy.ts";
import { createGooseHooks } from "./goose-hooks.ts";
import type { GooseSessions } from "./goose-sessions.ts";
import { createInboxNotice } from "./inbox-notice.ts";
import type { Messaging, MessagingMethod } from "./messaging/messaging-types.ts";
import type { AgentArtifacts } from "./open-artifacts.ts";
import type { PolicyDesk } from "./policy/policy-desk.ts";
import { streamEvents } from "./stream-events.ts";

/** What the handlers need. */
export interface HandlerDeps {
  readonly self: Principal;
  readonly messaging: Messaging;
  readonly directory: Directory;
  readonly policy: PolicyEngine;
  readonly policyDesk: PolicyDesk;
  readonly guard: Guard;
  readonly tokens: Pick<TokenSessions, "drop" | "dropAll">;
  readonly sessions: GooseSessions;
  readonly chain: AuditChain;
  readonly logWatch: Pick<LogWatch, "alarms" | "acknowledge">;
  readonly queue: CommitQueue;
  readonly store: OrderedStore;
  readonly artifacts: Pick<AgentArtifacts, "add" | "list" | "save">;
  bundle(): VerifiedBundle;
  status(): Promise<DaemonResult<"daemon.status">>;
  /** What model calls used in the last days. */
  guardStats(days: number): Promise<GuardStats>;
  /** Sends what the bootstrap node does not have; resolves with how far it got. */
  shipAudit(): Promise<{ seq: number; shipped: number }>;
  /** Takes an admin's revocation; says whether it is new. */
  revoke(statement: string): Promise<boolean>;
  /** What a Prometheus server is told. */
  metrics(): Promise<string>;
  /** Writes a backup of the home. */
  backup(request: DaemonRequest<"daemon.backup">): Promise<DaemonResult<"daemon.backup">>;
  /** Tells everybody that this agent leaves, and hands the audit trail over. */
  leave(): Promise<DaemonResult<"daemon.leave">>;
  /** Ends the daemon soon, after the answer is out. */
  stopSoon(): void;
  newTraceId(): string;
}

/** Waiting items that are looked at when a chat ends. */
const MAX_WAITING = 500;

/** Makes the handlers of every method but hello. */
export function createDaemonHandlers(deps: HandlerDeps): Omit<DaemonHandlers, "hello"> {
  const { self, sessions, policy } = deps;
  const agent = actorOf(self);
  const person: AuditDraft["actor"] = {
    type: "person",
    id: self.subject,
    get role() {
      return self.role;
    },
  };
  const traceOf = (sessionId: string | undefined): string => sessions.find(sessionId ?? "")?.traceId ?? deps.newTraceId();
  const waiting = (): Promise<DaemonResult<"inbox.list">> =>
    deps.messaging.methods["inbox.list"]({ waiting: true, limit: MAX_WAITING }, { actor: agent, traceId: deps.newTraceId() });
  const notice = createInboxNotice({ ...deps, waiting });
  const hooks = createGooseHooks({ ...deps, notice });

  /** A messaging method; whoever calls it, this agent does it, but for what only a person can do. */
  const messaging = <M extends MessagingMethod>(method: M, actor = agent): DaemonHandlers[M] => {
    const run = deps.messaging.methods[method] as (params: unknown, call: CallContext) => Promise<DaemonResult<M>>;
    return ((params: { sessionId?: string }) => {
      const unattended = sessions.find(params.sessionId ?? "")?.kind === "run";
      return run(params, { actor, traceId: traceOf(params.sessionId), unattended });
    }) as DaemonHandlers[M];
  };

  /** A method that shows items of the inbox: whoever looked need not be told of them at the end of a chat. */
  const shown = <M extends "inbox.list" | "inbox.read" | "approval.open">(method: M): DaemonHandlers[M] => {
    const show = messaging(method) as (params: DaemonRequest<M>, on: DaemonConnection) => Promise<DaemonResult<M>>;
    return (async (params: DaemonRequest<M>, on: DaemonConnection) => {
      const result = await show(params, on);
      await notice.saw("items" in result ? result.items : [result]);
      return result;
    }) as DaemonHandlers[M];
  };

  return {
    "daemon.status": () => deps.status(),
    "daemon.stop": () => {
      deps.stopSoon();
      return { ok: true };
    },
    "daemon.metrics": async () => ({ text: await deps.metrics() }),
    "daemon.backup": (request) => deps.backup(request),
    "daemon.leave": () => deps.leave(),
    "session.register": (request) => hooks.register(request),
    "hook.decide": (request) => hooks.decide(request),
    "task.send": messaging("task.send"),
    "task.cancel": messaging("task.cancel"),
    "task.answer": messaging("task.answer"),
    "approval.request": messaging("approval.request"),
    "approval.open": shown("approval.open"),
    "approval.decide": messaging("approval.decide", person),
    notify: messaging("notify"),
    "status.fetch": messaging("status.fetch"),
    "inbox.list": shown("inbox.list"),
    "inbox.read": shown("inbox.read"),
    "inbox.accept": messaging("inbox.accept"),
    "inbox.reject": messaging("inbox.reject"),
    "inbox.complete": messaging("inbox.complete"),
    "inbox.ask": messaging("inbox.ask"),
    "inbox.progress": messaging("inbox.progress"),
    "member.revoke": async ({ statement }) => ({ taken: await deps.revoke(statement) }),
    "session.open": messaging("session.open"),
    "session.join": messaging("session.join"),
    "session.leave": messaging("session.leave"),
    "session.share": messaging("session.share"),
    "session.invite": messaging("session.invite"),
    "session.handoff": messaging("session.handoff"),
    "session.close": messaging("session.close"),
    "session.status": messaging("session.status"),
    "session.list": messaging("session.list"),
    "artifact.add": (request) => deps.artifacts.add(request),
    "artifact.list": (request) => deps.artifacts.list(request),
    "artifact.save": (request) => deps.artifacts.save(request),
    "outbox.list": messaging("outbox.list"),
    "outbox.cancel": messaging("outbox.cancel"),
    "dead.list": messaging("dead.list"),
    "dead.retry": messaging("dead.retry"),
    "dead.retryAll": messaging("dead.retryAll"),
    "directory.agents": (filter) => ({ agents: deps.directory.agents(filter) }),
    "directory.skills": (filter) => ({ skills: skillsGraph(deps.directory.agents(filter)) }),
    "directory.chart": () => ({ people: deps.directory.seats().map((seat) => ({ ...seat, agents: [...seat.agents] })) }),
    "policy.whoami": () => whoami(self, deps.bundle()),
    ...deps.policyDesk,
    "guard.detect": ({ text }) => deps.guard.detect(text),
    "guard.process": (request) => deps.guard.process(request),
    "guard.restore": ({ masked, mapRef, sessionId }) => {
      const { allowed, reason } = policy.decide({ action: "guard.restore", principal: self, resource: OWN });
      if (!allowed) throw new GaggleError("POLICY_DENIED", `The signed policy does not allow restoring. ${reason}`);
      return deps.guard.restore(masked, mapRef, sessionId);
    },
    "guard.forget": async ({ sessionId }) => {
      const target = sessionId === undefined ? `agent:${self.agentId}` : `session:${sessionId}`;
      await deps.queue.run((tx) => tx.audit({ actor: person, action: "guard.forget", target, result: "ok", traceId: traceOf(sessionId) }));
      await (sessionId === undefined ? deps.tokens.dropAll() : deps.tokens.drop(sessionId));
      return { ok: true };
    },
    "guard.stats": ({ days }) => deps.guardStats(days),
    "audit.ship": () => deps.shipAudit(),
    "audit.alarms": async () => ({ alarms: await deps.logWatch.alarms() }),
    "audit.acknowledge": async (word) => {
      await deps.logWatch.acknowledge({ ...word, by: deps.self.subject });
      return { ok: true };
    },
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
