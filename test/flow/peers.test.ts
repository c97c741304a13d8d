import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Principal } from "../../mesh/contract/identity.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { MAX_FRAME_BYTES } from "../../mesh/contract/limits.ts";
import { asSpoken, type HelloMessage, ownHello } from "../../mesh/peer/hello-wire.ts";
import { createLibp2pNode } from "../../mesh/peer/libp2p-node.ts";
import { libp2pKeyOf } from "../../mesh/peer/private-key.ts";
import { BUNDLE_PROTOCOL, HELLO_PROTOCOL } from "../../mesh/peer/protocols.ts";
import { REVOCATION_PAGE } from "../../mesh/contract/revocation.ts";
import { revocationDigest } from "../../mesh/identity/revocation.ts";
import type { BundleSharing, PeerMembership } from "../../mesh/peer/peer-node.ts";
import {
  addressOf,
  createMemoryBook,
  createTestOrganisation,
  startTestPeer,
  type TestOrganisation,
  type TestPeer,
} from "../support/peer-world.ts";
import { testPort } from "../support/test-port.ts";

const WITHIN = { timeout: 20_000, interval: 20 };
const peers: TestPeer[] = [];

async function start(organisation: TestOrganisation, name: string, options: Parameters<typeof startTestPeer>[2] = {}): Promise<TestPeer> {
  const peer = await startTestPeer(organisation, organisation.member(name), options);
  peers.push(peer);
  return peer;
}

const membersOf = (peer: TestPeer): string[] =>
  peer.node
    .members()
    .map((member) => member.principal.subject)
    .toSorted();

afterEach(async () => {
  // One after the other: libp2p gives two that close on each other half a second.
  for (const { node } of peers.splice(0)) await node.close();
});

describe("two members", () => {
  it("prove themselves to each other and see each other's principal and card", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");

    const seen = await marco.node.dial(addressOf(fiona));

    expect(seen.principal).toEqual({ agentId: fiona.node.agentId, subject: "fiona.berg", role: "finance", department: "finance" });
    expect(seen.card.skills).toEqual([{ id: "echo", description: "Answers with what it got." }]);
    await vi.waitFor(() => expect(membersOf(fiona)).toEqual(["marco.diaz"]), WITHIN);
    expect([...fiona.refusals, ...marco.refusals]).toEqual([]);
  });

  it("exchange frames of every size up to the limit in both directions", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    await marco.node.dial(addressOf(fiona));

    for (const size of [0, 1, 1_000, 70_000, MAX_FRAME_BYTES]) {
      const frame = new Uint8Array(randomBytes(size));
      expect(Buffer.compare(await marco.node.request(fiona.node.agentId, frame), frame)).toBe(0);
      expect(Buffer.compare(await fiona.node.request(marco.node.agentId, frame), frame)).toBe(0);
    }
    expect(fiona.received[0]?.from.subject).toBe("marco.diaz");
  });

  it("keep hundreds of requests in flight and answer each with its own answer, in whatever order", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    fiona.node.handleFrames(async (frame) => {
      await new Promise((resolve) => setTimeout(resolve, (frame[0] ?? 0) % 7));
      return frame;
    });
    await marco.node.dial(addressOf(fiona));

    const frames = Array.from({ length: 200 }, (_, index) => new Uint8Array([index, ...randomBytes(3_000)]));
    const answers = await Promise.all(frames.map((frame) => marco.node.request(fiona.node.agentId, frame)));

    for (const [index, answer] of answers.entries()) expect(Buffer.compare(answer, frames[index] ?? new Uint8Array())).toBe(0);
  });

  it("move many large frames at once without exceeding a buffer", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    await marco.node.dial(addressOf(fiona));

    const frames = Array.from({ length: 14 }, () => new Uint8Array(randomBytes(MAX_FRAME_BYTES)));
    const answers = await Promise.all(frames.map((frame) => marco.node.request(fiona.node.agentId, frame)));

    for (const [index, answer] of answers.entries()) expect(Buffer.compare(answer, frames[index] ?? new Uint8Array())).toBe(0);
  });

  it("learn an error's code and nothing else from the other's handler", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    fiona.node.handleFrames(async () => {
      throw new GaggleError("DISK_FULL", "secret detail");
    });
    await marco.node.dial(addressOf(fiona));

    const refused = marco.node.request(fiona.node.agentId, new Uint8Array(1));
    await expect(refused).rejects.toMatchObject({ code: "DISK_FULL" });
    await expect(refused).rejects.not.toThrow(/secret/);
  });

  it("refuse to send more than the limit", async () => {
    const organisation = createTestOrganisation("northwind");
    const marco = await start(organisation, "marco.diaz");
    await expect(marco.node.request(marco.node.agentId, new Uint8Array(MAX_FRAME_BYTES + 1))).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("stay one connected member when both dial at the same moment, and go on talking", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    const changes: string[] = [];
    fiona.node.onPeerChange((change) => changes.push(change.type));

    await Promise.all([marco.node.dial(addressOf(fiona)), fiona.node.dial(addressOf(marco))]);
    const until = Date.now() + 5_000;
    while (Date.now() < until) {
      const frame = new Uint8Array(randomBytes(100));
      expect(Buffer.compare(await marco.node.request(fiona.node.agentId, frame), frame)).toBe(0);
      expect(Buffer.compare(await fiona.node.request(marco.node.agentId, frame), frame)).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(changes).toEqual(["connected"]);
    expect(membersOf(fiona)).toEqual(["marco.diaz"]);
  });
});

describe("a network with a pre-shared key", () => {
  it("connects who has it, with frames of every size, and nobody else, member or not", async () => {
    const organisation = createTestOrganisation("northwind");
    const networkKey = new Uint8Array(randomBytes(32));
    const fiona = await start(organisation, "fiona.berg", { config: { networkKey } });
    const marco = await start(organisation, "marco.diaz", { config: { networkKey } });
    await marco.node.dial(addressOf(fiona));
    for (const size of [1, 70_000, MAX_FRAME_BYTES]) {
      const frame = new Uint8Array(randomBytes(size));
      expect(Buffer.compare(await marco.node.request(fiona.node.agentId, frame), frame)).toBe(0);
    }
    const without = await start(organisation, "hanna.okoye");
    await expect(without.node.dial(addressOf(fiona))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    const wrong = await start(organisation, "theo.whitaker", { config: { networkKey: new Uint8Array(randomBytes(32)) } });
    await expect(wrong.node.dial(addressOf(fiona))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(membersOf(fiona)).toEqual(["marco.diaz"]);
  });
});

describe("a member that went away", () => {
  it("is reported, makes requests fail, and is connected again by itself when it is back at the same address", async () => {
    const organisation = createTestOrganisation("northwind");
    // Of no connection of this machine meanwhile.
    const listen = [`/ip4/127.0.0.1/tcp/${await testPort()}`];
    const fiona = await start(organisation, "fiona.berg", { config: { listen } });
    const marco = await start(organisation, "marco.diaz");
    await marco.node.dial(addressOf(fiona));
    const changes: string[] = [];
    marco.node.onPeerChange((change) => changes.push(change.type));

    await fiona.node.close();
    await vi.waitFor(() => expect(changes).toEqual(["connected", "disconnected"]), WITHIN);
    await expect(marco.node.request(fiona.node.agentId, new Uint8Array(1))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });

    const back = await start(organisation, "fiona.berg", { config: { listen } });
    await vi.waitFor(() => expect(membersOf(marco)).toEqual(["fiona.berg"]), WITHIN);
    expect(await marco.node.request(back.node.agentId, new Uint8Array([7]))).toEqual(Buffer.from([7]));
  });

  it("fails the requests that wait for its answer", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    await marco.node.dial(addressOf(fiona));
    const arrived = Promise.withResolvers<void>();
    fiona.node.handleFrames(() => {
      arrived.resolve();
      return new Promise(() => undefined);
    });

    const waiting = marco.node.request(fiona.node.agentId, new Uint8Array(1));
    waiting.catch(() => undefined);
    await arrived.promise;
    await fiona.node.close();

    await expect(waiting).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  });

  it("is found again after a restart of the other from its peer book alone", async () => {
    const organisation = createTestOrganisation("northwind");
    const book = createMemoryBook();
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz", { deps: { book } });
    await marco.node.dial(addressOf(fiona));
    await marco.node.close();
    expect(book.entries.map((entry) => entry.agentId)).toContain(fiona.node.agentId);

    const again = await start(organisation, "marco.diaz", { deps: { book } });
    await vi.waitFor(() => expect(membersOf(again)).toEqual(["fiona.berg"]), WITHIN);
  });
});

describe("five agents that know one bootstrap peer", () => {
  it("soon all know each other, and go on without it", async () => {
    const organisation = createTestOrganisation("northwind");
    const bootstrap = await start(organisation, "bootstrap");
    const names = ["edward", "elena", "fiona", "hanna", "marco"];
    const agents = await Promise.all(
      names.map((name) => start(organisation, name, { config: { bootstrapPeers: [addressOf(bootstrap)] } })),
    );

    for (const [index, agent] of agents.entries()) {
      const others = ["bootstrap", ...names.filter((_, other) => other !== index)].toSorted();
      await vi.waitFor(() => expect(membersOf(agent)).toEqual(others), WITHIN);
    }

    await bootstrap.node.close();
    const [first, last] = [agents[0], agents[4]];
    expect(await first?.node.request(last?.node.agentId ?? "", new Uint8Array([1]))).toEqual(Buffer.from([1]));
  });
});

describe("membership that changes while connected", () => {
  it("cuts a revoked member at the news and keeps the others", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    const hanna = await start(organisation, "hanna.okoye");
    await marco.node.dial(addressOf(fiona));
    await hanna.node.dial(addressOf(fiona));
    await vi.waitFor(() => expect(membersOf(fiona)).toEqual(["hanna.okoye", "marco.diaz"]), WITHIN);
    const reasons: string[] = [];
    fiona.node.onPeerChange((change) => change.type === "disconnected" && reasons.push(change.reason));

    organisation.revoke(marco.node.agentId);
    fiona.node.membershipChanged();

    await vi.waitFor(() => expect(membersOf(fiona)).toEqual(["hanna.okoye"]), WITHIN);
    expect(reasons).toEqual(["REVOKED"]);
    await expect(fiona.node.request(marco.node.agentId, new Uint8Array(1))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    await vi.waitFor(() => expect(fiona.refusals.map((refusal) => refusal.code)).toContain("REVOKED"), WITHIN);
    expect(await hanna.node.request(fiona.node.agentId, new Uint8Array([5]))).toEqual(Buffer.from([5]));
  });

  it("spreads from member to member, so that a revoked one is cut by whoever learns of it, with nobody in the middle", async () => {
    const organisation = createTestOrganisation("northwind");
    const marco = organisation.member("marco.diaz");
    /** A member with a word about revocations of its own, which spreads as bundles do; the word is a number. */
    const startKnowing = async (name: string): Promise<TestPeer & { learn(word: number): void }> => {
      const member = organisation.member(name);
      let word = 0;
      const learn = (next: number): void => {
        word = next;
        peer.node.membershipChanged();
      };
      const membership: PeerMembership = {
        ...member.membership,
        revocationSeq: () => word,
        verify: (jwt, id) => {
          if (word > 0 && id === marco.agentId) throw new GaggleError("REVOKED", "He has left.");
          return member.membership.verify(jwt, id);
        },
        sharing: {
          wants: (news) => news.revocationSeq > word,
          offer: () => ({ manifest: String(word), bundle: null }),
          take: async ({ manifest }) => learn(Number(manifest)),
        },
      };
      const peer: TestPeer = await startTestPeer(organisation, { ...member, membership });
      peers.push(peer);
      return { ...peer, learn };
    };
    const [fiona, hanna, theo] = [await startKnowing("fiona.berg"), await startKnowing("hanna.okoye"), await startKnowing("theo.whitaker")];
    const leaver = await startTestPeer(organisation, marco);
    peers.push(leaver);
    for (const other of [hanna, theo, leaver]) await other.node.dial(addressOf(fiona));
    const all = [fiona, hanna, theo];
    await vi.waitFor(() => expect(all.map(({ node }) => node.members().length)).toEqual([3, 3, 3]), WITHIN);

    hanna.learn(7);

    await vi.waitFor(
      () =>
        expect(all.map(({ node }) => node.members().some((one) => one.principal.agentId === marco.agentId))).toEqual([false, false, false]),
      WITHIN,
    );
    expect(all.map((peer) => peer.node.members().length)).toEqual([2, 2, 2]);
  });

  it("tells a colleague of every open revocation, however many there are", async () => {
    const organisation = createTestOrganisation("northwind");
    const all = Array.from({ length: 2 * REVOCATION_PAGE + 50 }, (_, index) => `header.${index}.signature`);
    const startKnowing = async (name: string, statements: readonly string[]): Promise<TestPeer & { known: Set<string> }> => {
      const member = organisation.member(name);
      const known = new Set(statements);
      const membership: PeerMembership = {
        ...member.membership,
        revocations: () => revocationDigest([...known]),
        sharing: {
          wants: (news) => news.revocations !== undefined && news.revocations !== revocationDigest([...known]),
          offer: () => ({ manifest: "manifest", bundle: null, revocations: [...known] }),
          take: async ({ revocations = [] }) => {
            for (const one of revocations) known.add(one);
          },
        },
      };
      const peer = await startTestPeer(organisation, { ...member, membership });
      peers.push(peer);
      return { ...peer, known };
    };
    const fiona = await startKnowing("fiona.berg", all);
    const marco = await startKnowing("marco.diaz", all.slice(0, 10));
    await marco.node.dial(addressOf(fiona));
    await vi.waitFor(() => expect(marco.known.size).toBe(all.length), WITHIN);
    expect([...fiona.refusals, ...marco.refusals]).toEqual([]);
  });

  it("keeps a member that has renewed its credential when the old one no longer holds, on the same connection", async () => {
    const organisation = createTestOrganisation("northwind");
    const old = organisation.member("marco.diaz", { issuedMs: Date.now() - 60_000 });
    const oldCredential = old.membership.credential();
    const judge = organisation.member("fiona.berg");
    const verified = new Set<string>();
    let oldHolds = true;
    const verify = (jwt: string, agentId: string): Principal => {
      if (jwt === oldCredential && !oldHolds) throw new GaggleError("CREDENTIAL_EXPIRED", "The credential has expired.");
      const principal = judge.membership.verify(jwt, agentId);
      verified.add(jwt);
      return principal;
    };
    const fiona = await startTestPeer(organisation, { ...judge, membership: { ...judge.membership, verify } });
    const marco = await startTestPeer(organisation, old);
    peers.push(fiona, marco);
    await marco.node.dial(addressOf(fiona));
    const changes: string[] = [];
    fiona.node.onPeerChange((change) => changes.push(change.type));

    old.renew(organisation.issue(old.agentId, { subject: "marco.diaz" }));
    marco.node.membershipChanged();
    await vi.waitFor(() => expect(verified.has(old.membership.credential())).toBe(true), WITHIN);
    oldHolds = false;
    fiona.node.membershipChanged();

    expect(await fiona.node.request(old.agentId, new Uint8Array([3]))).toEqual(Buffer.from([3]));
    expect(changes).toEqual(["connected"]);
  });

  it("cuts a member whose credential has run out and was not renewed", async () => {
    const organisation = createTestOrganisation("northwind");
    const fiona = await start(organisation, "fiona.berg");
    const marco = await start(organisation, "marco.diaz");
    await marco.node.dial(addressOf(fiona));
    await vi.waitFor(() => expect(membersOf(fiona)).toEqual(["marco.diaz"]), WITHIN);
    vi.spyOn(fiona.member.membership, "verify").mockImplementation(() => {
      throw new GaggleError("CREDENTIAL_EXPIRED", "The credential has expired.");
    });
    fiona.node.membershipChanged();
    await vi.waitFor(() => expect(membersOf(fiona)).toEqual([]), WITHIN);
  });
});

describe("a member that runs the version before", () => {
  it("which knows only the first hello, is met all the same, dialling and dialled, and hears no field that it does not know", async () => {
    const organisation = createTestOrganisation("northwind");
    const taken: number[] = [];
    const sharing: BundleSharing = {
      wants: () => taken.length === 0,
      offer: () => undefined,
      take: async ({ revocations = [] }) => void taken.push(revocations.length),
    };
    const fionas = organisation.member("fiona.berg");
    const fiona = await startTestPeer(organisation, { ...fionas, membership: { ...fionas.membership, sharing } });
    peers.push(fiona);
    const old = organisation.member("marco.diaz");
    const { node, listening } = await createLibp2pNode({
      privateKey: libp2pKeyOf(old.key),
      listen: ["/ip4/127.0.0.1/tcp/0"],
      interfaces: networkInterfaces,
      relay: { part: "use", gate: () => ({ guard: () => () => undefined }) },
      networkKey: undefined,
    });
    onTestFinished(async () => node.stop());
    const said: HelloMessage[] = [];
    const own = (): HelloMessage => asSpoken(ownHello(organisation.org, old.membership, [], Date.now()), HELLO_PROTOCOL);
    const talkOn = (stream: Stream) => lpStream(stream);
    const hear = async (talk: ReturnType<typeof talkOn>): Promise<void> =>
      void said.push(JSON.parse(Buffer.from((await talk.read()).subarray()).toString()) as HelloMessage);
    await node.handle(HELLO_PROTOCOL, async (stream) => {
      const talk = talkOn(stream);
      await hear(talk);
      await talk.write(Buffer.from(JSON.stringify(own())));
      await hear(talk);
    });
    const asked: unknown[] = [];
    await node.handle(BUNDLE_PROTOCOL, async (stream) => {
      const talk = talkOn(stream);
      asked.push(JSON.parse(Buffer.from((await talk.read()).subarray()).toString()));
      const offer = {
        manifest: "manifest",
        bundle: null,
        revocations: Array.from({ length: REVOCATION_PAGE }, (_, at) => `header.${at}.signature`),
      };
      await talk.write(Buffer.from(JSON.stringify({ v: 1, kind: "bundle", offer })));
    });
    await node.start();

    const seen = await fiona.node.dial(`${listening()[0] ?? ""}/p2p/${old.agentId}`);
    expect(seen.principal.subject).toBe("marco.diaz");
    await vi.waitFor(() => expect(taken).toEqual([REVOCATION_PAGE]), WITHIN);
    expect(asked).toEqual([{ v: 1, kind: "bundle" }]);
    expect(fiona.node.wireOf(old.agentId)).toBe(0);
    fiona.node.disconnect(old.agentId, "again");
    const connection = await node.dial(multiaddr(addressOf(fiona)), { force: true });
    const talk = talkOn(await connection.newStream(HELLO_PROTOCOL));
    await talk.write(Buffer.from(JSON.stringify(own())));
    await hear(talk);
    await talk.write(Buffer.from(JSON.stringify({ v: 1, kind: "welcome" })));
    await vi.waitFor(() => expect(membersOf(fiona)).toEqual(["marco.diaz"]), WITHIN);
    expect(said.map(({ kind }) => kind)).toEqual(["hello", "welcome", "hello"]);
    for (const one of said) expect(Object.keys(one)).not.toContain("wire");
  });
});
