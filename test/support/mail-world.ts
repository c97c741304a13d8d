/** Agents in a simulation with the real mailbox between them: the node's part over a memory store, sealing by `jose`, rounds when a test says so. */
import { createMailbox, type Mailbox } from "../../bootstrap-node/mailbox/mailbox.ts";
import type { Member } from "../../bootstrap-node/members.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../mesh/contract/limits.ts";
import { isRevoked, verifyMembership } from "../../mesh/identity/membership.ts";
import { publicJwkOf } from "../../mesh/identity/keys.ts";
import { createMailCollector, type MailCollectorDeps } from "../../mesh/mailbox/mail-collector.ts";
import { createMailSender } from "../../mesh/mailbox/mail-sender.ts";
import { readDevice, signSealKey } from "../../mesh/mailbox/seal-key.ts";
import { openMail, sealMail } from "../../mesh/mailbox/sealed-mail.ts";
import { createCommitQueue } from "../../mesh/store/commit-queue.ts";
import type { TestMember, TestOrg } from "./audit-fixture.ts";
import { createTestMember } from "./audit-fixture.ts";
import { openMemoryStore } from "./memory-store.ts";
import { createWorld, type NodeOptions, startNode, type TestNode, type World } from "./messaging-node.ts";

/** A message is deposited when it has waited for this long. */
export const DEPOSIT_AFTER_MS = 5_000;
/** Recipients are looked up again after this time. */
export const RECHECK_MS = 60_000;

/** The organisation, its bootstrap node's mailbox, and what a test can do to it. */
export interface MailWorld extends World {
  readonly mailbox: Mailbox;
  /** Everything that the mailbox has on its disk, as one text. */
  disk(): Promise<string>;
  readonly office: {
    down: boolean;
    /** The node does what it is asked for, and its answer is lost. */
    losesAnswers: boolean;
  };
  /** What the newest bundle says; replace it to revoke. */
  trust: TestOrg["manifest"];
  /** A further device of a person, with keys of its own. */
  addDevice(subject: string, role: string): TestMember;
}

/** An agent with its mailbox. */
export interface MailAgent {
  readonly node: TestNode;
  readonly member: TestMember;
  /** What may be deposited is. */
  send(): Promise<void>;
  /** What waits is fetched. */
  collect(change?: Partial<MailCollectorDeps>): Promise<void>;
  readonly refusals: string[];
  readonly problems: unknown[];
}

/** Makes the world. */
export function createMailWorld(seed: number): MailWorld {
  const world = createWorld(seed);
  const store = openMemoryStore();
  const audit = { link: () => [], committed: () => undefined };
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock: world.clock, audit, freeBytes: () => FREE_SPACE_FLOOR_BYTES, onEffectError: fail });
  const asMember = ({ principal, keys, credential }: TestMember): Member => ({
    ...principal,
    title: principal.role,
    seal: publicJwkOf(keys.seal),
    credential,
  });
  const mail: MailWorld = {
    ...world,
    trust: world.org.manifest,
    office: { down: false, losesAnswers: false },
    disk: async () => (await store.range({ gte: "", lt: "~" })).map((pair) => pair.join("\n")).join("\n"),
    mailbox: createMailbox(
      {
        store,
        queue,
        clock: world.clock,
        issuer: world.org.issuer,
        members: {
          get(agentId) {
            const found = world.members.find(({ principal }) => principal.agentId === agentId);
            if (found === undefined) throw new GaggleError("NOT_A_MEMBER", "unknown");
            if (isRevoked(found.principal, mail.trust)) throw new GaggleError("REVOKED", "revoked");
            return asMember(found);
          },
          list: async () => world.members.filter(({ principal }) => !isRevoked(principal, mail.trust)).map(asMember),
        },
      },
      { org: world.org.org },
    ),
    addDevice(subject, role) {
      const member = createTestMember(world.org, world.random, { subject, role }, world.clock.now());
      world.members.push(member);
      return member;
    },
  };
  return mail;
}

/** Starts an agent; it tells the node the key for its mail at once. */
export async function startMailAgent(world: MailWorld, member: TestMember, options: NodeOptions = {}): Promise<MailAgent> {
  const node = await startNode(world, member, { trust: () => world.trust, ...options });
  const agent = await reopenMail(world, member, node);
  await agent.collect();
  return agent;
}

/** An agent's mailbox over a running node, as after a restart. */
export async function reopenMail(world: MailWorld, member: TestMember, node: TestNode): Promise<MailAgent> {
  const { clock, random, org, mailbox, network } = world;
  const { agentId } = member.principal;
  const self: Member = { ...member.principal, title: "", seal: publicJwkOf(member.keys.seal), credential: member.credential };
  const refusals: string[] = [];
  const problems: unknown[] = [];

  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    const away = new GaggleError("PEER_UNREACHABLE", "The bootstrap node is down.");
    if (world.office.down) throw away;
    if (isRevoked(member.principal, world.trust)) throw new GaggleError("REVOKED", "revoked");
    const answer = await run();
    if (world.office.losesAnswers) throw away;
    return answer;
  };
  const verify = (jwt: string, atMs: number) => verifyMembership({ jwt, manifest: world.trust, nowMs: atMs });

  const sender = createMailSender(
    {
      clock,
      random,
      store: node.store,
      queue: node.queue,
      ...node.messaging.mail,
      office: {
        deposit: (request) => call(() => mailbox.deposit(self, request)),
        withdrawMail: (request) => call(() => mailbox.withdraw(self, request)),
      },
      seal: sealMail,
      isConnected: (id) => network.isAttached(id),
      devicesOf: async (subject) => {
        const { devices } = await call(() => mailbox.devices({ subject }));
        return devices.map((told) => readDevice(told, verify));
      },
      trustVersion: () => String(world.trust.revocations.seq),
      onError: (error) => void problems.push(error),
    },
    { depositAfterMs: DEPOSIT_AFTER_MS, recheckMs: RECHECK_MS },
  );
  await sender.start();

  const deps: MailCollectorDeps = {
    clock,
    ...node.messaging.mail,
    office: {
      fetchMail: (request) => call(() => mailbox.fetch(self, request)),
      discardMail: (request) => call(() => mailbox.discard(self, request)),
    },
    open: (sealed) => openMail(sealed, member.keys.seal),
    issuers: () => world.trust.issuers,
    sealKey: () => signSealKey({ org: org.org, seal: publicJwkOf(member.keys.seal), signer: member.signer }),
    countRefusal: (_, code) => void refusals.push(code),
  };
  return {
    node,
    member,
    refusals,
    problems,
    send: sender.round,
    collect: (change = {}) => createMailCollector({ ...deps, ...change }, { org: org.org, self: agentId }).round(),
  };
}
