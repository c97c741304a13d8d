/** What sessions need from the rest of the daemon, and what they tell a runner. */
import type { ArtifactRef } from "../contract/artifact.ts";
import type { AuditDraft } from "../contract/audit.ts";
import type { PolicyAction } from "../contract/bundle.ts";
import type { Target } from "../contract/daemon-api.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import type { Message, Priority } from "../contract/message.ts";
import type { Part } from "../contract/part.ts";
import type { Approver } from "../enforcement/approvers.ts";
import type { SessionContext, SessionTasks } from "./broker/session-tasks.ts";
import type { Clock, CommitQueue, OrderedStore, OutgoingMessage, PolicyEngine, Random, Transaction } from "../contract/ports.ts";

/** Records messages for sending, in the caller's transaction. The outbox does it. */
export interface Sender {
  /** @returns the envelope's id @throws GaggleError TOO_LARGE */
  enqueue(tx: Transaction, message: OutgoingMessage): string;
  /** Records that policy did not let a message go. */
  auditDenied(tx: Transaction, message: OutgoingMessage): void;
  /** Takes a message out that was surely never handed over; undefined where its recipient may have it. Left out, none can be. */
  takeBack?(tx: Transaction, message: { readonly id: string; readonly seq?: number }): Message | undefined;
}

/** Who makes a call, for the audit. */
export interface CallContext {
  readonly traceId: string;
  readonly actor: AuditDraft["actor"];
  /** A run without a person calls. */
  readonly unattended?: boolean;
}

/** A message that passed every check of the receiver. */
export interface SessionIncoming {
  readonly from: Principal;
  readonly traceId: string;
  readonly envelopeId: string;
  readonly priority: Priority;
  /** A copy for another device of the person than the one it was sent to: nothing is run for it without a person. */
  readonly copy?: true;
  /** Size of what came, for the inbox's quota. */
  readonly bytes: number;
  /** Classes that this agent's guard found in it; there where it looked. */
  readonly dataClasses?: readonly string[];
  /** Who signed that exactly this may be done. */
  readonly approvers?: readonly Approver[];
}

/** Counts what is open in the inbox, for its quota. */
export interface OpenItems {
  /** An item came in. */
  opened(tx: Transaction, kind: "task" | "approval" | "notification", id: string, incoming: SessionIncoming): void;
  /** Nothing more has to be done about an item; again, it changes nothing. */
  closed(tx: Transaction, kind: "task" | "approval" | "notification", id: string): void;
}

/** A skill of this agent's role that can run without a person. `details` (recipe, its hash, bundle version) go into the audit. */
export interface RunnableSkill {
  readonly id: string;
  readonly restart: "safe" | "ask";
  readonly details: Readonly<Record<string, string | number | boolean>>;
  /** JSON Schema that the recipe declares for its result under this context; undefined where it declares none, or the context does not fit it. */
  resultSchema?(context: JsonObject): JsonObject | undefined;
}

/** One attempt at a task. `attempt` fences: only the newest attempt's outcome counts. */
export interface RunnableTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly skill: string;
  /** SHA-256 of the recipe that policy let this attempt run. */
  readonly recipeSha256?: string;
  readonly task: string;
  readonly context: JsonObject;
  readonly policyHints: JsonObject;
  readonly asker: Principal;
  readonly traceId: string;
  readonly sessionId?: string;
  readonly stepId?: string;
  /** More inputs. */
  readonly parts?: readonly Part[];
  /** Files that hang on it. */
  readonly artifacts?: readonly ArtifactRef[];
  /** What it may see of the session that it belongs to. */
  readonly session?: SessionContext;
  /** Questions of earlier attempts and the asker's answers. */
  readonly answers: readonly { readonly question: string; readonly answer: string }[];
}

/** How an attempt ended. `details`, `cost` and `redactions` go into the audit event `run.finish`. */
export type RunOutcome = (
  | { readonly state: "COMPLETED"; readonly result: Json }
  | { readonly state: "FAILED" | "INPUT_REQUIRED"; readonly message: string }
) & {
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  readonly cost?: { readonly tokens: number; readonly usd: string };
  readonly redactions?: readonly { readonly class: string; readonly count: number }[];
};

/**
 * Runs tasks without a person. Each `start` is followed by exactly one call of `finish(taskId, attempt, outcome)` of the worker,
 * also after `stop`; the attempt is on the disk before `start` is called.
 */
export interface Runner {
  start(task: RunnableTask): void;
  /** The attempt is no longer wanted: end it and its whole process tree. */
  stop(taskId: string, attempt: number): void;
}

/** Whom a target means, why, and why not others. `ranked`: everybody who may be asked, best first, one agent a person. */
export interface TargetRoute {
  readonly to: Principal;
  readonly because: string;
  readonly notChosen: readonly { readonly principal: Principal; readonly because: string }[];
  readonly ranked: readonly { readonly principal: Principal; readonly online?: boolean; readonly because?: string }[];
}

/** Tasks within sessions of several agents; the broker does it. */
export type TaskSessions = Pick<SessionTasks, "refer" | "assertIn">;

/** What all session modules share. */
export interface SessionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly policy: PolicyEngine;
  readonly sender: Sender;
  /** Finds the agent for a target; `action` is what is meant to be done (default `task.send`). @throws GaggleError NO_ROUTE */
  resolve(target: Target, action?: PolicyAction): Principal;
  /** The same with reasons, for tasks; left out, nobody explains and one is asked. @throws GaggleError NO_ROUTE */
  route?(target: Target): TargetRoute;
  readonly self: Principal;
  readonly openItems: OpenItems;
  /** Whether what policy obliges to mask is masked as it leaves; left out, such an obligation is a deny. */
  readonly masks?: boolean;
  /** Classes that are in a value, in order; left out, they are unknown. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  classesOf?(value: Json): Promise<readonly string[]>;
  /**
   * What is signed can't be masked: whether it may go to somebody as it is; left out, it may.
   * @param known what they wrote themselves
   * @throws GaggleError POLICY_DENIED, GUARD_REFUSED where it could not be looked through
   */
  assertLeaves?(to: Principal, value: Json, known: Json): Promise<void>;
  /** Whether the newest bundle or an admin's statement revokes somebody; left out, nobody is. */
  isRevoked?(who: Pick<Principal, "agentId" | "subject">): boolean;
  /** Whether a text holds what a guard put in a value's place; left out, none does. */
  isMasked?(text: string): boolean;
}
