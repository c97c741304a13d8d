/** The agent daemon, composed: one process per home that owns the store, the peer node, the guard's gateway and the local socket. */
import { readFile } from "node:fs/promises";
import { statfsSync } from "node:fs";
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import { openAuditChain } from "../audit/chain.ts";
import { createRefusalCounter } from "../audit/refusal-counter.ts";
import { createAuditShipper } from "../audit/ship.ts";
import { socketPathFor } from "../client/socket-path.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { MAX_INGEST_EVENTS } from "../contract/bootstrap-api.ts";
import type { DaemonResult } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Clock, OrderedStore, Random } from "../contract/ports.ts";
import { createCardShelf } from "../directory/card-shelf.ts";
import { createDirectory } from "../directory/create-directory.ts";
import { verifyApproval } from "../identity/approval.ts";
import { readAgentKeys } from "../identity/key-file.ts";
import { createSigner } from "../identity/keys.ts";
import { isRevoked } from "../identity/membership.ts";
import { createPeerNode } from "../peer/create-peer-node.ts";
import { createStoredPeerBook } from "../peer/stored-peer-book.ts";
import { createCommitQueue } from "../store/commit-queue.ts";
import { openLevelStore } from "../store/level-store.ts";
import { writePrivateFile } from "../store/private-file.ts";
import { type AgentConfig, homePaths, readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import { createBootstrapClient } from "./bootstrap-client.ts";
import { createBundlePolicy } from "./bundle-policy.ts";
import { createDaemonHandlers } from "./daemon-handlers.ts";
import { readOrMakeGatewayToken } from "./gateway-token.ts";
import { createGooseSessions } from "./goose-sessions.ts";
import { type LocalServer, serveLocal } from "./local-server.ts";
import { createMembership } from "./membership.ts";
import { createMessaging, type Messaging } from "./messaging.ts";
import { createModelGuard } from "./model-guard.ts";
import { readModelKey } from "./model-key.ts";
import { readPseudonymKey } from "./pseudonym-key.ts";
import { repeat } from "./repeat.ts";
import { createRunExecutor } from "./run-executor.ts";
import { shipAudit } from "./ship-audit.ts";
import { newTraceId } from "./system.ts";
import { createTaskRunner } from "./task-runner.ts";

/** How often the bootstrap node is asked for a newer bundle, and the credential's age is looked at. */
const REFRESH_MS = 30_000;
/** How often new audit events are sent to the bootstrap node. */
const SHIP_MS = 2_000;
/** Lets the answer to `daemon.stop` out before the socket closes. */
const STOP_DELAY_MS = 50;

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
}

/** Where the daemon lives and what it starts. */
export interface AgentOptions {
  readonly home: string;
  /** Absolute paths of Gaggle's install folder and of the Node that starts extensions. */
  readonly installDir: string;
  readonly node: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A running daemon. */
export interface RunningAgent {
  readonly agentId: string;
  /** Resolves once the daemon has ended: by {@link RunningAgent.close}, or because somebody asked it to over the socket. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the daemon of a home.
 * @throws GaggleError NOT_JOINED, CONFLICT (another daemon owns the home), INVALID_INPUT (an address or port is taken), CREDENTIAL_INVALID
 */
export async function startAgent(deps: AgentDeps, options: AgentOptions): Promise<RunningAgent> {
  const config = await readAgentConfig(options.home);
  // The store's lock is what makes this the only daemon of the home.
  const store = await openLevelStore(homePaths(options.home).store);
  try {
    return await compose(deps, options, config, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function compose(deps: AgentDeps, options: AgentOptions, config: AgentConfig, store: OrderedStore): Promise<RunningAgent> {
  const { clock, random, log } = deps;
  const { org, agentId, subject, role, department, rootFingerprint } = config;
  const paths = homePaths(options.home);
  const self: Principal = { agentId, subject, role, department };
  const actor: AuditDraft["actor"] = { type: "agent", id: agentId, role };
  const startedAt = clock.now();
  const newTrace = (): string => newTraceId(random);
  const onError = (text: string) => (error: unknown) => log.warn({ code: errorCode(error) }, text);

  const keys = await readAgentKeys(paths.keys);
  const signer = createSigner(keys.sign);
  const chain = await openAuditChain({ store, random }, { org, agentId });
  const queue = createCommitQueue({
    store,
    clock,
    audit: chain,
    freeBytes: () => freeBytes(paths.store),
    onEffectError: onError("an effect failed"),
  });
  const audit = (draft: Omit<AuditDraft, "actor" | "traceId">): Promise<void> =>
    queue.run((tx) => tx.audit({ actor, traceId: newTrace(), ...draft }), { finishing: true });

  const client = createBootstrapClient({ ...deps, signer }, { baseUrl: config.bootstrapUrl, org });
  const membership = createMembership(
    {
      bundles: await openBundleStore({ clock }, { dir: paths.bundle, rootFingerprint, org, role }),
      source: { bundle: () => client.fetchBundle(role), credential: () => client.renew() },
      clock,
      saveCredential: (jwt) => writePrivateFile(paths.credential, jwt),
      audit,
    },
    { credential: await readFile(paths.credential, "utf8") },
  );
  const { bundle } = membership;
  const policy = createBundlePolicy(bundle);
  const sessions = createGooseSessions();
  const traceOf = (sessionId: string): string => sessions.find(sessionId)?.traceId ?? newTrace();
  const refusals = createRefusalCounter({
    clock,
    actor,
    newTraceId: newTrace,
    record: (drafts) =>
      void queue.run((tx) => drafts.forEach((draft) => tx.audit(draft)), { finishing: true }).catch(onError("refusals were not recorded")),
  });

  const peer = await createPeerNode(
    {
      privateKey: keys.sign,
      membership: {
        credential: membership.credential,
        verify: (jwt, id) => {
          const claims = membership.verify(jwt, id);
          return { agentId: id, subject: claims.sub, role: claims.role, department: claims.department };
        },
        bundleVersion: () => bundle().manifest.version,
        revocationSeq: () => bundle().manifest.revocations.seq,
        card: () => ({
          version: bundle().manifest.version,
          skills: bundle().profile.skills.map(({ id, description }) => ({ id, description })),
        }),
      },
      book: createStoredPeerBook(store),
      onRefusal: ({ agentId: source, address, code }) => refusals.count({ action: "peer.refuse", source: source ?? address, code }),
      clock,
      random,
      log,
    },
    { org, listen: config.listen, bootstrapPeers: config.bootstrapPeers, mdns: config.mdns },
  );
  const directory = await createDirectory({
    self: () => ({ principal: self, skills: bundle().profile.skills.map(({ id, description }) => ({ id, description })) }),
    orgChart: () => bundle().orgChart,
    isRevoked: (principal) => isRevoked(principal, bundle().manifest),
    peers: peer,
    shelf: createCardShelf(store),
    clock,
    log,
  });

  const executor = createRunExecutor(
    { clock, random, store, queue, policy, bundle, sessions, self, actor, traceOf },
    { ...options, model: config.upstream?.model },
  );
  const runner = createTaskRunner({
    executor: executor.get,
    bundle,
    began: (task) => executor.began(task.taskId, task.traceId),
    finish: (taskId, attempt, outcome) => messaging.finishRun(taskId, attempt, outcome),
    onError: onError("a run failed"),
  });
  const messaging: Messaging = createMessaging(
    {
      clock,
      random,
      store,
      queue,
      link: peer,
      policy,
      signer,
      runner,
      policyHash: () => bundle().manifest.policyHash,
      credential: () => {
        if (clock.now() < membership.credentialExpiresAt()) return membership.credential();
        throw new GaggleError(
          "CREDENTIAL_EXPIRED",
          "This agent's membership has expired; it is renewed when the bootstrap node can be reached.",
        );
      },
      verifyCredential: (jwt, id) => membership.verify(jwt, id),
      trustVersion: () => String(bundle().manifest.version),
      verifyApproval: (jws, expected) => {
        const { roster, revocations } = bundle().manifest;
        return verifyApproval({ jws, roster, revocations, expected: { org, ...expected } });
      },
      resolve: directory.resolve,
      skillOf: (id) => {
        const { profile, manifest } = bundle();
        const skill = profile.skills.find((one) => one.id === id);
        if (skill === undefined) return undefined;
        const { recipe, restart } = skill;
        return { id, restart, details: { skill: id, recipe, recipeSha256: manifest.files[recipe] ?? "", bundleVersion: manifest.version } };
      },
      countRefusal: (source, code) => refusals.count({ action: "message.refuse", source, code }),
      onError: (error) => log.error({ code: errorCode(error) }, "delivery met an error"),
    },
    { self, org, concurrency: concurrencyOf(bundle) },
  );

  const { guard, gateway } = createModelGuard(
    { clock, random, queue, log, actor, bundle, traceOf },
    {
      gatewayPort: config.gatewayPort,
      token: readOrMakeGatewayToken(paths.gatewayToken),
      epochKey: await readPseudonymKey(paths.pseudonymKey),
      upstream: config.upstream,
      apiKey: await readModelKey(paths.modelKey),
    },
  );

  let reachable = false;
  const refresh = repeat({ clock, onError: failedReach }, REFRESH_MS, async () => {
    await membership.refresh();
    reachable = true;
    await rememberPeers();
  });
  function failedReach(error: unknown): void {
    reachable = false;
    log.info({ code: errorCode(error) }, "the bootstrap node was not reached; the mesh goes on without it");
  }
  const rememberPeers = async (): Promise<void> => {
    const { peers } = await client.directory();
    const known = peer.members().some(({ principal }) => principal.role === "bootstrap");
    if (!known) for (const address of peers) await peer.dial(address).catch(onError("the bootstrap node's peer was not reached"));
    if (peers.length > 0 && peers.join() !== config.bootstrapPeers.join())
      await writeAgentConfig(options.home, { ...config, bootstrapPeers: peers });
  };
  const shipper = createAuditShipper({ store, queue, chain, signer, clock }, { org, agentId, maxEvents: MAX_INGEST_EVENTS });
  const ship = repeat({ clock, onError: onError("audit events wait for the bootstrap node") }, SHIP_MS, () =>
    shipAudit(shipper, chain, client),
  );

  const status = async (): Promise<DaemonResult<"daemon.status">> => {
    const { waiting, queued, dead } = await messaging.counts();
    const { manifest } = bundle();
    return {
      ...self,
      org,
      orgName: manifest.orgName,
      pid: process.pid,
      version: options.version,
      startedAt: new Date(startedAt).toISOString(),
      bundleVersion: manifest.version,
      bundleExpiresAt: manifest.expiresAt,
      credentialExpiresAt: new Date(membership.credentialExpiresAt()).toISOString(),
      bootstrap: { url: config.bootstrapUrl, reachable },
      peersConnected: peer.members().length,
      listening: peer.addresses(),
      gatewayUrl: gateway.url,
      inbox: { waiting },
      outbox: { queued, dead },
      audit: { seq: chain.head().seq, shipped: shipper.shipped() },
      rssBytes: process.memoryUsage.rss(),
    };
  };

  let local: LocalServer | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= shutDown().finally(end);
    return closing;
  };
  const shutDown = async (): Promise<void> => {
    await local?.close();
    messaging.stop();
    await runner.close();
    await executor.close();
    await gateway.close();
    await refresh.stop();
    directory.close();
    await peer.close();
    refusals.flush();
    await audit({ action: "daemon.stop", target: `agent:${agentId}`, result: "ok", details: { uptimeMs: clock.now() - startedAt } });
    await ship.stop();
    await shipAudit(shipper, chain, client).catch(onError("the last audit events wait for the next start"));
    await store.close();
  };

  const handlers = createDaemonHandlers({
    self,
    messaging,
    directory,
    policy,
    guard,
    sessions,
    chain,
    queue,
    bundle,
    status,
    shipAudit: async () => {
      await shipAudit(shipper, chain, client);
      return { seq: chain.head().seq, shipped: shipper.shipped() };
    },
    stopSoon: () => void clock.after(STOP_DELAY_MS, () => void close()),
    newTraceId: newTrace,
  });

  try {
    await audit({
      action: "daemon.start",
      target: `agent:${agentId}`,
      result: "ok",
      details: { version: options.version, pid: process.pid },
    });
    await executor.killOrphans();
    membership.onChange(() => peer.membershipChanged());
    peer.handleFrames((frame, from) => messaging.receiveFrame(frame, from));
    await messaging.start();
    peer.onPeerChange((change) => {
      const { principal, bundleVersion, revocationSeq } = change.member;
      if (change.type !== "connected") return;
      const details = { peerSubject: principal.subject, peerRole: principal.role };
      void audit({ action: "peer.hello", target: `agent:${principal.agentId}`, result: "ok", details }).catch(
        onError("a hello was not recorded"),
      );
      messaging.peerConnected(principal.agentId);
      const { version, revocations } = bundle().manifest;
      if (bundleVersion > version || revocationSeq > revocations.seq) void refresh.kick();
    });
    await gateway.listen().catch((cause: unknown) => Promise.reject(portTaken(config.gatewayPort, cause)));
    const logLine = (text: string, details: object): void => log.info(details, text);
    local = await serveLocal({ path: socketPathFor(options.home), handlers, version: options.version, log: logLine });
    void refresh.kick();
    void ship.kick();
    log.info({ agentId, role, gateway: gateway.url, peers: peer.addresses() }, "the agent is up");
    return { agentId, ended, close };
  } catch (error) {
    await peer.close();
    await gateway.close();
    await local?.close();
    throw error;
  }
}

const portTaken = (port: number, cause: unknown): GaggleError =>
  new GaggleError(
    "INVALID_INPUT",
    `The guard's port ${port} is taken by another program. End that program, or change gatewayPort in config.json and run gaggle setup.`,
    {
      cause,
    },
  );

/** Free bytes where a folder lies. */
function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Runs at a time; one where there is no valid bundle yet. */
function concurrencyOf(bundle: () => { profile: { concurrency: number } }): number {
  try {
    return bundle().profile.concurrency;
  } catch (error) {
    if (error instanceof GaggleError) return 1;
    throw error;
  }
}
