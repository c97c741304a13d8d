/** What everything else in a daemon stands on: keys, store, audit chain, commit queue, membership, policy, sessions. */
import { readFile } from "node:fs/promises";
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import { openAuditChain } from "../audit/chain.ts";
import { createLogWatch } from "../audit/log-watch.ts";
import { createRefusalCounter } from "../audit/refusal-counter.ts";
import { actorOf, type AuditDraft } from "../contract/audit.ts";
import { errorCode } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Clock, OrderedStore, Random } from "../contract/ports.ts";
import { protectFolder } from "../identity/at-rest/protect-folder.ts";
import { readAgentKeys } from "../identity/key-file.ts";
import { createSigner } from "../identity/keys.ts";
import { createCommitQueue } from "../store/commit-queue.ts";
import { freeBytesOf } from "../store/disk-reserve.ts";
import { writePrivateFile } from "../store/private-file.ts";
import { createSpaceWatch } from "../store/space-watch.ts";
import { type AgentConfig, homePaths, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { createBootstrapClient } from "./bootstrap-client.ts";
import { bootstrapFetch } from "./pinned-fetch.ts";
import { keepObligations } from "../enforcement/keep-obligations.ts";
import { createBundlePolicy } from "./bundle-policy.ts";
import { openGooseSessions } from "./goose-sessions.ts";
import { createOwnAgents } from "./own-agents.ts";
import { createMembership, type Place } from "./membership.ts";
import { rememberQuestions } from "./policy/asked-questions.ts";
import { newTraceId } from "./system.ts";
import { createTrustedClock } from "./trusted-clock.ts";

/** Where the daemon says what happens; pino's shape. Never gets a text, a key or a token. */
export interface AgentLog {
  debug(details: object, text: string): void;
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

/** What the daemon needs from its process. */
export interface AgentDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof globalThis.fetch;
  readonly log: AgentLog;
  /** Milliseconds by a clock that nobody sets; default: the process's. */
  readonly elapsedMs?: () => number;
  /** Free bytes where the home lies; default: as the system says. */
  readonly freeBytes?: () => number;
}

/** The foundation of one daemon. */
export type AgentCore = Awaited<ReturnType<typeof openAgentCore>>;

/**
 * Opens it. The store stays the caller's to close.
 * @throws GaggleError NOT_JOINED, CREDENTIAL_INVALID
 */
export async function openAgentCore(deps: AgentDeps, home: string, config: AgentConfig, store: OrderedStore) {
  const { random, log } = deps;
  const { org, agentId, subject, role, rootFingerprint } = config;
  const paths = homePaths(home);
  // By the newest org chart: a person may move while their daemon runs.
  const self: Principal = {
    agentId,
    subject,
    get role() {
      return membership.place().role;
    },
    get department() {
      return membership.place().department;
    },
  };
  const actor = actorOf(self);
  const newTrace = (): string => newTraceId(random);
  /** For work in the background: its failure is told and nothing else. */
  const onError = (text: string) => (error: unknown) => log.warn({ code: errorCode(error) }, text);

  const clock = createTrustedClock({
    clock: deps.clock,
    store,
    elapsedMs: deps.elapsedMs ?? (() => performance.now()),
    onBehind: (behindMs) =>
      log.warn({ behindMs }, "this machine's clock is behind the time that others have confirmed; set it by network time"),
    onError: onError("the highest confirmed time was not written"),
  });
  const { by, isNew } = await protectFolder(paths.keys);
  if (isNew) log.info({ by }, "the keys on this disk are protected from now on");
  const keys = await readAgentKeys(paths.keys);
  const signer = createSigner(keys.sign);
  const chain = await openAuditChain({ store, random, signer }, { org, agentId });
  const freeBytes = deps.freeBytes ?? (() => freeBytesOf(paths.store));
  const space = createSpaceWatch({ clock, freeBytes, onError: onError("the disk's free space was not watched") });
  const queue = createCommitQueue({
    store,
    clock,
    audit: chain,
    freeBytes,
    onFull: space.refused,
    onEffectError: onError("an effect failed"),
  });
  /** Records what this agent itself did or saw, outside of any task. */
  const audit = (draft: Omit<AuditDraft, "actor" | "traceId">): Promise<void> =>
    queue.run((tx) => tx.audit({ actor, traceId: newTrace(), ...draft }), { finishing: true });
  const record = (drafts: readonly AuditDraft[]): void => {
    const write = queue.run(
      (tx) => {
        for (const draft of drafts) tx.audit(draft);
      },
      { finishing: true },
    );
    write.catch(onError("refusals were not recorded"));
  };

  const ownAgents = createOwnAgents({
    queue,
    store,
    actor,
    newTrace,
    onError: onError("another agent of this person was not recorded"),
    log,
  });
  const client = createBootstrapClient(
    { ...deps, signer, fetch: bootstrapFetch(deps.fetch, config.bootstrapPin) },
    { baseUrl: config.bootstrapUrl, org },
  );
  const savePlace = async ({ role: now, department }: Place): Promise<void> =>
    writeAgentConfig(home, { ...(await readAgentConfig(home)), role: now, department });
  const membership = createMembership(
    {
      bundles: await openBundleStore({ clock }, { dir: paths.bundle, rootFingerprint, org, role, subject }),
      source: { profile: client.fetchProfile, credential: client.renew },
      clock,
      saveCredential: (jwt) => writePrivateFile(paths.credential, jwt),
      sawOwnSubject: ({ agent, iat }) => ownAgents.saw(agent, iat * 1_000),
      savePlace,
      audit,
    },
    { credential: await readFile(paths.credential, "utf8") },
  );
  // After a crash between the bundle of a new role and this file.
  if (membership.place().role !== role) await savePlace(membership.place());
  const sessions = await openGooseSessions({ clock, store });
  const bundlePolicy = createBundlePolicy(membership.bundle, () => membership.trust().manifest);
  const remembered = rememberQuestions(bundlePolicy, { clock });
  const logWatch = createLogWatch(
    {
      store,
      queue,
      issuers: () => membership.trust().manifest.issuers,
      prove: async (first, second) => (await client.auditLog({ first, second })).consistency,
      event: ({ person, ...draft }) => ({
        actor: person === undefined ? actor : { type: "person", id: person, role: self.role },
        traceId: newTrace(),
        ...draft,
      }),
    },
    { org, agentId },
  );
  return {
    ...deps,
    clock,
    config,
    paths,
    store,
    self,
    actor,
    keys,
    signer,
    chain,
    queue,
    /** Free bytes where the store lies. */
    freeBytes,
    /** Tells that a disk that was nearly full has room again. */
    space,
    audit,
    logWatch,
    client,
    membership,
    bundle: membership.bundle,
    policy: keepObligations(remembered.policy, { clock }),
    /** What policy was really asked, and the engine itself, for questions that nothing is done on. */
    asked: remembered.asked,
    bundlePolicy,
    refusals: createRefusalCounter({ clock, actor, newTraceId: newTrace, record }),
    sessions,
    newTrace,
    traceOf: (sessionId: string): string => sessions.find(sessionId)?.traceId ?? newTrace(),
    onError,
  };
}
