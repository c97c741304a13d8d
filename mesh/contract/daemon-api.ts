/**
 * The daemon's local API: JSON-RPC 2.0, one message a line (UTF-8, `\n`), over a Unix socket or named pipe that only the user can open.
 * This table is the contract of extensions, CLI and daemon. The first call on a connection is `hello`.
 */
import { z } from "zod";
import { auditEvent } from "./audit.ts";
import { policyAction } from "./bundle.ts";
import { principal } from "./identity.ts";
import { dataClass } from "./data-class.ts";
import { agentId, idempotencyKey, sha256, slug, subjectId, uuid } from "./ids.ts";
import { json, jsonObject } from "./json.ts";
import { SESSION_LIFETIME_MAX_MS, SESSION_LIFETIME_MS, STATUS_WAIT_MAX_MS } from "./limits.ts";
import { priority, taskState } from "./message.ts";
import { artifactRef, artifactRefs } from "./artifact.ts";
import { parts } from "./part.ts";
import { participation, sessionScope, sessionView, shardClass, taskSession, visibility } from "./session.ts";
import { resultSchema } from "./result-shape.ts";
import { guardStats, spent } from "./usage.ts";

export { DAEMON_API_VERSION } from "./api-version.ts";

/** How many of those whom a target means are asked: the best one, all, all until one accepts, or all until `n` have completed. */
export const fanout = z
  .strictObject({ mode: z.enum(["one", "all", "any", "quorum"]), n: z.int().min(1).max(100).optional() })
  .refine(({ mode, n }) => (mode === "quorum") === (n !== undefined), "give n with quorum, and only then");
/** How many of those whom a target means are asked. */
export type Fanout = z.infer<typeof fanout>;

/** Whom to ask: at least one of role, agent, skill and department. More than one narrows the choice; `locale` only prefers. */
export const target = z
  .strictObject({
    targetRole: slug.optional(),
    agentId: agentId.optional(),
    skill: slug.optional(),
    department: slug.optional(),
    locale: z.string().max(20).optional(),
    /** For tasks; left out: one. */
    fanout: fanout.optional(),
  })
  .refine(
    (t) => t.targetRole !== undefined || t.agentId !== undefined || t.skill !== undefined || t.department !== undefined,
    "name a targetRole, an agentId, a skill or a department",
  );
/** Whom to ask. */
export type Target = z.infer<typeof target>;

/** One line of a task's or approval's history. */
const historyEntry = z.strictObject({ at: z.iso.datetime(), state: z.string(), note: z.string().optional() });

/** Why an agent was chosen, and why others were not. */
const routeView = z.strictObject({
  because: z.string(),
  notChosen: z.array(z.strictObject({ agentId, subject: subjectId, because: z.string() })),
});

/** A task that was asked of several people: what became of each. */
const groupView = z.strictObject({
  mode: z.enum(["all", "any", "quorum"]),
  n: z.int().optional(),
  children: z.array(z.strictObject({ taskId: uuid, peer: principal, state: taskState, message: z.string().optional() })),
});

/** A task as either side sees it. `side` says whose view this is. */
export const taskView = z.strictObject({
  kind: z.literal("task"),
  taskId: uuid,
  side: z.enum(["asker", "worker"]),
  peer: principal,
  state: taskState,
  skill: slug.optional(),
  task: z.string(),
  context: jsonObject,
  /** Asker's side: `queued` until the receiver's disk has it, then `stored`; `deposited` while it waits, sealed, on the bootstrap node. */
  delivery: z.enum(["queued", "deposited", "stored", "dead"]).optional(),
  /** When the receiver's person opened it or a run began with it; at the asker, when it heard of that. */
  readAt: z.iso.datetime().optional(),
  /** Not before then; see `task.send`. */
  startAt: z.iso.datetime().optional(),
  /** Ended by then where it was not started; see `task.send`. */
  expiresAt: z.iso.datetime().optional(),
  result: json.optional(),
  message: z.string().optional(),
  /** More inputs, and more of the result. */
  parts: parts.optional(),
  resultParts: parts.optional(),
  /** Files that hang on the task, and on its result. */
  artifacts: artifactRefs.optional(),
  resultArtifacts: artifactRefs.optional(),
  /** JSON Schema that the result has to fit: the asker's, or the skill's. */
  resultSchema: jsonObject.optional(),
  /** The worker's newest word on how it goes; there while the task is open. */
  progress: z.strictObject({ seq: z.int(), note: z.string(), fraction: z.number().optional(), at: z.iso.datetime() }).optional(),
  /** What the runs used so far, where the worker told. */
  spent: spent.optional(),
  /** Asker's side: why it went to whom it went. */
  route: routeView.optional(),
  /** There where it was asked of several; `peer`, `result` and `state` are then those of all, or of the one that accepted first. */
  group: groupView.optional(),
  /** What was asked back and what the asker answered, oldest first. */
  answers: z.array(z.strictObject({ question: z.string(), answer: z.string() })).optional(),
  sessionId: z.string().optional(),
  /** The session of several agents that it belongs to, and the shards it is about. */
  session: taskSession.optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  history: z.array(historyEntry),
});
/** A task as either side sees it. */
export type TaskView = z.infer<typeof taskView>;

/** State of an approval: `PENDING` until a rostered key has signed. */
export const approvalState = z.enum(["PENDING", "APPROVED", "REJECTED", "FAILED"]);

/** An approval as either side sees it. */
export const approvalView = z.strictObject({
  kind: z.literal("approval"),
  approvalId: uuid,
  side: z.enum(["requester", "approver"]),
  peer: principal,
  state: approvalState,
  payload: json,
  payloadHash: sha256,
  delivery: z.enum(["queued", "deposited", "stored", "dead"]).optional(),
  /** Compact JWS of the decision, verified against the roster before it is shown here. */
  decision: z.string().optional(),
  approver: z.strictObject({ subject: z.string(), role: slug }).optional(),
  reason: z.string().optional(),
  sessionId: z.string().optional(),
  stepId: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  history: z.array(historyEntry),
});
/** An approval as either side sees it. */
export type ApprovalView = z.infer<typeof approvalView>;

/** A message to a person, as received. */
const notificationView = z.strictObject({
  kind: z.literal("notification"),
  id: uuid,
  peer: principal,
  message: z.string(),
  severity: z.enum(["info", "warning", "critical"]),
  createdAt: z.iso.datetime(),
});

/** What waits in, or went through, the inbox. */
export const inboxItem = z.discriminatedUnion("kind", [taskView, approvalView, notificationView]);
/** What waits in, or went through, the inbox. */
export type InboxItem = z.infer<typeof inboxItem>;

/** A message that waits to be delivered, or that could not be. Never its content. */
export const outboxItem = z.strictObject({
  id: uuid,
  to: agentId,
  type: z.string(),
  priority,
  attempts: z.int(),
  createdAt: z.iso.datetime(),
  nextAttemptAt: z.iso.datetime().optional(),
  lastError: z.string().optional(),
  /** Since when it also waits, sealed, on the bootstrap node. */
  depositedAt: z.iso.datetime().optional(),
});
/** A message that waits to be delivered, or that could not be. */
export type OutboxItem = z.infer<typeof outboxItem>;

/** An agent of the organisation that this daemon knows. */
export const agentView = z.strictObject({
  ...principal.shape,
  title: z.string(),
  online: z.boolean(),
  self: z.boolean(),
  skills: z.array(z.strictObject({ id: slug, description: z.string() })),
  locale: z.string().optional(),
  /** When it was last connected, or signed its card. */
  lastSeenAt: z.iso.datetime().optional(),
  /** What it last said about its load; there while that is fresh. */
  load: z
    .strictObject({
      running: z.int(),
      queued: z.int(),
      concurrency: z.int(),
      busy: z.boolean(),
      guardUp: z.boolean(),
      acceptingUntil: z.int().optional(),
    })
    .optional(),
});
/** An agent of the organisation that this daemon knows. */
export type AgentView = z.infer<typeof agentView>;

/** A span of detected personal data or secret: UTF-16 offsets, end exclusive. */
export const entity = z.strictObject({ start: z.int(), end: z.int(), label: z.string(), score: z.number(), detector: z.string() });
/** A span of detected personal data or secret. */
export type Entity = z.infer<typeof entity>;

/** What a caller of `guard.process` wants beyond the role's profile. It makes the guard stricter, never laxer. */
export const processPolicy = z.strictObject({
  /** `strict` also refuses a text with secrets. */
  mode: z.enum(["mask-and-forward", "strict"]).optional(),
  /** `mask`: masked though the profile would let it pass; `block`: a text with such a value is refused. */
  classes: z.partialRecord(dataClass, z.enum(["mask", "block"])).optional(),
});
/** What a caller of `guard.process` wants beyond the role's profile. */
export type ProcessPolicy = z.infer<typeof processPolicy>;

const empty = z.strictObject({});
const listLimit = z.int().min(1).max(1_000).default(200);
const done = z.strictObject({ ok: z.literal(true) });
const method = <P extends z.ZodType, R extends z.ZodType>(params: P, result: R): { params: P; result: R } => ({ params, result });

/** Every method of the daemon: the schema of its parameters and of its result. */
export const DAEMON_METHODS = {
  hello: method(
    z.strictObject({ apiVersion: z.int(), program: z.string().max(60) }),
    z.strictObject({ apiVersion: z.int(), version: z.string(), pid: z.int() }),
  ),
  "daemon.status": method(
    empty,
    z.strictObject({
      ...principal.shape,
      org: z.string(),
      orgName: z.string(),
      pid: z.int(),
      version: z.string(),
      startedAt: z.iso.datetime(),
      bundleVersion: z.int(),
      bundleExpiresAt: z.iso.datetime(),
      credentialExpiresAt: z.iso.datetime(),
      bootstrap: z.strictObject({ url: z.string(), reachable: z.boolean() }),
      peersConnected: z.int(),
      listening: z.array(z.string()),
      gatewayUrl: z.string(),
      inbox: z.strictObject({ waiting: z.int() }),
      outbox: z.strictObject({ queued: z.int(), dead: z.int() }),
      /** Where something is full: the own inbox (`answered`: messages told to come later), and recipients without room or away for whom something waits. */
      busy: z
        .strictObject({
          inbox: z.strictObject({ full: z.boolean(), items: z.int(), bytes: z.int(), answered: z.int() }),
          recipients: z.int(),
          away: z.int(),
        })
        .optional(),
      audit: z.strictObject({ seq: z.int(), shipped: z.int() }),
      rssBytes: z.int(),
    }),
  ),
  "daemon.stop": method(empty, done),
  "session.register": method(z.strictObject({ sessionId: z.string().min(1).max(200), workingDir: z.string().max(4_096).optional() }), done),
  "hook.decide": method(
    z.strictObject({ event: z.string().max(60), sessionId: z.string().max(200), tool: z.string().max(200) }),
    z.strictObject({ decision: z.enum(["allow", "block"]), reason: z.string() }),
  ),
  "task.send": method(
    z.strictObject({
      target,
      task: z.string().min(1).max(20_000),
      context: jsonObject.default({}),
      policyHints: jsonObject.default({}),
      priority: priority.default("P2"),
      /** Delivered at once; not started, nor shown as due, before then. At most 90 days ahead. */
      startAt: z.iso.datetime({ offset: true }).optional(),
      /** Undelivered or not started by then, it ends as FAILED. At most 14 days ahead. */
      expiresAt: z.iso.datetime({ offset: true }).optional(),
      sessionId: z.string().max(200).optional(),
      stepId: z.string().max(200).optional(),
      parts: parts.optional(),
      artifacts: artifactRefs.optional(),
      resultSchema: resultSchema.optional(),
      /** Id of a session with the receiver; the task refers to its shards, to all that the receiver may see or to those named. */
      inSession: uuid.optional(),
      shards: z.array(slug).max(64).optional(),
      idempotencyKey,
    }),
    z.strictObject({
      /** With fan-out, the group's. */
      taskId: uuid,
      agentId,
      state: taskState,
      /** With fan-out, the task of each who was asked. */
      children: z.array(z.strictObject({ taskId: uuid, agentId })).optional(),
    }),
  ),
  "task.cancel": method(z.strictObject({ taskId: uuid, reason: z.string().max(1_000).default("") }), taskView),
  "task.answer": method(z.strictObject({ taskId: uuid, answer: z.string().min(1).max(20_000) }), taskView),
  "approval.request": method(
    z.strictObject({
      target,
      payload: json,
      sessionId: z.string().max(200).optional(),
      stepId: z.string().min(1).max(200),
      idempotencyKey,
    }),
    z.strictObject({ approvalId: uuid, agentId, payloadHash: sha256 }),
  ),
  /** What the approver sees; the payload is also what its hash is made over. */
  "approval.open": method(z.strictObject({ approvalId: uuid }), approvalView),
  /** Takes a decision that was signed outside the daemon, where a person unlocked the approval key. */
  "approval.decide": method(z.strictObject({ approvalId: uuid, decision: z.string().max(4_096) }), approvalView),
  notify: method(
    z.strictObject({
      target,
      message: z.string().min(1).max(4_000),
      severity: z.enum(["info", "warning", "critical"]).default("info"),
      idempotencyKey,
    }),
    z.strictObject({ id: uuid, agentId, delivery: z.enum(["queued", "deposited", "stored"]) }),
  ),
  /** `id` is a task, an approval or a session. With `waitMs`, answers at the next change or when the time is up. */
  "status.fetch": method(
    z.strictObject({ id: z.string().min(1).max(200), waitMs: z.int().min(0).max(STATUS_WAIT_MAX_MS).default(0) }),
    z.discriminatedUnion("kind", [
      taskView,
      approvalView,
      z.strictObject({
        kind: z.literal("session"),
        sessionId: z.string(),
        /** Where it is one of several agents and not only a chat. */
        session: sessionView.optional(),
        tasks: z.array(taskView),
        approvals: z.array(approvalView),
      }),
    ]),
  ),
  /** Begins a session; those named are invited, and join where their policy lets them. This agent owns it. */
  "session.open": method(
    z.strictObject({
      purpose: z.string().min(1).max(2_000),
      participants: z.array(target).max(64),
      scope: sessionScope.default({}),
      /** How long it lasts unless it is closed, in milliseconds. */
      lifetimeMs: z.int().min(60_000).max(SESSION_LIFETIME_MAX_MS).default(SESSION_LIFETIME_MS),
      idempotencyKey,
    }),
    sessionView,
  ),
  /** Takes part again after it has left. */
  "session.join": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** Takes part no longer; what was shared is deleted here. */
  "session.leave": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** Puts a shard into the session, or a new version of one; the owner's to do. */
  "session.share": method(
    z.strictObject({
      sessionId: uuid,
      id: slug,
      title: z.string().min(1).max(500),
      classes: z.array(shardClass).min(1).max(20).default(["internal"]),
      visibility: visibility.default({}),
      body: json,
    }),
    sessionView,
  ),
  /** Offers the session to a participant (`to`), or answers such an offer (`accept`). */
  "session.handoff": method(
    z
      .strictObject({ sessionId: uuid, to: target.optional(), accept: z.boolean().optional() })
      .refine(({ to, accept }) => (to === undefined) !== (accept === undefined), "say to whom it goes, or whether you accept it"),
    sessionView,
  ),
  /** Ends it; what was shared is deleted at all who take part. */
  "session.close": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** How it stands; with `shard`, that one's body too. `waitMs`: answers at the next change or when the time is up. */
  "session.status": method(
    z.strictObject({
      sessionId: uuid,
      shard: slug.optional(),
      waitMs: z.int().min(0).max(STATUS_WAIT_MAX_MS).default(0),
    }),
    sessionView,
  ),
  /** The sessions of this agent, newest first. */
  "session.list": method(
    z.strictObject({ open: z.boolean().default(true) }),
    z.strictObject({
      sessions: z.array(
        z.strictObject({
          sessionId: uuid,
          purpose: z.string(),
          state: z.enum(["OPEN", "CLOSED", "EXPIRED"]),
          owner: principal,
          participation,
        }),
      ),
    }),
  ),
  "inbox.list": method(
    z.strictObject({
      kind: z.enum(["task", "approval", "notification"]).optional(),
      waiting: z.boolean().default(true),
      limit: z.int().min(1).max(500).default(50),
    }),
    z.strictObject({ items: z.array(inboxItem) }),
  ),
  "inbox.read": method(z.strictObject({ id: uuid }), inboxItem),
  "inbox.accept": method(z.strictObject({ taskId: uuid }), taskView),
  "inbox.reject": method(z.strictObject({ taskId: uuid, reason: z.string().min(1).max(1_000) }), taskView),
  "inbox.complete": method(
    z.strictObject({ taskId: uuid, result: json, parts: parts.optional(), artifacts: artifactRefs.optional() }),
    taskView,
  ),
  /** Takes a file of this machine in, by its absolute path; what comes back is given to `task.send` or `inbox.complete`. */
  "artifact.add": method(
    z.strictObject({ path: z.string().min(1).max(4_096), mediaType: z.string().min(1).max(200).optional() }),
    artifactRef,
  ),
  /** The files that came with a task or its result, and how much of each is here. */
  "artifact.list": method(
    z.strictObject({ taskId: uuid }),
    z.strictObject({ items: z.array(z.strictObject({ ...artifactRef.shape, here: z.boolean() })) }),
  ),
  /** Writes the files that came with a task into a folder, by its absolute path; nothing there is replaced. Fetches what is missing first. */
  "artifact.save": method(
    z.strictObject({ taskId: uuid, dir: z.string().min(1).max(4_096) }),
    z.strictObject({ saved: z.array(z.strictObject({ path: z.string(), bytes: z.int() })), missing: z.array(z.string()) }),
  ),
  /** How it goes: the asker sees the newest, some time later or not at all. */
  "inbox.progress": method(
    z.strictObject({ taskId: uuid, note: z.string().min(1).max(500), fraction: z.number().min(0).max(1).optional() }),
    taskView,
  ),
  "inbox.ask": method(z.strictObject({ taskId: uuid, question: z.string().min(1).max(4_000) }), taskView),
  "outbox.list": method(z.strictObject({ limit: listLimit }), z.strictObject({ items: z.array(outboxItem), total: z.int() })),
  /** Takes a request or notification back. `withdrawn` is false where it may have arrived: then the task's worker is asked to cancel it. */
  "outbox.cancel": method(z.strictObject({ id: uuid }), z.strictObject({ withdrawn: z.boolean() })),
  "dead.list": method(z.strictObject({ limit: listLimit }), z.strictObject({ items: z.array(outboxItem), total: z.int() })),
  "dead.retry": method(z.strictObject({ id: uuid }), done),
  "dead.retryAll": method(empty, z.strictObject({ sent: z.int(), kept: z.int() })),
  "directory.agents": method(
    z.strictObject({ role: slug.optional(), skill: slug.optional(), department: slug.optional(), online: z.boolean().optional() }),
    z.strictObject({ agents: z.array(agentView) }),
  ),
  /** What can be asked for by name in the organisation, and of whom. */
  "directory.skills": method(
    z.strictObject({ role: slug.optional(), department: slug.optional() }),
    z.strictObject({
      skills: z.array(
        z.strictObject({
          id: slug,
          descriptions: z.array(z.string()),
          roles: z.array(slug),
          departments: z.array(slug),
          people: z.array(subjectId),
          online: z.int(),
        }),
      ),
    }),
  ),
  /** The signed org chart, with the agents that are known of each person. */
  "directory.chart": method(
    empty,
    z.strictObject({
      people: z.array(
        z.strictObject({
          id: subjectId,
          title: z.string(),
          role: slug,
          department: slug,
          manager: subjectId.nullable(),
          agents: z.array(z.strictObject({ agentId, online: z.boolean(), self: z.boolean() })),
        }),
      ),
    }),
  ),
  "policy.whoami": method(
    empty,
    z.strictObject({
      ...principal.shape,
      org: z.string(),
      orgName: z.string(),
      title: z.string(),
      level: z.int(),
      bundleVersion: z.int(),
      policyHash: sha256,
      skills: z.array(slug),
      extensions: z.array(z.strictObject({ name: slug, tools: z.array(z.string()) })),
    }),
  ),
  "policy.check": method(
    z.strictObject({ action: policyAction, targetRole: slug.optional(), resource: z.string().max(200).optional() }),
    z.strictObject({ allowed: z.boolean(), rules: z.array(z.string()), reason: z.string(), policyHash: sha256 }),
  ),
  "guard.detect": method(z.strictObject({ text: z.string() }), z.strictObject({ entities: z.array(entity) })),
  "guard.process": method(
    z.strictObject({
      text: z.string(),
      sessionId: z.string().max(200),
      policy: processPolicy.optional(),
      /** What stands before and after the text in its document: looked at, so that nothing is missed at the edges, and not answered. */
      before: z.string().default(""),
      after: z.string().default(""),
    }),
    z.strictObject({ masked: z.string(), mapRef: z.string(), redactions: z.array(z.strictObject({ class: z.string(), count: z.int() })) }),
  ),
  "guard.restore": method(
    z.strictObject({ masked: z.string(), mapRef: z.string(), sessionId: z.string().max(200) }),
    z.strictObject({ text: z.string() }),
  ),
  /** Deletes the map of masked values of a session, or all maps; what they restored stays a token from then on. */
  "guard.forget": method(z.strictObject({ sessionId: z.string().min(1).max(200).optional() }), done),
  /** This agent's model calls of the last days: usage, money, what was masked and refused, where budgets stand. */
  "guard.stats": method(z.strictObject({ days: z.int().min(1).max(62).default(30) }), guardStats),
  /** Sends what the bootstrap node does not have yet. */
  "audit.ship": method(empty, z.strictObject({ seq: z.int(), shipped: z.int() })),
  "audit.list": method(
    z.strictObject({ fromSeq: z.int().min(1).default(1), limit: z.int().min(1).max(5_000).default(500) }),
    z.strictObject({ events: z.array(auditEvent) }),
  ),
  /** From then on the daemon sends every new audit event of this agent as a notification `audit.event`. */
  "events.subscribe": method(z.strictObject({ fromSeq: z.int().min(1).optional() }), done),
} as const;

/** Name of a daemon method. */
export type DaemonMethod = keyof typeof DAEMON_METHODS;
/** Parameters of a method as a caller gives them (defaults may be left out). */
export type DaemonParams<M extends DaemonMethod> = z.input<(typeof DAEMON_METHODS)[M]["params"]>;
/** Parameters of a method as the daemon gets them. */
export type DaemonRequest<M extends DaemonMethod> = z.output<(typeof DAEMON_METHODS)[M]["params"]>;
/** Result of a method. */
export type DaemonResult<M extends DaemonMethod> = z.output<(typeof DAEMON_METHODS)[M]["result"]>;

/** One handler per method; `connection` is what `events.subscribe` writes to. */
export type DaemonHandlers = {
  readonly [M in DaemonMethod]: (params: DaemonRequest<M>, connection: DaemonConnection) => Promise<DaemonResult<M>> | DaemonResult<M>;
};

/** The caller's connection, for methods that go on speaking after their answer. */
export interface DaemonConnection {
  notify(name: "audit.event", params: z.infer<typeof auditEvent>): void;
  onClose(fn: () => void): void;
}
