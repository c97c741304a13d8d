/**
 * The guard between departments: masks messages that leave for another one by the sender's profile, seals the values to a receiver that policy lets
 * restore, and restores what came sealed. Spec G5; docs/decisions/0064-mesh-boundary.md
 */
import { hkdfSync } from "node:crypto";
import { classOfToken, type Held } from "../../guard/boundary/look-inside.ts";
import { leavesOf } from "../../guard/boundary/json-leaves.ts";
import { classesIn, findingsOf, maskTree, type Pair, type Passes, passesTo } from "../../guard/boundary/mask-tree.ts";
import { sealPairs } from "../../guard/boundary/seal-pairs.ts";
import type { OpenKey, SealKey } from "../../guard/boundary/sealed-json.ts";
import type { Detection } from "../../guard/detect/detection.ts";
import type { Redactions } from "../../guard/pseudonym/mask-text.ts";
import { createTokenSession, type TokenSession } from "../../guard/pseudonym/token-session.ts";
import { type EpochKey, newestOf } from "../../guard/pseudonym/token-sessions.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import type { GuardProfile } from "../contract/guard-policy.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json } from "../contract/json.ts";
import type { CommitQueue, PolicyContext, PolicyDecision, PolicyEngine } from "../contract/ports.ts";
import { reasonOf } from "../identity/approval.ts";
import { traceIdOf } from "../delivery/outbox-record.ts";
import { leavingQuestion, type MessageQuestion } from "../enforcement/message-question.ts";
import { createFileBoundary, type FileBoundary, type MaskContent } from "./boundary/file-boundary.ts";
import { createOpenContent } from "./boundary/open-content.ts";
import { withApprovedFiles } from "./boundary/approved-files.ts";
import { createArriving, tokenClasses } from "./boundary/arriving.ts";
import { contentOf, hasContent, withContent, withOpaqueIds, withShortStep } from "./boundary/message-content.ts";
import { createRestorePolicy } from "./boundary/restore-policy.ts";
import { createWholeCheck, isApproved, isWhole } from "./boundary/whole-or-not.ts";
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
  keep(message: TaskMessage, from: string, values: readonly Held[]): Promise<void>;
  /** Told which values of a task's files are here, of a task that is known with that sender. */
  keepOfFile(taskId: string, from: string, values: readonly Held[]): Promise<void>;
}

/** Messages kept as they left, so that a try again costs nothing and is recorded once. */
const MAX_DEPARTED = 64;
const MAX_TOKENS = 100_000;

const listOf = (redactions: Redactions): { class: string; count: number }[] =>
  Array.from(redactions, ([name, count]) => ({ class: name, count })).toSorted((a, b) => (a.class < b.class ? -1 : 1));

/** The boundary, and what it does with files. */
export interface DepartmentBoundary extends Boundary, FileBoundary {
  /** Classes that are in a value, in order. @throws GaggleError GUARD_REFUSED where it could not be looked through */
  classesOf(value: Json): Promise<readonly string[]>;
}

/** Makes the boundary of one agent. */
export function createBoundary(deps: BoundaryDeps): DepartmentBoundary {
  const { self, policy } = deps;
  const release = createReleasePolicy(deps);
  const restoring = createRestorePolicy(deps);
  const assertMayLack = createWholeCheck(deps);
  type Departed = Awaited<ReturnType<Boundary["depart"]>>;
  const departed = new Map<string, Departed>();

  /** Tokens of one task are the same in all its messages, so that a message sent again is the same. */
  const sessionFor = (ref: string): TokenSession =>
    createTokenSession({
      mapRef: "",
      epochKey: newestOf(deps.epochs()).key,
      sessionKey: new Uint8Array(hkdfSync("sha256", deps.boundaryKey(), ref, "gaggle-boundary-v1", 32)),
      maxValues: MAX_TOKENS,
    });

  const sealKey = (to: Principal): SealKey => {
    const key = deps.sealKeyOf(to.agentId);
    if (key === undefined)
      throw new GaggleError("PEER_UNREACHABLE", "The receiver's key for sealed values is not known yet; it comes with its next hello.");
    return key;
  };

  const actor = actorOf(self);

  /** Which values go along: those of classes that the receiver may put back. Both sides ask the same of their own policy set. */
  const toSeal = (pairs: readonly Pair[], to: Principal): { decision: PolicyDecision; given: readonly Pair[] } => {
    const classes = pairs.flatMap(([token]) => classOfToken(token) ?? []);
    const { decision, permitted } = restoring({ receiver: to, sender: self, classes });
    if (decision.allowed || permitted.size === 0) return { decision, given: decision.allowed ? pairs : [] };
    return { decision, given: pairs.filter(([token]) => permitted.has(classOfToken(token) ?? "") || classOfToken(token) === undefined) };
  };

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

  /** Content as it leaves, recorded, and the values of it that go along. Where nothing was found, it is the content as it was. */
  const maskContent: MaskContent = async ({ to, ref, question, context, mask = [], target, traceId, maxSealed = MAX_TOKENS }, content) => {
    const asked = passing(to, question, context);
    const passes = to.department === self.department ? obligedOnly(mask) : asked.passes;
    const { tree, pairs, redactions } = await maskTree(content, { detection: deps.detection, session: sessionFor(ref) }, passes);
    const said = asked.said();
    const drafts = said === undefined ? [] : releaseDraft(target, traceId, said);
    if (pairs.length === 0) {
      if (drafts.length > 0) await record(drafts);
      return { content, isMasked: false, given: [] };
    }
    const { decision, given: all } = toSeal(pairs, to);
    const given = all.length > maxSealed ? [] : all;
    const details = { to: to.agentId, toSubject: to.subject, toDepartment: to.department, sealed: given.length > 0 };
    await record([
      ...drafts,
      {
        actor,
        action: "guard.mask",
        target,
        result: "ok",
        details: { ...details, rules: decision.rules.join(",").slice(0, 500) },
        redactions: listOf(redactions),
        traceId,
      },
    ]);
    return { content: tree, isMasked: true, given };
  };

  const mask: Boundary["depart"] = async (leaving) => {
    const { id, to, ref = id } = leaving;
    const message = to.department === self.department ? leaving.message : withOpaqueIds(leaving.message, deps.boundaryKey());
    const { content, isMasked, given } = await maskContent(
      {
        to,
        ref,
        question: leavingQuestion(message),
        context: leaving.asked,
        mask: leaving.mask,
        target: `envelope:${id}`,
        traceId: traceIdOf(leaving.traceparent),
      },
      contentOf(message),
    );
    if (isApproved(message) && !isWhole(contentOf(message), content, given))
      assertMayLack({ to, message, context: leaving.asked, classes: tokenClasses(content) });
    const known = given.map(([, text]) => text);
    const approvals = message.type === "task.request" ? message.approvals : undefined;
    for (const { decision } of approvals ?? []) await assertLeaves(to, reasonOf(decision), known);
    if (!isMasked) return { message };
    const sealed = given.length > 0 ? { sealed: await sealPairs(given, { id, from: self.agentId, to: to.agentId }, sealKey(to)) } : {};
    return { message: withShortStep(withContent(message, content), deps.boundaryKey()), ...sealed };
  };

  /** A payload goes to its approver as it is, so policy has to know what is in it; for a task that waits for an approval nobody has looked yet. */
  const assertAskable = async ({ to, message, asked }: Parameters<Boundary["depart"]>[0]): Promise<void> => {
    if (message.type !== "approval.request" || asked?.dataClasses !== undefined) return;
    const context = { ...asked, dataClasses: await classesIn(message.payload, deps.detection) };
    const question = { action: "approval.request" as const, principal: self, target: to, targetRole: to.role, context };
    const { allowed, reason } = policy.decide(question, { counts: false });
    if (!allowed) throw new GaggleError("POLICY_DENIED", `The signed policy does not let this leave, with what is in it. ${reason}`);
  };

  /** What is signed goes as it is or not at all. What its receiver wrote itself tells them nothing new. */
  const assertLeaves: NonNullable<Boundary["assertLeaves"]> = async (to, value, known) => {
    if (to.department === self.department) return;
    const shown = JSON.stringify(known);
    const findings = (await findingsOf(leavesOf(value), deps.detection, new Set())).flat();
    const found = new Set(findings.filter((finding) => !shown.includes(finding.value)).map(({ label }) => label));
    const { passes } = release({ to, found, passes: passesTo(to.department, deps.profile()) });
    const held = [...found].filter((name) => !passes.has(name));
    if (held.length > 0)
      throw new GaggleError(
        "POLICY_DENIED",
        `The reason of the decision holds ${held.join(", ")}, which does not leave the department, and what is signed can't be masked. Decide again with another reason.`,
      );
  };

  const open = createOpenContent({ ...deps, restoring, release, sessionFor });
  const arriving = createArriving({ ...deps, open });

  const remember = (key: string, made: Departed): Departed => {
    departed.set(key, made);
    const [oldest] = departed.keys();
    if (departed.size > MAX_DEPARTED && oldest !== undefined) departed.delete(oldest);
    return made;
  };

  return {
    classesOf: (value) => classesIn(value, deps.detection),
    assertLeaves,
    ...createFileBoundary({ ...deps, maskContent, sealKey, open, record, assertMayLack }),
    depart: async (leaving) => {
      const { id, to, message } = leaving;
      await assertAskable(leaving);
      if (to.department === self.department && leaving.mask === undefined) return { message };
      if (!hasContent(message)) return { message: withOpaqueIds(message, deps.boundaryKey()) };
      // A word on progress changes while it waits, under one id.
      const key = `${id}@${to.agentId}@${deps.version()}${message.type === "task.progress" ? `#${message.seq}` : ""}`;
      return departed.get(key) ?? remember(key, await mask(leaving));
    },
    arrive: async (opened) => arriving(await withApprovedFiles(opened, deps.openKey)),
  };
}
