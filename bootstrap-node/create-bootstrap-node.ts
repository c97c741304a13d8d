/** The bootstrap node, composed: store, members, bundles, audit collection, HTTP API, libp2p peer. One process, one folder. */
import { statfsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { type AuditChain, openAuditChain } from "../mesh/audit/chain.ts";
import type { AgentExport } from "../mesh/audit/export.ts";
import { signHead } from "../mesh/audit/ship.ts";
import { errorCode, GaggleError } from "../mesh/contract/errors.ts";
import { CLOCK_LEEWAY_MS } from "../mesh/contract/limits.ts";
import type { Clock, OrderedStore, Random, Signer } from "../mesh/contract/ports.ts";
import { isLoopback } from "../mesh/identity/invitation.ts";
import { agentIdOf, createSigner } from "../mesh/identity/keys.ts";
import { createCommitQueue } from "../mesh/store/commit-queue.ts";
import { openLevelStore } from "../mesh/store/level-store.ts";
import { createAccessTokens } from "./access-tokens.ts";
import { createAuditCollection } from "./audit-collection.ts";
import { openBundleShelf } from "./bundle-shelf.ts";
import { createMembers } from "./members.ts";
import { type NodeFolder, readNodeFolder } from "./node-folder.ts";
import type { OwnIdentity } from "./own-event.ts";
import { every, startBootstrapPeer } from "./peer.ts";
import { createBootstrapServer, type NodeLog, type ServerConfig } from "./server.ts";

/** How often expired proofs are forgotten. */
const HOUSEKEEPING_MS = 60_000;
/** Events that an export of the node's own chain reads at once. */
const PAGE = 500;

/** Where the node lives and listens. */
export interface BootstrapNodeConfig extends Pick<ServerConfig, "version" | "tls" | "openRequestsPerMinute"> {
  /** The folder `bootstrap/` that `gaggle org init` made. */
  readonly dir: string;
  /** Address of the HTTP API. Without `tls`, only of this machine. Port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** Multiaddrs for the libp2p peer, for example `/ip4/0.0.0.0/tcp/4871`; `null` for none. */
  readonly peer: { readonly listen: readonly string[]; readonly mdns: boolean } | null;
}

/** A running bootstrap node. */
export interface BootstrapNode {
  /** Base URL of the API, for example `http://127.0.0.1:4870`. */
  readonly url: string;
  readonly org: string;
  readonly agentId: string;
  /** Multiaddrs with peer id. */
  peerAddresses(): readonly string[];
  /** Finishes what runs, then closes everything. */
  close(): Promise<void>;
}

/**
 * Starts a bootstrap node.
 * @throws GaggleError INVALID_INPUT (plain HTTP beyond this machine, or the address is in use), NOT_FOUND (no such folder), CONFLICT (another node owns
 *   the folder), STORE_FAILED, BUNDLE_SIGNATURE
 */
export async function createBootstrapNode(
  deps: { clock: Clock; random: Random; log: NodeLog },
  config: BootstrapNodeConfig,
): Promise<BootstrapNode> {
  refusePlainHttp(config);
  const folder = await readNodeFolder(config.dir, deps.random);
  const store = await openLevelStore(folder.storeDir);
  try {
    return await compose(deps, config, folder, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function compose(
  deps: { clock: Clock; random: Random; log: NodeLog },
  config: BootstrapNodeConfig,
  folder: NodeFolder,
  store: OrderedStore,
): Promise<BootstrapNode> {
  const { clock, random, log } = deps;
  const { org, rootFingerprint } = folder;
  const issuer = createSigner(folder.issuer);
  const signer = createSigner(folder.agentKeys.sign);
  const own: OwnIdentity = { agentId: agentIdOf(signer.publicJwk), random };
  const chain = await openAuditChain({ store, random }, { org, agentId: own.agentId });
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(folder.storeDir);
    return bavail * bsize;
  };
  const onEffectError = (error: unknown): void => log.error({ code: errorCode(error) }, "an effect of a write failed");
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes, onEffectError });
  const shelf = await openBundleShelf({ store, queue, clock, own }, { org, rootFingerprint });
  for (const bundle of folder.bundles) {
    await shelf.accept(bundle).catch((error: unknown) => log.warn({ code: errorCode(error) }, "a bundle in the folder was not taken"));
  }
  const peer =
    config.peer === null
      ? undefined
      : await startBootstrapPeer(
          {
            clock,
            random,
            log,
            shelf,
            issuer,
            keys: folder.agentKeys,
            own,
            record: (drafts) => {
              const write = queue.run((tx) => drafts.forEach((draft) => tx.audit(draft)));
              write.catch((error: unknown) => log.error({ code: errorCode(error) }, "refusals could not be recorded"));
            },
          },
          { org, ...config.peer },
        );
  const members = createMembers({ store, queue, clock, random, shelf, issuer, own }, { org });
  const server = createBootstrapServer(
    {
      clock,
      log,
      members,
      shelf,
      tokens: createAccessTokens({ clock, random }, { org, issuer: folder.issuer }),
      collection: createAuditCollection({ store, queue, clock, issuer, own }, { org }),
      ownChain: () => exportOwnChain(chain, { org, agentId: own.agentId, signer, clock, credential: peer?.credential() }),
      peerAddresses: () => peer?.addresses() ?? [],
    },
    { org, ...config },
  );
  const forget = (): void => {
    const before = Math.floor((clock.now() - CLOCK_LEEWAY_MS) / 1000);
    members.forgetProofs(before).catch((error: unknown) => log.error({ code: errorCode(error) }, "old proofs could not be forgotten"));
  };
  const stopHousekeeping = every(clock, HOUSEKEEPING_MS, forget);
  const close = async (): Promise<void> => {
    stopHousekeeping();
    await server.close();
    await peer?.close();
    // Whatever was still being recorded is on the disk after this.
    await queue.run(() => undefined, { finishing: true });
    await store.close();
  };
  try {
    const url = await listen(server, config);
    log.info({ url, org }, "the bootstrap node listens");
    return { url, org, agentId: own.agentId, peerAddresses: () => peer?.addresses() ?? [], close };
  } catch (error) {
    stopHousekeeping();
    await peer?.close();
    throw error;
  }
}

/** Members' invitations and tokens must not cross a network in clear. */
function refusePlainHttp(config: BootstrapNodeConfig): void {
  if (config.tls !== undefined || isLoopback(config.host)) return;
  throw new GaggleError(
    "INVALID_INPUT",
    `The bootstrap node speaks plain HTTP on this machine only, and ${config.host} is reachable from others. Give it a certificate and key (tls), or listen on 127.0.0.1 behind a proxy with TLS.`,
  );
}

async function listen(server: FastifyInstance, config: BootstrapNodeConfig): Promise<string> {
  try {
    await server.listen({ host: config.host, port: config.port });
  } catch (cause) {
    throw new GaggleError(
      "INVALID_INPUT",
      `The bootstrap node can't listen on ${config.host}:${config.port}; free the port or choose another.`,
      { cause },
    );
  }
  const { port } = server.server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host.replaceAll(/[[\]]/g, "")}]` : config.host;
  return `${config.tls === undefined ? "http" : "https"}://${host}:${port}`;
}

/** The node's own chain up to now, with its signed head. */
function exportOwnChain(
  chain: AuditChain,
  own: { org: string; agentId: string; signer: Signer; clock: Clock; credential: string | undefined },
): AgentExport | undefined {
  const { seq, hash } = chain.head();
  if (seq === 0) return undefined;
  const head = signHead({ v: 1, org: own.org, agentId: own.agentId, seq, hash, ts: new Date(own.clock.now()).toISOString() }, own.signer);
  async function* events() {
    for (let from = 1; from <= seq; from += PAGE) yield* await chain.list({ fromSeq: from, limit: Math.min(PAGE, seq - from + 1) });
  }
  return { agentId: own.agentId, credentials: own.credential === undefined ? [] : [own.credential], events: events(), head };
}
