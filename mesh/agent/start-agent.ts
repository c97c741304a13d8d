/** The agent daemon, composed: one process per home that owns the store, the peer node, the guard's gateway and the local socket. */
import { join } from "node:path";
import { errorCode, type GaggleError } from "../contract/errors.ts";
import type { OrderedStore } from "../contract/ports.ts";
import { createDiskReserve, freeBytesOf } from "../store/disk-reserve.ts";
import { openLevelStore } from "../store/level-store.ts";
import { withRecentWrites } from "../store/recent-writes.ts";
import { type AgentConfig, homePaths, readAgentConfig } from "./agent-config.ts";
import { type AgentDeps, openAgentCore } from "./agent-core.ts";
import { startAgentPeer } from "./agent-peer.ts";
import { createAgentWork } from "./agent-work.ts";
import { confirmRecovery, markDuplicate, refuseDuplicate } from "./backup/confirm-recovery.ts";
import { createBackground } from "./background.ts";
import { beginWork } from "./daemon/begin-work.ts";
import type { AgentOptions, DaemonParts } from "./daemon/daemon-parts.ts";
import { metricSource } from "./daemon/daemon-status.ts";
import { openGuard } from "./daemon/open-guard.ts";
import { openSocket } from "./daemon/open-socket.ts";
import { shutDown } from "./daemon/shut-down.ts";
import type { LocalServer } from "./local-server.ts";
import type { Messaging } from "./messaging/messaging-types.ts";
import { openArtifacts } from "./open-artifacts.ts";
import { openBoundary } from "./open-boundary.ts";
import { beatOf } from "./open-cards.ts";
import { openMailbox } from "./open-mailbox.ts";
import { openTelemetry } from "./open-telemetry.ts";
import { createSealKeys } from "./seal-keys.ts";
import { openTokenVault } from "./token-vault.ts";

/** Lets the answer to `daemon.stop` out before the socket closes. */
const STOP_DELAY_MS = 50;

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
  const parts: DaemonParts = {
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
  const close = (why = { failed: false }): Promise<void> => {
    closing ??= shutDown(parts, local, why).finally(end);
    return closing;
  };
  try {
    await beginWork(parts, options);
    const closeSoon = (why?: { failed: boolean }): void => void close(why).catch(core.onError("the daemon did not end in order"));
    local = await openSocket({ ...parts, snapshot: disk.snapshot }, options, () => void deps.clock.after(STOP_DELAY_MS, () => closeSoon()));
    // A daemon that can't write must not look alive: who needs it starts a new one.
    storeFailed.catch(() => closeSoon({ failed: true }));
    parts.background.start();
    await parts.mailbox.start();
    parts.artifacts.start();
    parts.cards.start();
    deps.log.info(
      { agentId: config.agentId, role: config.role, gateway: parts.gateway.url, peers: parts.peer.addresses() },
      "the agent is up",
    );
    return { agentId: config.agentId, ended: endOf(ended, storeFailed), close: () => close() };
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
