/** What the daemon does for its organisation: messages, tasks, approvals, and runs without a person. */
import { tokenPattern } from "../../guard/pseudonym/token-form.ts";
import { GaggleError } from "../contract/errors.ts";
import type { JsonObject } from "../contract/json.ts";
import type { Directory } from "../directory/create-directory.ts";
import { createApproverBook, rolesBelow } from "./approver-book.ts";
import { rosterEntryOf, verifyApproval } from "../identity/approval.ts";
import { agentIdOf } from "../identity/keys.ts";
import { isRevoked } from "../identity/membership.ts";
import { revocationDigest } from "../identity/revocation.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import { declaredResult, type PrepareInput, prepareRun } from "../recipe/prepare-run.ts";
import type { RunnableSkill } from "../session/ports.ts";
import { defaultUpstream } from "./agent-config.ts";
import type { AgentCore } from "./agent-core.ts";
import { policyHashOf } from "./bundle-policy.ts";
import type { AgentArtifacts, ArtifactDesk } from "./open-artifacts.ts";
import type { OpenBoundary } from "./open-boundary.ts";
import { createMessaging } from "./messaging/create-messaging.ts";
import type { Messaging, MessagingDeps } from "./messaging/messaging-types.ts";
import { createRunExecutor, type RunExecutor, type RunOptions } from "./run-executor.ts";
import { createTaskRunner, type TaskRunner } from "./task-runner.ts";

/** The parts, for the daemon to start and to end. */
export interface AgentWork {
  readonly messaging: Messaging;
  readonly runner: TaskRunner;
  readonly executor: RunExecutor;
}

/** Puts messaging, runner and executor together. */
export function createAgentWork(
  core: AgentCore,
  { peer, directory }: { peer: PeerNode; directory: Directory },
  { boundary, values, sealKeys, artifacts }: OpenBoundary & { readonly artifacts: ArtifactDesk & Pick<AgentArtifacts, "forRun"> },
  options: RunOptions,
): AgentWork {
  const { bundle, onError, log, self, config, refusals } = core;
  const report = (taskId: string, note: string): void =>
    void messaging.reportProgress(taskId, note).catch(onError("progress was not recorded"));
  const executor = createRunExecutor({ ...core, tell: values.tell, report }, { ...options, model: defaultUpstream(config)?.model });
  const finish: Messaging["finishRun"] = (taskId, attempt, outcome) => messaging.finishRun(taskId, attempt, outcome);
  const runner =
    options.runner?.(finish) ??
    createTaskRunner({
      executor: executor.get,
      bundle,
      filesOf: artifacts.forRun,
      began: (task) => executor.began(task.taskId, task.traceId),
      finish,
      onError: onError("a run failed"),
    });
  const messaging: Messaging = createMessaging(
    {
      ...core,
      ...trustOf(core),
      verifyCredential: (jwt, agentId, atMs) => sealKeys.learn(core.membership.verify(jwt, agentId, atMs)),
      boundary,
      artifacts,
      link: peer,
      wireOf: peer.wireOf,
      runner,
      resolve: directory.resolve,
      route: directory.route,
      book: createApproverBook({
        directory,
        orgChart: () => bundle().orgChart,
        roster: () => core.membership.trust().manifest.roster,
      }),
      skillOf: (id) => runnableSkill(core, options, id),
      isRevoked: (who) => isRevoked(who, core.membership.trust().manifest),
      isMasked: (text) => tokenPattern().test(text),
      countRefusal: (source, code) => refusals.count({ action: "message.refuse", source, code }),
      onError: (error) => log.error({ err: error }, "delivery met an error"),
    },
    {
      self,
      org: config.org,
      // By the bundle in force: it may be another role's than at start.
      get concurrency() {
        return concurrencyOf(core);
      },
    },
  );
  return { messaging, runner, executor };
}

/** What trust is made from. */
interface TrustSources {
  readonly bundle: AgentCore["bundle"];
  readonly membership: Pick<AgentCore["membership"], "lastBundle" | "trust" | "credential" | "credentialExpiresAt" | "verify">;
  readonly clock: Pick<AgentCore["clock"], "now">;
  readonly config: Pick<AgentCore["config"], "org">;
}

/** Changes whenever the bundle, an issuer or a revocation does, of whichever source. */
export function trustVersion(bundle: TrustSources["bundle"], membership: Pick<TrustSources["membership"], "trust">): string {
  const { manifest, revocations } = membership.trust();
  return `${bundle().manifest.version}.${manifest.version}.${revocationDigest(revocations) ?? ""}`;
}

/** Everything about trust comes from the newest bundle at the moment it is asked for. Without one nothing is signed or believed. */
export const trustOf = ({
  bundle,
  membership,
  clock,
  config,
}: TrustSources): Pick<
  MessagingDeps,
  "approverOf" | "policyHash" | "credential" | "verifyCredential" | "trustVersion" | "verifyApproval"
> => ({
  // Only names the set: a message may be recorded at any time, and where this threw, the result of a run that ends late would be lost.
  policyHash: () => policyHashOf(membership.lastBundle),
  credential: () => {
    bundle();
    if (clock.now() < membership.credentialExpiresAt()) return membership.credential();
    throw new GaggleError(
      "CREDENTIAL_EXPIRED",
      "This agent's membership has expired; it is renewed when the bootstrap node can be reached.",
    );
  },
  verifyCredential: (jwt, agentId, atMs) => membership.verify(jwt, agentId, atMs),
  trustVersion: () => trustVersion(bundle, membership),
  approverOf: (decision) => {
    const entry = rosterEntryOf(decision, membership.trust().manifest.roster);
    const seat = bundle().orgChart.find(({ id, role }) => id === entry?.subject && role === entry.role);
    if (entry === undefined || seat === undefined) return undefined;
    const over = rolesBelow(seat.id, bundle().orgChart);
    return { agentId: agentIdOf(entry.key), subject: seat.id, role: seat.role, department: seat.department, over };
  },
  verifyApproval: (jws, expected) => {
    const { orgChart } = bundle();
    const { roster, revocations } = membership.trust().manifest;
    const statement = verifyApproval({ jws, roster, revocations, expected: { org: config.org, ...expected } });
    // The roster may still name who has left, or has another role by now; the signed chart is where that is said.
    const { subject, role } = statement.approver;
    if (orgChart.some((seat) => seat.id === subject && seat.role === role)) return statement;
    throw new GaggleError(
      "APPROVAL_INVALID",
      "The approval does not count: the signed org chart has its approver not in this role (any more).",
    );
  },
});

/** A skill with what the audit says of each of its runs. */
function runnableSkill({ bundle }: AgentCore, { installDir, node }: RunOptions, id: string): RunnableSkill | undefined {
  const { profile, manifest, text } = bundle();
  const skill = profile.skills.find((one) => one.id === id);
  if (skill === undefined) return undefined;
  const { recipe, restart } = skill;
  return {
    id,
    restart,
    details: { skill: id, recipe, recipeSha256: manifest.files[recipe] ?? "", bundleVersion: manifest.version },
    resultSchema: (context) => declaredSchema({ text: text(recipe), installDir, node, context }),
  };
}

/** What a recipe declares for its result; nothing where the context does not fit it, which a run then says. */
function declaredSchema(input: PrepareInput): JsonObject | undefined {
  try {
    return declaredResult(prepareRun(input).recipe);
  } catch (error) {
    if (error instanceof GaggleError) return undefined;
    throw error;
  }
}

/** Runs at a time; one where there is no valid bundle yet. */
function concurrencyOf({ bundle }: AgentCore): number {
  try {
    return bundle().profile.concurrency;
  } catch (error) {
    if (error instanceof GaggleError) return 1;
    throw error;
  }
}
