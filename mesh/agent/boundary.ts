/**
 * The guard between departments: masks messages that leave for another one by the sender's profile, seals the values to a receiver that policy lets
 * restore, and restores what came sealed. Spec G5; docs/decisions/0064-mesh-boundary.md
 */
import { hkdfSync } from "node:crypto";
import { opaqueId } from "../../guard/boundary/opaque-id.ts";
import { classesIn, maskTree, type Pair, type Passes, passesTo, restoreTree } from "../../guard/boundary/mask-tree.ts";
import { openPairs, sealPairs } from "../../guard/boundary/seal-pairs.ts";
import type { OpenKey, SealKey } from "../../guard/boundary/sealed-json.ts";
import type { Detection } from "../../guard/detect/detection.ts";
import type { Redactions } from "../../guard/pseudonym/mask-text.ts";
import { createTokenSession, type TokenSession } from "../../guard/pseudonym/token-session.ts";
import { type EpochKey, newestOf } from "../../guard/pseudonym/token-sessions.ts";
import { canonicalToken, tokenPattern } from "../../guard/pseudonym/token-form.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import type { GuardProfile } from "../contract/guard-policy.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json } from "../contract/json.ts";
import type { Message } from "../contract/message.ts";
import type { CommitQueue, PolicyContext, PolicyDecision, PolicyEngine } from "../contract/ports.ts";
import { type FoundClasses, type OpenedEnvelope, type RestoreNote, senderOf } from "../delivery/envelope.ts";
import { type OutboxRecord, traceIdOf } from "../delivery/outbox-record.ts";
import { leavingQuestion, type MessageQuestion, receivingQuestion } from "../enforcement/message-question.ts";
import type { Boundary } from "./messaging/messaging-types.ts";
import { createReleasePolicy, type Released } from "./release-policy.ts";
import type { TaskMessage } from "./task-values.ts";

/** What the boundary needs. */
export interface BoundaryDeps {
  readonly self: Principal;
  readonly detection: Pick<Detection, "detect">;
  readonly policy: PolicyEngine;
  readonly queue: CommitQueue;
  /** The guard's rules of this agent's role. */
  profile(): Pick<GuardProfile, "boundary">;
  /** Version of the bundle in force. */
  version(): number;
  /** The tenant's keys for pseudonyms. */
  epochs(): readonly EpochKey[];
  /** Key for tokens of other classes, this agent's own, 32 bytes. */
  boundaryKey(): Uint8Array;
  /** The key of a member that was met. */
  sealKeyOf(agentId: string): SealKey | undefined;
  readonly openKey: OpenKey;
  /** A trace for what belongs to no message. */
  newTrace(): string;
  /** Told which values came with a task's message, before the message counts; whether its sender has to do with the task is not yet checked. */
  keep(message: TaskMessage, from: string, pairs: readonly Pair[]): Promise<void>;
}

/** Resources in questions about `guard.restore`: one's own text by the verb, and what another department sent. */
export const OWN = "own";
export const RECEIVED = "received";

/** The parts of each message that people and models write. Approvals go as they are: a person signs exactly what is shown. */
const CONTENT: Readonly<Record<Message["type"], readonly string[]>> = {
  "task.request": ["task", "context", "policyHints", "parts", "resultSchema", "stepId"],
  "task.update": ["result", "message", "parts", "resultSchema"],
  "task.progress": ["note"],
  "task.answer": ["answer"],
  "task.cancel": ["reason"],
  "task.read": [],
  notification: ["message"],
  "approval.request": [],
  "approval.decision": [],
  "pseudonym.key": [],
  "session.state": ["purpose"],
  "session.shard": ["title", "body"],
  "session.withdraw": [],
  "session.join": [],
  "session.offer": [],
  "session.offer-answer": [],
  "session.report": [],
  "mail.receipt": [],
};

/** Ids that a caller chooses. They go by value at the receiver, so each is replaced as a whole. */
const CHOSEN_IDS = ["idempotencyKey", "sessionId"] as const;
/** Longest id of a step on the wire. */
const MAX_STEP_CHARS = 200;

/** Messages kept as they left, so that a try again costs nothing and is recorded once. */
const MAX_DEPARTED = 64;
const MAX_TOKENS = 100_000;

/** The content of a message as a list, so that no name of ours is ever looked at or replaced. */
const contentOf = (message: Message): Json[] => {
  // What came out of a message's schema is JSON.
  const fields = message as unknown as Readonly<Record<string, Json | undefined>>;
  return CONTENT[message.type].map((name) => fields[name] ?? null);
};

/** The message with other content. @param content as `contentOf` gave it, masked or restored */
const withContent = (message: Message, content: Json): Message => {
  const values = Array.isArray(content) ? content : [];
  const fields = CONTENT[message.type].flatMap((name, i) => (name in message ? [[name, values[i]] as const] : []));
  return { ...message, ...Object.fromEntries(fields) };
};

/** The message with ids that say nothing, where its caller chose them. */
function withOpaqueIds(message: Message, key: Uint8Array): Message {
  if (message.type !== "task.request" && message.type !== "approval.request") return message;
  const ids = CHOSEN_IDS.flatMap((name) => {
    const id = message[name];
    return id === undefined ? [] : [[name, opaqueId(id, name, key)] as const];
  });
  return { ...message, ...Object.fromEntries(ids) };
}

/** A masked step may be longer than the wire takes. */
const withShortStep = (message: Message, key: Uint8Array): Message =>
  message.type === "task.request" && (message.stepId?.length ?? 0) > MAX_STEP_CHARS
    ? { ...message, stepId: opaqueId(message.stepId ?? "", "stepId", key) }
    : message;

const listOf = (redactions: Redactions): { class: string; count: number }[] =>
  Array.from(redactions, ([name, count]) => ({ class: name, count })).toSorted((a, b) => (a.class < b.class ? -1 : 1));

/** How many values of each class pairs hold. */
function countPairs(pairs: readonly Pair[]): { class: string; count: number }[] {
  const counts: Redactions = new Map();
  for (const [token] of pairs) {
    const name = token.slice(0, token.lastIndexOf("_"));
    if (name !== "LITERAL") counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return listOf(counts);
}

/** Classes of the tokens in a text. */
const tokenClasses = (text: string): string[] =>
  Array.from(text.matchAll(tokenPattern()), ([token]) => canonicalToken(token))
    .map((token) => token.slice(0, token.lastIndexOf("_")))
    .filter((name) => name !== "LITERAL");

/** The boundary, and what it does with a file's text. */
export interface DepartmentBoundary extends Boundary {
  /** Classes that are in a value, in order. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  classesOf(value: Json): Promise<readonly string[]>;
  /** A text as it leaves with a task. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  maskText(leaving: { readonly to: Principal; readonly ref: string }, text: string): Promise<string>;
}

/** Makes the boundary of one agent. */
export function createBoundary(deps: BoundaryDeps): DepartmentBoundary {
  const { self, policy } = deps;
  const release = createReleasePolicy(deps);
  type Departed = Awaited<ReturnType<Boundary["depart"]>>;
  const departed = new Map<string, Departed>();

  /** Whether a receiver may see what a sender's guard masked; both sides ask the same of their own policy set. */
  const mayRestore = (receiver: Principal, sender: Principal): PolicyDecision =>
    policy.decide(
      { action: "guard.restore", principal: receiver, target: sender, targetRole: sender.role, resource: RECEIVED },
      { counts: receiver.agentId === self.agentId },
    );

  /** Tokens of one task are the same in all its messages, so that a message sent again is the same. */
  const sessionFor = (ref: string): TokenSession =>
    createTokenSession({
      mapRef: "",
      epochKey: newestOf(deps.epochs()).key,
      sessionKey: new Uint8Array(hkdfSync("sha256", deps.boundaryKey(), ref, "gaggle-boundary-v1", 32)),
      maxValues: MAX_TOKENS,
    });

  const seal = (pairs: readonly Pair[], { id, to }: Pick<OutboxRecord, "id" | "to">): Promise<string> => {
    const key = deps.sealKeyOf(to.agentId);
    if (key === undefined)
      throw new GaggleError("PEER_UNREACHABLE", "The receiver's key for sealed values is not known yet; it comes with its next hello.");
    return sealPairs(pairs, { id, from: self.agentId, to: to.agentId }, key);
  };

  const actor = actorOf(self);

  /** What may pass to a receiver; `said` then holds what the audit says of it. */
  const passing = (
    to: Principal,
    asked?: MessageQuestion,
    context?: PolicyContext,
  ): { readonly passes: Passes; said(): Released | undefined } => {
    let released: Released | undefined;
    return {
      passes: (found) => {
        released = release({ to, found, passes: passesTo(to.department, deps.profile()), asked, context });
        return released.passes;
      },
      said: () => released,
    };
  };

  const releaseDraft = (target: string, traceId: string, { details, denied }: Released): AuditDraft[] =>
    details === undefined ? [] : [{ actor, action: "data.release", target, result: denied ? "denied" : "ok", details, traceId }];

  const record = (drafts: readonly AuditDraft[]): Promise<void> =>
    deps.queue.run(
      (tx) => {
        for (const draft of drafts) tx.audit(draft);
      },
      { finishing: true },
    );

  /** Within the department nothing is masked but what policy obliges to. */
  const obligedOnly =
    (classes: readonly string[]): Passes =>
    (found) =>
      new Set([...found].filter((name) => !classes.includes(name)));

  const mask: Boundary["depart"] = async (leaving) => {
    const { id, to, ref = id } = leaving;
    const isHome = to.department === self.department;
    const message = isHome ? leaving.message : withOpaqueIds(leaving.message, deps.boundaryKey());
    const asked = passing(to, leavingQuestion(message), leaving.asked);
    const passes = isHome ? obligedOnly(leaving.mask ?? []) : asked.passes;
    const content = contentOf(message);
    const { tree, pairs, redactions } = await maskTree(content, { detection: deps.detection, session: sessionFor(ref) }, passes);
    const traceId = traceIdOf(leaving.traceparent);
    const said = asked.said();
    const drafts = said === undefined ? [] : releaseDraft(`envelope:${id}`, traceId, said);
    if (pairs.length === 0) {
      if (drafts.length > 0) await record(drafts);
      return { message };
    }
    const decision = mayRestore(to, self);
    const sealed = decision.allowed ? { sealed: await seal(pairs, leaving) } : {};
    const details = { to: to.agentId, toSubject: to.subject, toDepartment: to.department, sealed: decision.allowed };
    await record([
      ...drafts,
      {
        actor,
        action: "guard.mask",
        target: `envelope:${id}`,
        result: "ok",
        details: { ...details, rules: decision.rules.join(",").slice(0, 500) },
        redactions: listOf(redactions),
        traceId,
      },
    ]);
    return { message: withShortStep(withContent(message, tree), deps.boundaryKey()), ...sealed };
  };

  /** A payload goes to its approver as it is, so policy has to know what is in it; for a task that waits for an approval nobody has looked yet. */
  const assertAskable = async ({ to, message, asked }: Parameters<Boundary["depart"]>[0]): Promise<void> => {
    if (message.type !== "approval.request" || asked?.dataClasses !== undefined) return;
    const context = { ...asked, dataClasses: await classesIn(message.payload, deps.detection) };
    const question = { action: "approval.request" as const, principal: self, target: to, targetRole: to.role, context };
    const { allowed, reason } = policy.decide(question, { counts: false });
    if (!allowed) throw new GaggleError("POLICY_DENIED", `The signed policy does not let this leave, with what is in it. ${reason}`);
  };

  /** What is in a message of another department that asks for something here: policy wants to know it, and this agent's own guard says it. */
  const findIn = async ({ claims, member }: OpenedEnvelope): Promise<{ found?: FoundClasses }> => {
    const { message } = claims;
    if (member.department === self.department || receivingQuestion(message) === undefined) return {};
    const content = message.type === "approval.request" ? message.payload : contentOf(message);
    const unmasked = await classesIn(content, deps.detection);
    const classes = [...new Set([...unmasked, ...tokenClasses(JSON.stringify(content))])].toSorted();
    return { found: { classes, unmasked } };
  };

  const remember = (key: string, made: Departed): Departed => {
    departed.set(key, made);
    const [oldest] = departed.keys();
    if (departed.size > MAX_DEPARTED && oldest !== undefined) departed.delete(oldest);
    return made;
  };

  return {
    classesOf: (value) => classesIn(value, deps.detection),
    maskText: async ({ to, ref }, text) => {
      const { passes, said } = passing(to);
      const { tree } = await maskTree(text, { detection: deps.detection, session: sessionFor(ref) }, passes);
      const drafts = releaseDraft(`task:${ref}`, deps.newTrace(), said() ?? { passes: new Set(), denied: false });
      if (drafts.length > 0) await record(drafts);
      return typeof tree === "string" ? tree : JSON.stringify(tree);
    },
    depart: async (leaving) => {
      const { id, to, message } = leaving;
      await assertAskable(leaving);
      if (to.department === self.department && leaving.mask === undefined) return { message };
      if (CONTENT[message.type].length === 0) return { message: withOpaqueIds(message, deps.boundaryKey()) };
      // A word on progress changes while it waits, under one id.
      const key = `${id}@${to.agentId}@${deps.version()}${message.type === "task.progress" ? `#${message.seq}` : ""}`;
      return departed.get(key) ?? remember(key, await mask(leaving));
    },
    arrive: async (opened) => {
      const { claims } = opened;
      const found = await findIn(opened);
      if (claims.sealed === undefined) return { ...opened, ...found };
      const pairs = await openPairs(claims.sealed, { id: claims.id, from: claims.from, to: claims.to }, deps.openKey);
      const restored: RestoreNote = { decision: mayRestore(self, senderOf(opened)), redactions: countPairs(pairs) };
      if (!restored.decision.allowed) return { ...opened, ...found, restored };
      const { message } = claims;
      const content = restoreTree(contentOf(message), pairs);
      if ("taskId" in message) await deps.keep(message, claims.from, pairs);
      return { ...opened, ...found, restored, claims: { ...claims, message: withContent(message, content) } };
    },
  };
}
