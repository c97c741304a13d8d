/** The bootstrap node, composed: store, state, HTTP API, libp2p peer. One process, one folder. */
import { join } from "node:path";
import type { AuditDraft } from "../mesh/contract/audit.ts";
import { errorCode } from "../mesh/contract/errors.ts";
import type { Clock, Random } from "../mesh/contract/ports.ts";
import { createDiskReserve, freeBytesOf } from "../mesh/store/disk-reserve.ts";
import { type LevelStore, openLevelStore } from "../mesh/store/level-store.ts";
import { startHousekeeping, tell } from "./housekeeping.ts";
import { listen, refusePlainHttp } from "./listen.ts";
import { createDrain } from "./drain.ts";
import { createNodeMetrics } from "./metrics.ts";
import { type NodeCore, openNodeCore } from "./node-core.ts";
import { type OpsAddress, type OpsServer, startOpsServer } from "./ops-server.ts";
import { type NodeFolder, readNodeFolder } from "./node-folder.ts";
import { type BootstrapPeer, startBootstrapPeer } from "./peer.ts";
import { createBootstrapServer, type NodeLog, type ServerConfig } from "./server.ts";

/** What the node needs of the world. */
export interface BootstrapNodeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  /** For the identity provider; left out, the system's. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Where the node lives and listens. */
export interface BootstrapNodeConfig
  extends Pick<ServerConfig, "version" | "tls" | "openRequestsPerMinute" | "auditKibAtOnce" | "trustProxy"> {
  /** The folder `bootstrap/` that `gaggle org init` made. */
  readonly dir: string;
  /** Address of the HTTP API. Without `tls`, only of this machine. Port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** The client secret at the identity provider, only for providers that want one of installed programs too. */
  readonly signInSecret?: string;
  /** Multiaddrs for the libp2p peer, for example `/ip4/0.0.0.0/tcp/4871`; `null` for none. */
  readonly peer: { readonly listen: readonly string[]; readonly mdns: boolean } | null;
  /** Where operators ask for metrics and backups: loopback unless told otherwise; none where left out. */
  readonly ops?: OpsAddress;
}

/** A running bootstrap node. */
export interface BootstrapNode {
  /** Base URL of the API, for example `http://127.0.0.1:4870`. */
  readonly url: string;
  readonly org: string;
  readonly agentId: string;
  /** Multiaddrs with peer id. */
  peerAddresses(): readonly string[];
  /** Base URL of metrics and backups; undefined where there are none. */
  readonly opsUrl: string | undefined;
  /** Never resolves; rejects with STORE_FAILED when a write has failed: close the node then, and start another. */
  readonly storeFailed: Promise<never>;
  /** Finishes what runs, then closes everything. */
  close(): Promise<void>;
}

/** What has to be closed, in the order it was opened. */
type Closers = (() => Promise<void> | void)[];

const closeAll = async (closers: Closers): Promise<void> => {
  for (const close of closers.splice(0).reverse()) await close();
};

/**
 * Starts a bootstrap node.
 * @throws GaggleError INVALID_INPUT (plain HTTP beyond this machine, or the address is in use), NOT_FOUND (no such folder),
 *   CONFLICT (another node owns the folder), STORE_FAILED, BUNDLE_SIGNATURE
 */
export async function createBootstrapNode(deps: BootstrapNodeDeps, config: BootstrapNodeConfig): Promise<BootstrapNode> {
  refusePlainHttp(config);
  const folder = await readNodeFolder(config.dir, deps.random);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch((error: unknown) => deps.log.error({ code: errorCode(error) }, "the store failed, so the node takes nothing more"));
  const { freeBytes } = createDiskReserve(join(config.dir, "disk-reserve"), () => freeBytesOf(config.dir));
  const store = await openLevelStore(folder.storeDir, failed.reject);
  const closers: Closers = [() => store.close()];
  try {
    return { ...(await compose({ ...deps, freeBytes }, config, folder, store, closers)), storeFailed: failed.promise };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function compose(
  deps: BootstrapNodeDeps & { freeBytes(): number },
  config: BootstrapNodeConfig,
  folder: NodeFolder,
  store: LevelStore,
  closers: Closers,
): Promise<Omit<BootstrapNode, "storeFailed">> {
  const core = await openNodeCore({ ...deps, store }, folder, config);
  // Whatever is still being recorded when the rest has closed is on the disk after this.
  closers.push(() => core.queue.run(() => undefined, { finishing: true }).catch(tell(deps, "the last events could not be recorded")));
  const peer = await startPeer(deps, config, folder, core);
  if (peer !== undefined) closers.push(() => peer.close());
  closers.push(startHousekeeping(deps, core));
  const parts = serverParts(deps, core, peer, store);
  parts.metrics.observe(parts);
  const ops = await startOps(config, parts, closers);
  const server = createBootstrapServer(parts, { org: core.org, ...config });
  closers.push(() => server.close());
  const url = await listen(server, config);
  closers.push(() => {
    core.feed.release();
    return parts.drain.end();
  });
  deps.log.info({ url, org: core.org, ...(ops === undefined ? {} : { opsUrl: ops.url }) }, "the bootstrap node listens");
  const { peerAddresses } = parts;
  return { url, org: core.org, agentId: core.own.agentId, peerAddresses, opsUrl: ops?.url, close: () => closeAll(closers) };
}

/** What the server needs besides the core. */
const serverParts = (deps: BootstrapNodeDeps, core: NodeCore, peer: BootstrapPeer | undefined, store: LevelStore) => ({
  ...deps,
  ...core,
  store,
  drain: createDrain(deps),
  metrics: createNodeMetrics(),
  ownChain: () => core.ownChain(peer?.credential()),
  peerAddresses: (): string[] => peer?.addresses() ?? [],
  connected: (): ReadonlySet<string> => peer?.connected() ?? NOBODY,
  peerUp: () => peer === undefined || peer.addresses().length > 0,
  storeUsable: () => store.usable(),
  waitingPolls: () => core.feed.waiting(),
  openAlarms: async () => (await core.collection.alarms()).filter(({ open }) => open).length,
});

const NOBODY: ReadonlySet<string> = new Set();

async function startOps(
  config: BootstrapNodeConfig,
  parts: ReturnType<typeof serverParts>,
  closers: Closers,
): Promise<OpsServer | undefined> {
  if (config.ops === undefined) return undefined;
  const ops = await startOpsServer(parts, { dir: config.dir, ...config.ops });
  closers.push(() => ops.close());
  return ops;
}

async function startPeer(
  deps: BootstrapNodeDeps,
  config: BootstrapNodeConfig,
  folder: NodeFolder,
  core: NodeCore,
): Promise<BootstrapPeer | undefined> {
  if (config.peer === null) return undefined;
  const peerDeps = {
    ...deps,
    ...core,
    keys: folder.agentKeys,
    record: (drafts: readonly AuditDraft[]) => {
      const write = core.queue.run((tx) => {
        for (const draft of drafts) tx.audit(draft);
      });
      write.catch(tell(deps, "refusals could not be recorded"));
    },
  };
  return startBootstrapPeer(peerDeps, { org: core.org, networkKey: folder.networkKey, ...config.peer });
}
