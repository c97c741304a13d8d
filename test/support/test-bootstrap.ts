/** A bootstrap node's API over a memory store, and agents that call it without a socket. */
import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { createAccessTokens } from "../../bootstrap-node/access-tokens.ts";
import { readCollected } from "../../bootstrap-node/audit/collected-chains.ts";
import { type AuditCollection, createAuditCollection } from "../../bootstrap-node/audit-collection.ts";
import { openBundleShelf } from "../../bootstrap-node/bundle-shelf.ts";
import { createController } from "../../bootstrap-node/controller/create-controller.ts";
import type { HandOvers } from "../../bootstrap-node/controller/hand-overs.ts";
import type { EventFeed } from "../../bootstrap-node/controller/event-feed.ts";
import { createDrain, type Drain } from "../../bootstrap-node/drain.ts";
import { createNodeMetrics, type NodeMetrics } from "../../bootstrap-node/metrics.ts";
import { createMailbox, type Mailbox, type MailQuotas } from "../../bootstrap-node/mailbox/mailbox.ts";
import { createMembers } from "../../bootstrap-node/members.ts";
import { createIdentityProvider } from "../../bootstrap-node/sign-in/identity-provider.ts";
import { createSignIns } from "../../bootstrap-node/sign-in/sign-ins.ts";
import { createUsageCounters } from "../../bootstrap-node/usage-totals.ts";
import { createBootstrapServer, type NodeLog } from "../../bootstrap-node/server.ts";
import { type AuditChain, openAuditChain } from "../../mesh/audit/chain.ts";
import { type BootstrapClient, createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import type { SignedBundle } from "../../mesh/contract/bundle.ts";
import type { OrderedStore, PolicyEngine, Signer } from "../../mesh/contract/ports.ts";
import { PROOF_HEADER } from "../../mesh/contract/bootstrap-api.ts";
import { createProof } from "../../mesh/identity/proof.ts";
import { createInvitation, parseInvitation } from "../../mesh/identity/invitation.ts";
import {
  agentIdOf,
  type AgentKeys,
  createSigner,
  ed25519PrivateJwk,
  generateAgentKeys,
  generateSigningKey,
  publicJwkOf,
} from "../../mesh/identity/keys.ts";
import { createCommitQueue } from "../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "./memory-store.ts";
import { seededRandom, seededSigner } from "./seeded-keys.ts";
import { createTestOrganisation, type TestOrganisation } from "./test-organisation.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

const silent: NodeLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** The node, and what tests need to reach into. */
export interface TestBootstrap {
  readonly app: FastifyInstance;
  readonly organisation: TestOrganisation;
  readonly clock: VirtualClock;
  readonly store: OrderedStore;
  readonly chain: AuditChain;
  readonly collection: AuditCollection;
  readonly mailbox: Mailbox;
  readonly drain: Drain;
  readonly metrics: NodeMetrics;
  readonly feed: EventFeed;
  readonly handOvers: HandOvers;
  /** What is outside of the node: who is connected, what its readiness depends on, and what policy denies besides: `role route`. */
  readonly world: {
    readonly connected: Set<string>;
    readonly denied: Set<string>;
    storeUsable: boolean;
    peerUp: boolean;
    freeBytes: number;
  };
  /** JWS of an invitation. */
  invite(who: { subject: string; role: string; org?: string; signer?: Signer }): string;
  /** Publishes a bundle of every role. */
  publish(version: number, trust?: Parameters<TestOrganisation["sign"]>[1]["trust"]): Promise<void>;
  /** Hands the node a bundle, as an admin does. */
  accept(bundle: SignedBundle): Promise<unknown>;
  /** A client that proves this key, such as an admin's. */
  client(signer: Signer): BootstrapClient;
  /** An agent of a name, with its client. */
  agent(name: string): TestAgent;
}

/** An agent's keys and client. */
export interface TestAgent {
  readonly keys: AgentKeys;
  readonly signer: Signer;
  readonly agentId: string;
  readonly client: BootstrapClient;
  join(invitation: string): ReturnType<BootstrapClient["join"]>;
  /** A call with token and proof, as the client makes them. */
  send(method: "GET" | "POST", url: string, body: unknown): Promise<{ status: number; code?: string }>;
}

/** `fetch` over `inject()`: same requests, no socket. */
export const injectFetch =
  (app: FastifyInstance): typeof globalThis.fetch =>
  async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init?.method === "POST" ? "POST" : "GET";
    const headers = Object.fromEntries(new Headers(init?.headers).entries());
    const answer = await app.inject({
      method,
      url: url.pathname + url.search,
      headers,
      ...(typeof init?.body === "string" ? { payload: init.body } : {}),
    });
    return new Response(new Uint8Array(answer.rawPayload), {
      status: answer.statusCode,
      headers: answer.headers as Record<string, string>,
    });
  };

/** Opens a node over a store; without bundles until {@link TestBootstrap.publish}. */
export async function openTestBootstrap(
  options: {
    store?: OrderedStore;
    clock?: VirtualClock;
    openRequestsPerMinute?: number;
    auditKibAtOnce?: number;
    trustProxy?: readonly string[];
    quotas?: MailQuotas;
    log?: NodeLog;
    fetch?: typeof globalThis.fetch;
  } = {},
): Promise<TestBootstrap> {
  const organisation = createTestOrganisation();
  const clock = options.clock ?? createVirtualClock();
  const store = options.store ?? openMemoryStore();
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const { org, issuer, root } = organisation;
  const own = { agentId: agentIdOf(seededSigner("bootstrap").publicJwk), random };
  const chain = await openAuditChain({ store, random }, { org, agentId: own.agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const shelf = await openBundleShelf({ store, queue, clock, own }, { org, rootFingerprint: root.thumbprint });
  const usage = createUsageCounters({ store, queue, clock }, { org });
  const issuerKey = ed25519PrivateJwk.parse(generateSigningKey(seededRandom("harbour issuer")));
  const members = createMembers({ store, queue, clock, random, shelf, issuer, own }, { org });
  const controller = createController({ store, queue, clock, shelf, eventOf: (agentId, seq) => readCollected(store, agentId, seq) });
  const world = {
    connected: new Set<string>(),
    storeUsable: true,
    peerUp: true,
    freeBytes: Number.MAX_SAFE_INTEGER,
    denied: new Set<string>(),
  };
  const policy: PolicyEngine = {
    decide(question) {
      const decision = controller.policy.decide(question);
      const isDenied = question.action === "api.call" && world.denied.has(`${question.principal.role} ${question.resource}`);
      return isDenied ? { ...decision, allowed: false, rules: [], reason: "The test denies it." } : decision;
    },
  };

  const drain = createDrain({ clock });
  const metrics = createNodeMetrics();
  const mailbox = createMailbox(
    { store, queue, clock, issuer, members, onChange: controller.onMail },
    { org, ...(options.quotas === undefined ? {} : { quotas: options.quotas }) },
  );
  const handOvers = controller.handOvers(mailbox);
  const collection = createAuditCollection(
    { store, queue, clock, issuer, own, shelf, usage: controller.indexing(usage), onDelete: controller.index.remove },
    { org },
  );
  const app = createBootstrapServer(
    {
      clock,
      log: options.log ?? silent,
      shelf,
      drain,
      metrics,
      feed: controller.feed,
      index: controller.index,
      policy,
      handOvers,
      connected: () => world.connected,
      storeUsable: () => world.storeUsable,
      peerUp: () => world.peerUp,
      freeBytes: () => world.freeBytes,
      members,
      signIns: createSignIns({
        clock,
        random,
        shelf,
        members,
        provider: createIdentityProvider({ clock, fetch: options.fetch ?? globalThis.fetch }),
      }),
      mailbox,
      tokens: createAccessTokens({ clock, random, issuers: { current: () => issuerKey, believed: () => [issuerKey] } }, { org }),
      collection,
      usage,
      ownChain: () => undefined,
      peerAddresses: () => ["/ip4/127.0.0.1/tcp/4871"],
    },
    {
      org,
      version: "0.0.0-test",
      ...(options.trustProxy === undefined ? {} : { trustProxy: options.trustProxy }),
      ...(options.openRequestsPerMinute === undefined ? {} : { openRequestsPerMinute: options.openRequestsPerMinute }),
      ...(options.auditKibAtOnce === undefined ? {} : { auditKibAtOnce: options.auditKibAtOnce }),
    },
  );
  const client = (signer: Signer): BootstrapClient =>
    createBootstrapClient({ signer, clock, random, fetch: injectFetch(app) }, { baseUrl: "http://127.0.0.1", org });

  return {
    app,
    client,
    organisation,
    clock,
    store,
    chain,
    collection,
    mailbox,
    drain,
    metrics,
    feed: controller.feed,
    handOvers,
    world,
    invite({ subject, role, org: otherOrg = org, signer = organisation.admin }) {
      const secrets = { rootFingerprint: root.thumbprint, pseudonymEpoch: 1, pseudonymKey: Buffer.alloc(32, 1).toString("base64url") };
      const link = createInvitation({
        baseUrl: "http://127.0.0.1",
        org: otherOrg,
        role,
        subject,
        signer,
        nowMs: clock.now(),
        random,
        ...secrets,
      });
      return parseInvitation(link).secret.jws;
    },
    accept: (bundle) => shelf.accept(bundle),
    async publish(version, trust = {}) {
      for (const role of ["finance", "marketing", "executive"]) {
        await shelf.accept(organisation.sign(role, { version, nowMs: clock.now(), trust }));
      }
    },
    agent(name) {
      const keys = generateAgentKeys(seededRandom(name));
      const signer = createSigner(keys.sign);
      const calls = client(signer);
      return {
        keys,
        signer,
        agentId: agentIdOf(signer.publicJwk),
        client: calls,
        join: (invitation) => calls.join({ invitation, seal: publicJwkOf(keys.seal) }),
        async send(method, url, body) {
          const proof = createProof({ call: { org, method, path: url, body }, signer, nowMs: clock.now(), random });
          const headers = { authorization: `Bearer ${await calls.token()}`, [PROOF_HEADER]: proof };
          const answer = await app.inject({ method, url, headers, ...(method === "POST" ? { payload: body as object } : {}) });
          const problem = answer.statusCode === 200 ? {} : (JSON.parse(answer.body) as { code: string });
          return { ...problem, status: answer.statusCode };
        },
      };
    },
  };
}
