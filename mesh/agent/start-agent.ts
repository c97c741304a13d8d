/** The agent daemon, composed: one process per home that owns the store, the peer node, the guard's gateway and the local socket. */
import { join } from "node:path";
import { socketPathFor } from "../client/socket-path.ts";
import type { DaemonResult } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { OrderedStore } from "../contract/ports.ts";
import type { CardService } from "../directory/create-card-service.ts";
import type { Directory } from "../directory/create-directory.ts";
import type { PeerChange, PeerNode } from "../peer/peer-node.ts";
import { createDiskReserve, freeBytesOf } from "../store/disk-reserve.ts";
import { openLevelStore } from "../store/level-store.ts";
import { withRecentWrites } from "../store/recent-writes.ts";
import { type AgentConfig, homePaths, readAgentConfig } from "./agent-config.ts";
import { type AgentCore, type AgentDeps, openAgentCore } from "./agent-core.ts";
import { startAgentPeer } from "./agent-peer.ts";
import { beatOf } from "./open-cards.ts";
import { type AgentWork, createAgentWork } from "./agent-work.ts";
import { confirmRecovery, markDuplicate, refuseDuplicate } from "./backup/confirm-recovery.ts";
import { backupHome } from "./backup/backup-home.ts";
import { leaveMesh } from "./backup/leave-mesh.ts";
import { type Background, createBackground } from "./background.ts";
import { decideToolCall } from "./bundle-policy.ts";
import { createDaemonHandlers } from "./daemon-handlers.ts";
import { readOrMakeGatewayToken } from "./gateway-token.ts";
import { openGuardMemory } from "./guard-memory.ts";
import { type LocalServer, serveLocal } from "./local-server.ts";
import { createModelGuard } from "./model-guard.ts";
import { openModelRouting, readUpstreams } from "./model-routing.ts";
import type { HandOut } from "./hand-out.ts";
import type { Messaging } from "./messaging/messaging-types.ts";
import { type AgentArtifacts, openArtifacts } from "./open-artifacts.ts";
import { openBoundary } from "./open-boundary.ts";
import { type AgentMailbox, openMailbox } from "./open-mailbox.ts";
import { createPolicyDesk } from "./policy/policy-desk.ts";
import type { RunOptions } from "./run-executor.ts";
import { openTelemetry, type Telemetry } from "./open-telemetry.ts";
import type { MetricSource } from "../telemetry/agent-metrics.ts";
import { createSealKeys } from "./seal-keys.ts";
import { openTokenVault, type TokenVault } from "./token-vault.ts";

/** Lets the answer to `daemon.stop` out before the socket closes. */
const STOP_DELAY_MS = 50;

/** Where the daemon lives and what it starts. */
export interface AgentOptions extends RunOptions {
  readonly version: string;
}

/** A running daemon. */
export interface RunningAgent {
  readonly agentId: string;
  /**
   * Resolves once the daemon has ended: by {@link RunningAgent.close}, or because somebody asked it to over the socket.
   * Rejects with STORE_FAILED where it ended because its store could not be written: a new daemon takes up what the disk holds.
   */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Everything that a running daemon consists of. */
interface Parts extends AgentWork, Awaited<ReturnType<typeof openGuard>> {
  readonly core: AgentCore;
  readonly peer: PeerNode;
  readonly directory: Directory;
  readonly cards: CardService;
  readonly background: Background;
  readonly mailbox: AgentMailbox;
  readonly artifacts: AgentArtifacts;
  readonly handOut: HandOut;
  readonly telemetry: Telemetry;
  readonly tokens: TokenVault["sessions"];
  readonly startedAt: number;
}

/**
 * Starts the daemon of a home.
 * @throws GaggleError NOT_JOINED, CONFLICT (another daemon owns the home), INVALID_INPUT (an address or port is taken), CREDENTIAL_INVALID
 */
export async function startAgent(given: AgentDeps, options: AgentOptions): Promise<RunningAgent> {
  const config = await readAgentConfig(options.home);
  refuseDuplicate(options.home);
  // The store's lock is what makes this the only daemon of the home.
  const failed = Promise.withResolvers<never>();
  failed.promise.catch((error: unknown) => given.log.error({ code: errorCode(error) }, "the daemon ends, since it must not go on"));
  const paths = homePaths(options.home);
  const { freeBytes } = createDiskReserve(join(options.home, "disk-reserve"), given.freeBytes ?? (() => freeBytesOf(options.home)));
  const deps: AgentDeps = { ...given, freeBytes };
  const level = await openLevelStore(paths.store, failed.reject);
  const store = withRecentWrites(level);
  try {
    return await compose(deps, options, config, store, { promise: failed.promise, fail: failed.reject, snapshot: () => level.snapshot() });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The end that a daemon does not choose, and its store as it is at one moment. */
interface Disk {
  /** Never resolves; rejects when a write has failed, or the daemon must not go on for another reason. */
  readonly promise: Promise<never>;
  fail(error: GaggleError): void;
  snapshot(): AsyncIterable<[string, string]>;
}

async function compose(
  deps: AgentDeps,
  options: AgentOptions,
  config: AgentConfig,
  store: OrderedStore,
  disk: Disk,
): Promise<RunningAgent> {
  const { promise: storeFailed } = disk;
  const startedAt = deps.clock.now();
  const core = await openAgentCore(deps, options.home, config, store);
  await confirmRecovery(core, options.home);
  const vault = await openTokenVault(core);
  const telemetry = await openTelemetry(core, options, () => metricSource(parts));
  const guard = await openGuard({ ...core, telemetry }, vault, options);
  const sealKeys = createSealKeys();
  const mesh = await startAgentPeer(core, sealKeys, () => beatOf(core, work.messaging.load()));
  const send: Messaging["send"] = (make) => work.messaging.send(make);
  const boundary = openBoundary(core, { vault, detection: guard.detection, sealKeys, send });
  const artifacts = await openArtifacts(core, { peer: mesh.peer, boundary: boundary.boundary, dir: core.paths.artifacts });
  const work = createAgentWork(core, mesh, { ...boundary, artifacts }, options);
  const mailbox = openMailbox(core, { peer: mesh.peer, mail: work.messaging.mail, sealKeys });
  const parts: Parts = {
    core,
    startedAt,
    ...guard,
    ...mesh,
    ...work,
    handOut: boundary.handOut,
    telemetry,
    tokens: vault.sessions,
    background: createBackground(core, mesh.peer, guard.routing, options.home, mailbox.kick, () => {
      void markDuplicate(options.home).then(disk.fail, disk.fail);
    }),
    mailbox,
    artifacts,
  };
  let local: LocalServer | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= shutDown(parts, local).finally(end);
    return closing;
  };
  try {
    await start(parts, options);
    const closeSoon = (): void => void close().catch(core.onError("the daemon did not end in order"));
    local = await openSocket({ ...parts, snapshot: disk.snapshot }, options, () => void deps.clock.after(STOP_DELAY_MS, closeSoon));
    // A daemon that can't write must not look alive: who needs it starts a new one.
    storeFailed.catch(closeSoon);
    parts.background.start();
    await parts.mailbox.start();
    parts.artifacts.start();
    parts.cards.start();
    deps.log.info(
      { agentId: config.agentId, role: config.role, gateway: parts.gateway.url, peers: parts.peer.addresses() },
      "the agent is up",
    );
    return { agentId: config.agentId, ended: endOf(ended, storeFailed), close };
  } catch (error) {
    await parts.peer.close();
    await parts.gateway.close();
    throw error;
  }
}

/** The end of a daemon: in order, or by its failed store, and then too only when all is closed. */
function endOf(ended: Promise<void>, storeFailed: Promise<never>): Promise<void> {
  const result = ended.then(() => Promise.race([storeFailed, Promise.resolve()]));
  // Nobody has to listen.
  result.catch(() => undefined);
  return result;
}

async function openGuard(core: AgentCore & { telemetry: Telemetry }, vault: TokenVault, { installDir, version }: AgentOptions) {
  const { paths, config } = core;
  const memory = await openGuardMemory({ path: paths.guardMemory, key: vault.keys.current(), installDir, version });
  const routing = openModelRouting(core, await readUpstreams(core));
  const parts = createModelGuard(
    {
      ...core,
      tokens: vault.sessions,
      routes: routing.routes,
      books: routing.books,
      mayUse: (tool, { unattended }) => decideToolCall(core, { tool, unattended, counts: false }).allowed,
    },
    {
      gatewayPort: config.gatewayPort,
      token: readOrMakeGatewayToken(paths.gatewayToken),
      installDir,
      modelFolder: config.guardModel,
      memory,
    },
  );
  return { ...parts, routing };
}

/** Takes up what the disk holds, then lets colleagues and Goose in. */
async function start({ core, executor, messaging, peer, background, gateway, handOut }: Parts, { version }: AgentOptions): Promise<void> {
  const { agentId, gatewayPort } = core.config;
  await core.audit({ action: "daemon.start", target: `agent:${agentId}`, result: "ok", details: { version, pid: process.pid } });
  await executor.killOrphans();
  core.membership.onChange(() => {
    peer.membershipChanged();
    messaging.trustChanged();
    // The own bundle, or that of a new role, or a credential by the next issuer is at the node.
    if (isKnown(core.membership.isBehind)) background.refresh();
  });
  peer.handleFrames((frame, from) => messaging.receiveFrame(frame, from));
  await messaging.start();
  peer.onPeerChange((change) => {
    if (change.type !== "connected") return;
    // Hello compares both clocks.
    core.clock.confirm();
    welcome(core, change, messaging.peerConnected, background.refresh);
    handOut.met(change.member.principal).catch(core.onError("a key for pseudonyms was not handed out"));
  });
  try {
    await gateway.listen();
  } catch (cause) {
    throw new GaggleError(
      "INVALID_INPUT",
      `The guard's port ${gatewayPort} is taken by another program. End that program, or change gatewayPort in config.json and run gaggle setup.`,
      { cause },
    );
  }
}

/** Whether something is so; what can't be said without a valid bundle is not. */
function isKnown(look: () => boolean): boolean {
  try {
    return look();
  } catch {
    return false;
  }
}

/** A colleague has proven membership: what waits for it goes out, and if it knows a newer bundle, that is fetched. */
function welcome(core: AgentCore, { member }: PeerChange, peerConnected: (agentId: string) => void, refresh: () => void): void {
  const { agentId, subject, role } = member.principal;
  const details = { peerSubject: subject, peerRole: role };
  core.audit({ action: "peer.hello", target: `agent:${agentId}`, result: "ok", details }).catch(core.onError("a hello was not recorded"));
  peerConnected(agentId);
  const { version, revocations } = core.membership.lastBundle().manifest;
  if (member.bundleVersion > version || member.revocationSeq > revocations.seq) refresh();
}

function openSocket(parts: Parts & Pick<Disk, "snapshot">, { home, version }: AgentOptions, stopSoon: () => void): Promise<LocalServer> {
  const { core, background } = parts;
  const handlers = createDaemonHandlers({
    ...core,
    ...parts,
    policyDesk: createPolicyDesk({ ...core, policy: core.bundlePolicy }),
    status: () => statusOf(parts, version),
    guardStats: parts.routing.guardStats,
    revoke: core.membership.acceptRevocation,
    backup: ({ file, header, key }) => backupHome(home, parts.snapshot(), { file, header, key }),
    leave: () => leaveMesh(parts),
    metrics: parts.telemetry.metrics,
    shipAudit: async () => {
      await background.ship();
      return { seq: core.chain.head().seq, shipped: background.shipped() };
    },
    stopSoon,
    newTraceId: core.newTrace,
  });
  const log = (text: string, details: object): void => core.log.info(details, text);
  return serveLocal({ path: socketPathFor(home), handlers, version, log });
}

/** What is read for the metrics. */
const metricSource = ({ core, messaging, peer, background }: Parts): MetricSource => ({
  queues: async () => {
    const { waiting, queued, dead } = await messaging.counts();
    return { inbox: waiting, outbox: queued, dead };
  },
  peersConnected: () => peer.members().length,
  bootstrapReachable: background.reachable,
  auditWaiting: () => core.chain.head().seq - background.shipped(),
  bundleExpires: () => Date.parse(core.membership.lastBundle().manifest.expiresAt) / 1_000,
});

async function statusOf(
  { core, messaging, peer, gateway, background, startedAt }: Parts,
  version: string,
): Promise<DaemonResult<"daemon.status">> {
  const { manifest } = core.membership.lastBundle();
  const { waiting, queued, dead, busy } = await messaging.counts();
  return {
    ...core.self,
    org: core.config.org,
    orgName: manifest.orgName,
    pid: process.pid,
    version,
    startedAt: new Date(startedAt).toISOString(),
    bundleVersion: manifest.version,
    bundleExpiresAt: manifest.expiresAt,
    credentialExpiresAt: new Date(core.membership.credentialExpiresAt()).toISOString(),
    bootstrap: { url: core.config.bootstrapUrl, reachable: background.reachable() },
    peersConnected: peer.members().length,
    listening: peer.addresses(),
    gatewayUrl: gateway.url,
    inbox: { waiting },
    outbox: { queued, dead },
    busy,
    audit: { seq: core.chain.head().seq, shipped: background.shipped(), alarms: (await core.logWatch.alarms()).length },
    rssBytes: process.memoryUsage.rss(),
  };
}

/** Ends everything in order: nobody new, then running work, then the last audit events, then the store. */
async function shutDown(
  {
    core,
    messaging,
    runner,
    executor,
    gateway,
    detection,
    directory,
    cards,
    peer,
    artifacts,
    mailbox,
    background,
    telemetry,
    startedAt,
  }: Parts,
  local: LocalServer | undefined,
): Promise<void> {
  await local?.close();
  messaging.stop();
  await runner.close();
  await executor.close();
  await gateway.close();
  await detection.close();
  cards.stop();
  directory.close();
  await peer.close();
  core.refusals.flush();
  const uptimeMs = core.clock.now() - startedAt;
  await core
    .audit({ action: "daemon.stop", target: `agent:${core.config.agentId}`, result: "ok", details: { uptimeMs } })
    .catch(core.onError("the daemon's end was not recorded"));
  await artifacts.stop();
  await mailbox.stop();
  await background.stop();
  await background.ship().catch(core.onError("the last audit events wait for the next start"));
  await telemetry.close().catch(core.onError("the last spans were lost"));
  await core.store.close();
}
