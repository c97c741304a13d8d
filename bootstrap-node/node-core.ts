/** The bootstrap node without its network: what it keeps, over one store and one commit queue. */
import { type AuditChain, openAuditChain } from "../mesh/audit/chain.ts";
import { OWN_CHAIN } from "../mesh/audit/chain-place.ts";
import type { AgentExport } from "../mesh/audit/export.ts";
import { signHead } from "../mesh/audit/head.ts";
import { errorCode } from "../mesh/contract/errors.ts";
import type { Clock, CommitQueue, OrderedStore, Random, Signer } from "../mesh/contract/ports.ts";
import { agentIdOf, createSigner } from "../mesh/identity/keys.ts";
import { createCommitQueue } from "../mesh/store/commit-queue.ts";
import { freeBytesOf } from "../mesh/store/disk-reserve.ts";
import { type AccessTokens, createAccessTokens } from "./access-tokens.ts";
import { eventsOf, readCollected } from "./audit/collected-chains.ts";
import { pruneByRetention } from "./audit/retention.ts";
import { type AuditCollection, createAuditCollection } from "./audit-collection.ts";
import { type BundleShelf, openBundleShelf } from "./bundle-shelf.ts";
import { type Controller, createController } from "./controller/create-controller.ts";
import type { HandOvers } from "./controller/hand-overs.ts";
import { readRoom, type Room } from "./mailbox/deposits.ts";
import { noticingLeavers } from "./leavers.ts";
import { createMailbox, type Mailbox } from "./mailbox/mailbox.ts";
import { noteRestore } from "./backup/restored.ts";
import { createMembers, type Members } from "./members.ts";
import { createIssuerKeys } from "./issuer-keys.ts";
import { type NodeFolder, readIssuers } from "./node-folder.ts";
import type { OwnIdentity } from "./own-event.ts";
import { createIdentityProvider } from "./sign-in/identity-provider.ts";
import { createSignIns, type SignIns } from "./sign-in/sign-ins.ts";
import type { NodeLog } from "./server.ts";
import { createUsageCounters, type UsageCounters } from "./usage-totals.ts";

/** What a node keeps and decides. */
export interface NodeCore {
  readonly org: string;
  readonly own: OwnIdentity;
  readonly issuer: Signer;
  readonly queue: CommitQueue;
  readonly shelf: BundleShelf;
  readonly members: Members;
  readonly signIns: SignIns;
  readonly tokens: AccessTokens;
  readonly collection: AuditCollection;
  readonly usage: UsageCounters;
  readonly mailbox: Mailbox;
  readonly feed: Controller["feed"];
  readonly index: Controller["index"];
  readonly policy: Controller["policy"];
  readonly handOvers: HandOvers;
  /** Deposits that wait. */
  mail(): Room;
  /** Transitions that wait for the disk. */
  pendingWrites(): number;
  /** Free bytes where the store lies. */
  freeBytes(): number;
  /** Forgets audit events that are older than the organisation keeps them. @throws GaggleError where there is no valid bundle */
  pruneAudit(): Promise<void>;
  /** The node's own chain up to now with its signed head; undefined while it is empty. */
  ownChain(credential: string | undefined): AgentExport | undefined;
}

/**
 * Opens a node's state over its store, and takes the newer of the bundles that the admin put into the folder.
 * @throws GaggleError where the store holds what is not the organisation's
 */
export async function openNodeCore(
  deps: { clock: Clock; random: Random; log: NodeLog; store: OrderedStore; fetch?: typeof globalThis.fetch; freeBytes?: () => number },
  folder: NodeFolder,
  config: { signInSecret?: string } = {},
): Promise<NodeCore> {
  const { clock, random, log, store } = deps;
  const { org, rootFingerprint } = folder;
  const signer = createSigner(folder.agentKeys.sign);
  const own: OwnIdentity = { agentId: agentIdOf(signer.publicJwk), random };
  const chain = await openAuditChain({ store, random, signer }, { org, agentId: own.agentId });
  const freeBytes = deps.freeBytes ?? (() => freeBytesOf(folder.storeDir));
  const onEffectError = (error: unknown): void => log.error({ code: errorCode(error) }, "an effect of a write failed");
  const { queue, pendingWrites } = countPending(createCommitQueue({ store, clock, audit: chain, freeBytes, onEffectError }));
  const shelf = await openBundleShelf({ store, queue, clock, own }, { org, rootFingerprint });
  for (const bundle of folder.bundles) {
    await shelf.accept(bundle).catch((error: unknown) => log.warn({ code: errorCode(error) }, "a bundle in the folder was not taken"));
  }
  const issuers = createIssuerKeys(
    {
      shelf,
      clock,
      read: () => readIssuers(folder.keysDir),
      onError: () => log.warn({}, "the node's folder of keys could not be read again"),
    },
    folder.issuers,
  );
  const issuer = issuers.signer;
  const usage = createUsageCounters({ store, queue, clock }, { org });
  const restoredAt = await noteRestore({ store, queue, own });
  const members = createMembers({ store, queue, clock, random, shelf, issuer, own }, { org, restoredAt });
  const controller = createController({ store, queue, clock, shelf, eventOf: (agentId, seq) => readCollected(store, agentId, seq) });
  const mailbox = createMailbox({ store, queue, clock, issuer, members, onChange: controller.onMail }, { org });
  const { signInSecret } = config;
  const identityProvider = createIdentityProvider(
    { clock, fetch: deps.fetch ?? globalThis.fetch },
    signInSecret === undefined ? {} : { clientSecret: signInSecret },
  );
  const collection = createAuditCollection(
    {
      store,
      queue,
      clock,
      issuer,
      own,
      shelf,
      usage: noticingLeavers(controller.indexing(usage), members),
      onDelete: controller.index.remove,
    },
    { org },
  );
  return {
    org,
    own,
    issuer,
    queue,
    shelf,
    members,
    signIns: createSignIns({ clock, random, shelf, members, provider: identityProvider }),
    mailbox,
    feed: controller.feed,
    index: controller.index,
    policy: controller.policy,
    handOvers: controller.handOvers(mailbox),
    mail: () => readRoom(store, "all"),
    pendingWrites,
    freeBytes,
    tokens: createAccessTokens({ clock, random, issuers }, { org }),
    collection,
    usage,
    pruneAudit: () => pruneByRetention({ store, queue, clock, shelf, chain, collection, own }),
    ownChain: (credential) => exportChain(chain, { org, agentId: own.agentId, signer, clock, store, credential }),
  };
}

/** Counts the transitions that wait, for the metrics. */
function countPending(queue: CommitQueue): { queue: CommitQueue; pendingWrites: () => number } {
  let pending = 0;
  return {
    pendingWrites: () => pending,
    queue: {
      async run(transition, options) {
        pending++;
        try {
          return await queue.run(transition, options);
        } finally {
          pending--;
        }
      },
    },
  };
}

function exportChain(
  chain: AuditChain,
  own: { org: string; agentId: string; signer: Signer; clock: Clock; store: OrderedStore; credential: string | undefined },
): AgentExport | undefined {
  const { seq, hash } = chain.head();
  if (seq === 0) return undefined;
  const head = signHead({ v: 1, org: own.org, agentId: own.agentId, seq, hash, ts: new Date(own.clock.now()).toISOString() }, own.signer);
  return {
    agentId: own.agentId,
    credentials: own.credential === undefined ? [] : [own.credential],
    anchor: chain.anchor(),
    events: eventsOf(own.store, OWN_CHAIN, seq),
    head,
  };
}
