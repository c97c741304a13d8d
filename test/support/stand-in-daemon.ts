/**
 * A daemon's local API without mesh, store or guard: the real server of the socket with small in-memory handlers.
 * Every answer is checked against the contract, so that it can't stand for something that the real daemon doesn't say.
 */
import type { SessionView } from "../../mesh/contract/session.ts";
import { serveLocal, type LocalServer } from "../../mesh/agent/local-server.ts";
import {
  type ApprovalView,
  DAEMON_METHODS,
  type DaemonConnection,
  type DaemonHandlers,
  type DaemonMethod,
  type InboxItem,
  type TaskView,
} from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import { skillsGraph } from "../../mesh/directory/skills-graph.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { randomBytes } from "node:crypto";
import { idleStatus } from "./idle-status.ts";
import { NO_CALLS } from "../../guard/routes/usage-sum.ts";

/** Handlers of all methods but hello. */
export type StandInHandlers = Omit<DaemonHandlers, "hello">;

type TaskMethod = "task.send" | "task.cancel" | "task.answer";
type ApprovalMethod = "approval.request" | "approval.open" | "approval.decide";
type ReadMethod = "status.fetch" | "inbox.list" | "inbox.read" | "notify";

const AGENT = `12D3KooW${"A".repeat(44)}`;
const SELF = { agentId: `12D3KooW${"B".repeat(44)}`, subject: "fiona.berg", role: "finance", department: "finance" };
const PEER = { agentId: AGENT, subject: "marco.diaz", role: "marketing", department: "marketing" };
const HASH = "a".repeat(64);
const id = (): string => newUuid(Date.now(), { bytes: (length) => new Uint8Array(randomBytes(length)) });
const now = (): string => new Date().toISOString();

/** What the handlers remember; tests read it. */
export interface StandInState {
  readonly sessions: Map<string, string | undefined>;
  readonly tasks: Map<string, TaskView>;
  readonly approvals: Map<string, ApprovalView>;
  /** Idempotency key → id. */
  readonly keys: Map<string, string>;
  readonly notes: InboxItem[];
  /** Tools that hooks asked about. */
  readonly asked: string[];
}

const newState = (): StandInState => ({
  sessions: new Map(),
  tasks: new Map(),
  approvals: new Map(),
  keys: new Map(),
  notes: [],
  asked: [],
});

function found<T>(map: Map<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw new GaggleError("NOT_FOUND", "No such task or approval is known here. Check the id.");
  return value;
}

/** What happens once per key; a repeated call gets the first one's id. */
function once(state: StandInState, key: string, make: (newId: string) => void): string {
  const known = state.keys.get(key);
  if (known !== undefined) return known;
  const made = id();
  state.keys.set(key, made);
  make(made);
  return made;
}

function move(state: StandInState, taskId: string, change: Partial<TaskView>): TaskView {
  const task = found(state.tasks, taskId);
  const next = { ...task, ...change, updatedAt: now() };
  state.tasks.set(taskId, next);
  return next;
}

function taskHandlers(state: StandInState): Pick<StandInHandlers, TaskMethod> {
  return {
    "task.send": ({ target, task, context, sessionId, idempotencyKey }) => {
      if (target.targetRole === "legal")
        throw new GaggleError("POLICY_DENIED", "The policy does not let finance ask legal. Ask your admin.");
      const taskId = once(state, idempotencyKey, (taskId) => {
        const times = { createdAt: now(), updatedAt: now() };
        state.tasks.set(taskId, {
          kind: "task",
          taskId,
          side: "asker",
          peer: PEER,
          state: "SUBMITTED",
          task,
          context,
          delivery: "stored",
          ...(target.skill === undefined ? {} : { skill: target.skill }),
          ...(sessionId === undefined ? {} : { sessionId }),
          ...times,
          history: [{ at: now(), state: "SUBMITTED" }],
        });
      });
      return { taskId, agentId: AGENT, state: found(state.tasks, taskId).state };
    },
    "task.cancel": ({ taskId }) => move(state, taskId, { state: "CANCELED" }),
    "task.answer": ({ taskId }) => move(state, taskId, { state: "WORKING" }),
  };
}

function approvalHandlers(state: StandInState): Pick<StandInHandlers, ApprovalMethod> {
  return {
    "approval.request": ({ payload, stepId, sessionId, idempotencyKey }) => {
      const payloadHash = canonicalHash(payload);
      const approvalId = once(state, idempotencyKey, (approvalId) => {
        state.approvals.set(approvalId, {
          kind: "approval",
          approvalId,
          side: "requester",
          peer: PEER,
          state: "PENDING",
          payload,
          payloadHash,
          stepId,
          ...(sessionId === undefined ? {} : { sessionId }),
          createdAt: now(),
          updatedAt: now(),
          history: [],
        });
      });
      return { approvalId, agentId: AGENT, payloadHash };
    },
    "approval.open": ({ approvalId }) => found(state.approvals, approvalId),
    "approval.decide": ({ approvalId, decision }) => {
      const decided: ApprovalView = { ...found(state.approvals, approvalId), state: "APPROVED", decision };
      state.approvals.set(approvalId, decided);
      return decided;
    },
  };
}

/** Answers at the next change of the task, or when the time is up. */
async function waitForChange(state: StandInState, taskId: string, waitMs: number): Promise<void> {
  const before = state.tasks.get(taskId);
  const end = performance.now() + waitMs;
  while (state.tasks.get(taskId) === before && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
}

function readHandlers(state: StandInState): Pick<StandInHandlers, ReadMethod> {
  const all = (): InboxItem[] => [...state.tasks.values(), ...state.approvals.values(), ...state.notes];
  return {
    "status.fetch": async ({ id: wanted, waitMs }) => {
      if (state.tasks.has(wanted)) await waitForChange(state, wanted, waitMs);
      const item = state.tasks.get(wanted) ?? state.approvals.get(wanted);
      if (item !== undefined) return item;
      if (!state.sessions.has(wanted)) throw new GaggleError("NOT_FOUND", "No such task, approval or session is known here. Check the id.");
      const ofSession = <T extends TaskView | ApprovalView>(items: Iterable<T>): T[] =>
        [...items].filter((one) => one.sessionId === wanted);
      const [tasks, approvals] = [ofSession(state.tasks.values()), ofSession(state.approvals.values())];
      return { kind: "session", sessionId: wanted, tasks, approvals };
    },
    "inbox.list": ({ kind, limit }) => ({
      items: all()
        .filter((item) => kind === undefined || item.kind === kind)
        .slice(0, limit),
    }),
    "inbox.read": ({ id: wanted }) => {
      const item = all().find((one) =>
        [one.kind === "task" ? one.taskId : one.kind === "approval" ? one.approvalId : one.id].includes(wanted),
      );
      if (item === undefined) throw new GaggleError("NOT_FOUND", "Nothing with this id is in the inbox. List it again.");
      return item;
    },
    notify: ({ message, severity, idempotencyKey }) => {
      const noteId = once(state, idempotencyKey, (noteId) => {
        state.notes.push({ kind: "notification", id: noteId, peer: PEER, message, severity, createdAt: now() });
      });
      return { id: noteId, agentId: AGENT, delivery: "stored" };
    },
  };
}

/** A session that this agent owns and a colleague takes part in. */
const standInSession = (change: Partial<SessionView> = {}): SessionView => ({
  sessionId: "0190b0c8-0000-7000-8000-00000000000a",
  state: "OPEN",
  mine: "owner",
  participation: "joined",
  owner: SELF,
  epoch: 1,
  purpose: "Close October",
  scope: {},
  createdAt: now(),
  expiresAt: now(),
  participants: [{ ...PEER, state: "joined", shards: [] }],
  shards: [],
  offered: false,
  totals: { tasks: {}, openQuestions: 0, approvalsPending: 0, spent: { tokens: 0, usd: "0" }, agents: 1 },
  ...change,
});

function otherHandlers(state: StandInState): Omit<StandInHandlers, TaskMethod | ApprovalMethod | ReadMethod> {
  const agent = {
    ...PEER,
    title: "Marketing lead",
    online: true,
    self: false,
    skills: [{ id: "accruals", description: "Accruals of a month" }],
  };
  return {
    "daemon.status": () => ({
      ...SELF,
      org: `org_${"a".repeat(26)}`,
      ...idleStatus(now()),
      pid: process.pid,
      version: "0.1.0",
      bootstrap: { url: "http://127.0.0.1:1", reachable: true },
      peersConnected: 1,
    }),
    "daemon.stop": () => ({ ok: true }),
    "daemon.metrics": () => ({ text: "" }),
    "daemon.backup": () => ({ ok: true }),
    "daemon.leave": () => ({ seq: 0, shipped: 0 }),
    "member.revoke": () => ({ taken: true }),
    "artifact.add": () => ({ name: "a.csv", mediaType: "text/csv", bytes: 1, sha256: "0".repeat(64), chunks: "0".repeat(64) }),
    "artifact.list": () => ({ items: [] }),
    "artifact.save": () => ({ saved: [], missing: [] }),
    "session.register": ({ sessionId, workingDir }) => {
      state.sessions.set(sessionId, workingDir);
      return { ok: true };
    },
    "hook.decide": ({ event, tool }) => {
      if (event === "Stop") return { decision: "allow", reason: "" };
      if (event === "PreToolUse") state.asked.push(tool);
      const blocked = tool === "delegate" || tool === "shell";
      return { decision: blocked ? "block" : "allow", reason: blocked ? "The role may not use this tool." : "The role may use this tool." };
    },
    "inbox.accept": ({ taskId }) => move(state, taskId, { state: "WORKING" }),
    "inbox.reject": ({ taskId, reason }) => move(state, taskId, { state: "REJECTED", message: reason }),
    "inbox.complete": ({ taskId, result }) => move(state, taskId, { state: "COMPLETED", result }),
    "session.open": ({ purpose }) => standInSession({ purpose }),
    "session.join": () => standInSession(),
    "session.leave": () => standInSession({ participation: "left" }),
    "session.share": ({ id, title, classes, visibility }) =>
      standInSession({ shards: [{ id, version: 1, title, classes, visibility, bytes: 2 }] }),
    "session.invite": () => standInSession(),
    "session.handoff": () => standInSession({ handingTo: PEER }),
    "session.close": () => standInSession({ state: "CLOSED" }),
    "session.status": () => standInSession(),
    "session.list": () => ({ sessions: [] }),
    "inbox.progress": ({ taskId, note }) => move(state, taskId, { message: note }),
    "inbox.ask": ({ taskId, question }) => move(state, taskId, { state: "INPUT_REQUIRED", message: question }),
    "outbox.list": () => ({ items: [], total: 0 }),
    "outbox.cancel": () => ({ withdrawn: true }),
    "dead.list": () => ({ items: [], total: 0 }),
    "dead.retry": () => ({ ok: true }),
    "dead.retryAll": () => ({ sent: 0, kept: 0 }),
    "directory.skills": ({ role }) => ({ skills: role === undefined || role === agent.role ? skillsGraph([agent]) : [] }),
    "directory.chart": () => ({
      people: [
        {
          id: agent.subject,
          title: agent.title,
          role: agent.role,
          department: agent.department,
          manager: null,
          agents: [{ agentId: agent.agentId, online: true, self: false }],
        },
      ],
    }),
    "directory.agents": ({ role }) => ({ agents: role === undefined || role === agent.role ? [agent] : [] }),
    "policy.whoami": () => ({
      ...SELF,
      org: `org_${"a".repeat(26)}`,
      orgName: "Northwind Optics",
      title: "Head of finance",
      level: 2,
      bundleVersion: 1,
      policyHash: HASH,
      skills: ["close"],
      extensions: [{ name: "mesh", tools: ["send_task"] }],
    }),
    "policy.check": ({ action }) => ({
      allowed: action === "task.send",
      rules: action === "task.send" ? ["finance-asks"] : [],
      reason: action === "task.send" ? "Rule finance-asks allows it." : "No rule allows it.",
      policyHash: HASH,
      obligations: [],
      determining: [],
      closest: [],
    }),
    "policy.explain": () => ({ decisions: [], policyHash: HASH }),
    "policy.denials": () => ({ denials: [], policyHash: HASH }),
    "policy.asked": () => ({ since: new Date(0).toISOString(), questions: [], policyHash: HASH }),
    "guard.detect": ({ text }) => ({
      entities: [...text.matchAll(/\S+@\S+/g)].map((match) => ({
        start: match.index,
        end: match.index + match[0].length,
        label: "email",
        score: 1,
        detector: "rule",
      })),
    }),
    "guard.process": ({ text }) => ({
      masked: text.replaceAll(/\S+@\S+/g, "[[EMAIL_1]]"),
      mapRef: "map-1",
      redactions: [{ class: "email", count: 1 }],
    }),
    "guard.restore": ({ masked }) => ({ text: masked.replaceAll("[[EMAIL_1]]", "ada@example.com") }),
    "guard.forget": () => ({ ok: true }),
    "guard.stats": () => ({
      since: "2026-10-01",
      total: NO_CALLS,
      redactions: [],
      refusals: [],
      latencyMs: { samples: 0, p50: 0, p95: 0 },
      cache: { hits: 0, misses: 0 },
      byDay: [],
      bySession: [],
      byTask: [],
      byModel: [],
      budgets: [],
      upstreams: [],
    }),
    "audit.ship": () => ({ seq: 0, shipped: 0 }),
    "audit.list": () => ({ events: [] }),
    "audit.alarms": () => ({ alarms: [] }),
    "audit.acknowledge": () => ({ ok: true }),
    "events.subscribe": () => ({ ok: true }),
  };
}

/** Checks what each handler answers against the contract. */
function checked(handlers: StandInHandlers): StandInHandlers {
  const wrap = (method: Exclude<DaemonMethod, "hello">) => {
    const handler = handlers[method] as (params: unknown, connection: DaemonConnection) => unknown;
    return async (params: unknown, connection: DaemonConnection): Promise<unknown> =>
      DAEMON_METHODS[method].result.parse(await handler(params, connection));
  };
  const methods = Object.keys(handlers) as Exclude<DaemonMethod, "hello">[];
  return Object.fromEntries(methods.map((method) => [method, wrap(method)])) as unknown as StandInHandlers;
}

/** A stand-in that listens. */
export interface StandInDaemon extends LocalServer {
  readonly state: StandInState;
  /** Lines that the server logged. */
  readonly logged: string[];
}

/** Starts a stand-in on a socket; `change` replaces handlers. */
export async function startStandIn(path: string, change: Partial<StandInHandlers> = {}, state = newState()): Promise<StandInDaemon> {
  const handlers = { ...taskHandlers(state), ...approvalHandlers(state), ...readHandlers(state), ...otherHandlers(state), ...change };
  const logged: string[] = [];
  const log = (line: string, details: object): void => void logged.push(`${line} ${JSON.stringify(details)}`);
  const server = await serveLocal({ path, handlers: checked(handlers), version: "0.1.0", log });
  return { ...server, state, logged };
}
