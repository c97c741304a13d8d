/** One agent in a simulation: the real messaging, commit queue and audit chain over a simulated disk, network, clock and runner. */
import { createMessaging } from "../../mesh/agent/messaging/create-messaging.ts";
import type { Boundary, Messaging, MessagingDeps, MessagingMethod } from "../../mesh/agent/messaging/messaging-types.ts";
import { openAuditChain } from "../../mesh/audit/chain.ts";
import { DAEMON_METHODS, type DaemonParams, type DaemonRequest, type DaemonResult, type Target } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { JsonObject } from "../../mesh/contract/json.ts";
import type { Roster } from "../../mesh/contract/bundle.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import { managersOf, peopleOf } from "../../guard/policy/request.ts";
import type { ApproverBook } from "../../mesh/session/approvals/approver-book.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../mesh/contract/limits.ts";
import type { Clock, CommitQueue, PolicyEngine, PolicyQuestion, Random } from "../../mesh/contract/ports.ts";
import type { QuotaConfig } from "../../mesh/delivery/inbox-quota.ts";
import type { BucketConfig } from "../../mesh/resilience/token-buckets.ts";
import { rosterEntryOf, verifyApproval } from "../../mesh/identity/approval.ts";
import { agentIdOf } from "../../mesh/identity/keys.ts";
import { isRevoked, verifyMembership } from "../../mesh/identity/membership.ts";
import type { RunnableSkill, RunnableTask, Runner, RunOutcome, SessionDeps } from "../../mesh/session/ports.ts";
import { createCommitQueue } from "../../mesh/store/commit-queue.ts";
import { createSpaceWatch } from "../../mesh/store/space-watch.ts";
import { createTestMember, createTestOrg, type TestMember, type TestOrg } from "./audit-fixture.ts";
import { createMemoryNetwork } from "./memory-network.ts";
import { type MemoryStore, openMemoryStore } from "./memory-store.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createVirtualClock } from "./virtual-clock.ts";

/** SHA-256 that stands for the policy of the simulation. */
const POLICY_HASH = "b".repeat(64);

/** The world that nodes share. */
export function createWorld(seed: number) {
  const random = createSeededRandom(seed);
  const clock = createVirtualClock();
  const org = createTestOrg(random);
  const members: TestMember[] = [];
  return {
    seed,
    random,
    clock,
    org,
    members,
    network: createMemoryNetwork({ clock, random }),
    addMember(subject: string, role: string): TestMember {
      const member = createTestMember(org, random, { subject, role }, clock.now());
      members.push(member);
      return member;
    },
  };
}
/** The world that nodes share. */
export type World = ReturnType<typeof createWorld>;

/** What one node needs of its world; a simulation gives each node a clock and a network of its own. */
export interface NodeWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly org: TestOrg;
  readonly members: readonly TestMember[];
  readonly network: Pick<World["network"], "linkOf" | "attach" | "detach">;
}

/** What a test may choose for a node. */
export interface NodeOptions {
  readonly skills?: Readonly<Record<string, RunnableSkill["restart"]>>;
  /** What the recipes of all skills declare for their result. */
  readonly resultSchema?: JsonObject;
  readonly concurrency?: number;
  readonly allow?: (question: PolicyQuestion) => boolean;
  /** How a run ends, after `delayMs` on the clock; undefined leaves it at work. */
  readonly run?: (task: RunnableTask) => { outcome: RunOutcome; delayMs: number } | undefined;
  readonly freeBytes?: () => number;
  /** Whom a target means, with reasons; left out, the first member that fits. */
  readonly route?: SessionDeps["route"];
  /** Whom each person reports to; there, whoever can sign is known. */
  readonly managers?: Readonly<Record<string, string>>;
  /** The org's trust as this node sees it. */
  readonly trust?: () => Pick<TestOrg["manifest"], "org" | "issuers" | "revocations" | "roster">;
  readonly window?: number;
  /** Other limits for what comes in than those of the product. */
  readonly quota?: Partial<QuotaConfig>;
  readonly rate?: Partial<BucketConfig>;
  /** Runs tasks instead of `run`. */
  readonly runner?: Runner;
  /** Last hand on what messaging is made from, such as for a bug that a test plants. */
  readonly alter?: (deps: MessagingDeps) => MessagingDeps;
  /** The guard between departments, made over the node's queue. */
  readonly boundary?: (queue: CommitQueue) => Boundary;
}

/** A policy of one function. */
export const policyOf = (allow: (question: PolicyQuestion) => boolean): PolicyEngine => ({
  decide(question) {
    const allowed = allow(question);
    return {
      allowed,
      rules: allowed ? ["test-rule"] : [],
      reason: allowed ? "Allowed by test-rule." : "No rule allows it.",
      policyHash: POLICY_HASH,
    };
  },
});

const chartOf = (managers: Readonly<Record<string, string>>) =>
  Object.entries(managers).map(([id, manager]) => ({ id, manager, title: id, role: "r", department: "d", locale: "en" }));

/** Who can sign, by members, roster and whom each reports to. */
function bookOf(world: NodeWorld, self: Principal, managers: Readonly<Record<string, string>>, roster: () => Roster): ApproverBook {
  const known = (fits: (one: Principal) => boolean): Principal[] =>
    world.members
      .map(({ principal }) => principal)
      .filter((one) => one.subject !== self.subject && fits(one) && roster().approvers.some(({ subject }) => subject === one.subject));
  const chart = peopleOf(chartOf(managers));
  return {
    candidates: ({ targetRole }) => [...new Map(known(({ role }) => role === targetRole).map((one) => [one.subject, one])).values()],
    above: (subject) => managersOf(subject, chart),
    agentOf: (subject) => known((one) => one.subject === subject)[0],
  };
}

/** Starts a node on a disk. */
export async function startNode(world: NodeWorld, member: TestMember, options: NodeOptions = {}, disk: MemoryStore = openMemoryStore()) {
  const { clock, random, org, network } = world;
  const self: Principal = member.principal;
  const state = { alive: true, errors: [] as unknown[], refusals: [] as string[], started: [] as RunnableTask[], stopped: [] as string[] };
  const chain = await openAuditChain({ store: disk, random }, { org: org.org, agentId: self.agentId });
  const freeBytes = options.freeBytes ?? (() => FREE_SPACE_FLOOR_BYTES);
  const onEffectError = (error: unknown): void => void state.errors.push(error);
  const space = createSpaceWatch({ clock, freeBytes, onError: onEffectError });
  const queue = createCommitQueue({ store: disk, clock, audit: chain, freeBytes, onFull: space.refused, onEffectError });
  const trust = options.trust ?? (() => org.manifest);

  const finish = (task: RunnableTask, outcome: RunOutcome): void => {
    if (state.alive) messaging.finishRun(task.taskId, task.attempt, outcome).catch((error: unknown) => void state.errors.push(error));
  };
  const runner = {
    start(task: RunnableTask): void {
      state.started.push(task);
      const end = options.run?.(task);
      if (end !== undefined) clock.after(end.delayMs, () => finish(task, end.outcome));
    },
    stop: (taskId: string, attempt: number): void => void state.stopped.push(`${taskId}/${attempt}`),
  };

  const alter = options.alter ?? ((deps: MessagingDeps) => deps);
  const messaging: Messaging = createMessaging(
    alter({
      clock,
      random,
      store: disk,
      queue,
      link: network.linkOf(self.agentId),
      policy: policyOf(options.allow ?? (() => true)),
      signer: member.signer,
      runner: options.runner ?? runner,
      policyHash: () => POLICY_HASH,
      credential: () => member.credential,
      verifyCredential: (jwt, agentId, nowMs) => verifyMembership({ jwt, agentId, nowMs, manifest: trust() }),
      trustVersion: () => String(trust().revocations.seq),
      verifyApproval: (jws, expected) => {
        const { roster, revocations } = trust();
        return verifyApproval({ jws, roster, revocations, expected: { ...expected, org: org.org } });
      },
      approverOf(decision) {
        const entry = rosterEntryOf(decision, trust().roster);
        const member = world.members.find(({ principal }) => principal.subject === entry?.subject && principal.role === entry.role);
        if (entry === undefined || member === undefined) return undefined;
        const chart = peopleOf(chartOf(options.managers ?? {}));
        const below = world.members.filter(({ principal }) => managersOf(principal.subject, chart).includes(entry.subject));
        return { ...member.principal, agentId: agentIdOf(entry.key), over: below.map(({ principal }) => principal.role) };
      },
      resolve(target: Target) {
        const found = world.members.find(({ principal: { agentId, role } }) => agentId === target.agentId || role === target.targetRole);
        if (found === undefined) throw new GaggleError("NO_ROUTE", "No known agent matches the target.");
        return found.principal;
      },
      ...(options.managers === undefined ? {} : { book: bookOf(world, self, options.managers, () => trust().roster) }),
      isRevoked: (who) => isRevoked(who, trust()),
      skillOf(id) {
        const restart = options.skills?.[id];
        const schema = options.resultSchema;
        const declared = schema === undefined ? {} : { resultSchema: () => schema };
        return restart && { id, restart, details: { recipe: `recipes/${self.role}/${id}.yaml` }, ...declared };
      },
      countRefusal: (source, code) => void state.refusals.push(`${source} ${code}`),
      onError: (error) => void state.errors.push(error),
      ...(options.route === undefined ? {} : { route: options.route }),
      ...(options.boundary === undefined ? {} : { boundary: options.boundary(queue) }),
    }),
    {
      self,
      org: org.org,
      concurrency: options.concurrency ?? 2,
      ...(options.window === undefined ? {} : { window: options.window }),
      ...(options.quota === undefined ? {} : { quota: options.quota }),
      ...(options.rate === undefined ? {} : { rate: options.rate }),
    },
  );
  space.onRoom(() => void (state.alive && messaging.roomAgain()));
  await messaging.start();
  network.attach(self.agentId, (frame, from) => {
    const via = world.members.find(({ principal }) => principal.agentId === from)?.principal ?? { ...self, agentId: from };
    return messaging.receiveFrame(frame, via);
  });

  const stop = (): void => {
    state.alive = false;
    messaging.stop();
    network.detach(self.agentId);
  };

  return {
    self,
    state,
    chain,
    queue,
    store: disk,
    messaging,
    finish,
    /** Calls a method as the local socket would: defaults filled in, result checked against the contract. */
    async call<M extends MessagingMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>> {
      const request = DAEMON_METHODS[method].params.parse(params) as DaemonRequest<M>;
      const actor = { type: "agent" as const, id: self.agentId, role: self.role };
      const result = await messaging.methods[method](request, { traceId: "c".repeat(32), actor });
      return DAEMON_METHODS[method].result.parse(result) as DaemonResult<M>;
    },
    stop,
    /** kill -9 and a start on what the disk kept. */
    async restart(kept = 0, changed: NodeOptions = options) {
      stop();
      return startNode(world, member, changed, disk.crash(kept));
    },
  };
}
/** A running node. */
export type TestNode = Awaited<ReturnType<typeof startNode>>;
