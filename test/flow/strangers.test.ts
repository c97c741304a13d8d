import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer } from "node:net";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { lpStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { CLOCK_LEEWAY_MS, FRAME_TIMEOUT_MS, HELLO_TIMEOUT_MS, MAX_FRAME_BYTES } from "../../mesh/contract/limits.ts";
import type { Clock } from "../../mesh/contract/ports.ts";
import { agentIdOf, createSigner, type Ed25519PrivateJwk } from "../../mesh/identity/keys.ts";
import { signStatement } from "../../mesh/peer/peer-statement.ts";
import { libp2pKeyOf } from "../../mesh/peer/private-key.ts";
import {
  BUNDLE_PROTOCOL,
  CARDS_PROTOCOL,
  HELLO_PROTOCOL,
  MAX_HELLO_BYTES,
  MAX_UNPROVEN_STREAMS,
  MESSAGE_PROTOCOL,
  PEERS_PROTOCOL,
  PENALTY_MIN_MS,
  STREAM_BURST,
  STRIKE_EVERY_MS,
  STRIKES,
} from "../../mesh/peer/protocols.ts";
import {
  addressOf,
  createMemoryBook,
  createTestOrganisation,
  keyOf,
  startTestPeer,
  type TestMember,
  type TestOrganisation,
  type TestPeer,
} from "../support/peer-world.ts";
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from "@libp2p/circuit-relay-v2";
import { BOOTSTRAP_ROLE } from "../../mesh/contract/identity.ts";
import { createRealClock } from "../support/real-clock.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

/** Why a connection was cut is told by the refusal's code; how fast a busy machine comes to it is its own matter. */
const SOON = { timeout: 10_000, interval: 10 };
const HOUR_MS = 3_600_000;

/** How much faster timers run that are set from now on: a limit shows as well in a tenth of its time. */
let timesFaster = 1;
const realClock = createRealClock();
const fionasClock: Clock = { now: () => realClock.now(), after: (ms, fn) => realClock.after(ms / timesFaster, fn) };

let organisation: TestOrganisation;
let fiona: TestPeer;
let marco: TestPeer;
const peers: TestPeer[] = [];
const strangers: Libp2p[] = [];

/** A bare libp2p node as anybody can run one. */
async function startStranger(key: Ed25519PrivateJwk = keyOf(`stranger ${randomBytes(8).toString("hex")}`)): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: libp2pKeyOf(key),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });
  strangers.push(node);
  return node;
}

const dial = (node: Libp2p): Promise<Connection> => node.dial(multiaddr(addressOf(fiona)));

const isCut = (connection: Connection): Promise<void> =>
  vi.waitFor(() => expect(connection.status).not.toBe("open"), { timeout: HELLO_TIMEOUT_MS + 10_000, interval: 10 });

/** Everything that comes back on a stream until it ends. */
async function bytesFrom(stream: Stream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of stream) pieces.push(Buffer.from(piece.subarray()));
  } catch {
    // A reset ends the reading too; what counts is what came before.
  }
  return Buffer.concat(pieces);
}

/** Fiona and Marco still know and answer each other. */
async function expectGoodPeersUnharmed(): Promise<void> {
  const frame = new Uint8Array(randomBytes(1_000));
  expect(Buffer.compare(await marco.node.request(fiona.node.agentId, frame), frame)).toBe(0);
  expect(fiona.node.members().map((member) => member.principal.subject)).toEqual(["marco.diaz"]);
  expect(fiona.received.every(({ from }) => from.subject === "marco.diaz")).toBe(true);
}

const codes = (peer: TestPeer): string[] => peer.refusals.map((refusal) => refusal.code);

/** A full peer node of ours that Fiona must refuse with a code, however it tries. */
async function expectTurnedAway(code: string, member: TestMember, from: TestOrganisation = organisation): Promise<void> {
  const outsider = await startTestPeer(from, member);
  peers.push(outsider);
  await expect(outsider.node.dial(addressOf(fiona))).rejects.toMatchObject({ code });
  await expect(outsider.node.request(fiona.node.agentId, new Uint8Array(10))).rejects.toMatchObject({ code });
  expect(outsider.node.members()).toEqual([]);
  expect(codes(fiona)).toEqual([code]);
  expect(fiona.refusals[0]).toMatchObject({ agentId: member.agentId, address: expect.stringContaining("/ip4/127.0.0.1/") });
}

beforeEach(async () => {
  organisation = createTestOrganisation("northwind");
  timesFaster = 1;
  fiona = await startTestPeer(organisation, organisation.member("fiona.berg"), { deps: { clock: fionasClock } });
  marco = await startTestPeer(organisation, organisation.member("marco.diaz"));
  peers.push(fiona, marco);
  await marco.node.dial(addressOf(fiona));
  await vi.waitUntil(() => fiona.node.members().length === 1, SOON);
});

afterEach(async () => {
  // One after the other: libp2p gives two that close on each other half a second.
  for (const node of strangers.splice(0)) await node.stop();
  for (const { node } of peers.splice(0).toReversed()) await node.close();
});

describe("a peer node that is no member", () => {
  it("with a valid key and a credential that it issued itself is refused", async () => {
    const forger = createTestOrganisation("northwind");
    const key = keyOf("mallory");
    const impostor = createTestOrganisation("impostor");
    const agentId = agentIdOf(key);
    const membership = { ...forger.member("mallory").membership, credential: () => impostor.issue(agentId) };
    await expectTurnedAway("CREDENTIAL_INVALID", { agentId, key, membership, renew: () => undefined });
    await expectGoodPeersUnharmed();
  });

  it("with a member's credential and another key is refused", async () => {
    const thief = organisation.member("thief");
    const stolen = marco.member.membership.credential();
    await expectTurnedAway("CREDENTIAL_INVALID", { ...thief, membership: { ...thief.membership, credential: () => stolen } });
    await expectGoodPeersUnharmed();
  });

  it("of another organisation is refused", async () => {
    const other = createTestOrganisation("contoso");
    await expectTurnedAway("NOT_A_MEMBER", other.member("eve"), other);
    await expectGoodPeersUnharmed();
  });

  it("whose credential has expired is refused", async () => {
    await expectTurnedAway("CREDENTIAL_EXPIRED", organisation.member("late", { issuedMs: Date.now() - 2 * HOUR_MS, lifetimeMs: HOUR_MS }));
    await expectGoodPeersUnharmed();
  });

  it("who has been revoked is refused", async () => {
    const leaver = organisation.member("leaver");
    organisation.revoke(leaver.agentId);
    await expectTurnedAway("REVOKED", leaver);
    await expectGoodPeersUnharmed();
  });

  it("whose clock is beyond the leeway is told so", async () => {
    const late = await startTestPeer(organisation, organisation.member("late"), {
      deps: { clock: createRealClock(-CLOCK_LEEWAY_MS - 60_000) },
    });
    peers.push(late);
    await expect(late.node.dial(addressOf(fiona))).rejects.toMatchObject({ code: "CLOCK_SKEW" });
    expect(codes(fiona)).toEqual(["CLOCK_SKEW"]);
    await expectGoodPeersUnharmed();
  });

  it("is refused also when it is the one that is dialled", async () => {
    const other = createTestOrganisation("contoso");
    const eve = await startTestPeer(other, other.member("eve"));
    peers.push(eve);
    await expect(fiona.node.dial(addressOf(eve))).rejects.toMatchObject({ code: "NOT_A_MEMBER" });
    expect(codes(eve)).toContain("NOT_A_MEMBER");
    expect(eve.node.members()).toEqual([]);
    await expectGoodPeersUnharmed();
  });
});

describe("a bare libp2p node", () => {
  it.each([MESSAGE_PROTOCOL, PEERS_PROTOCOL, CARDS_PROTOCOL, BUNDLE_PROTOCOL, RELAY_V2_STOP_CODEC])(
    "that opens %s without hello gets nothing and is cut off at once",
    async (protocol) => {
      const stranger = await startStranger();
      const connection = await dial(stranger);
      const stream = await connection.newStream(protocol);
      const got = bytesFrom(stream);
      await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
      expect((await got).byteLength).toBe(0);
      expect(codes(fiona)).toEqual(["NOT_A_MEMBER"]);
      await expectGoodPeersUnharmed();
    },
  );

  it.each(["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/libp2p/circuit/relay/0.2.0/hop", "/meshsub/1.1.0"])(
    "that asks for %s finds no such protocol",
    async (protocol) => {
      const connection = await dial(await startStranger());
      await expect(connection.newStream(protocol)).rejects.toMatchObject({ name: "UnsupportedProtocolError" });
      await expectGoodPeersUnharmed();
    },
  );

  it("that opens streams and names no protocol on them is cut off long before the time for hello", async () => {
    const stranger = await startStranger();
    const connection = await dial(stranger);
    const { muxer } = connection as unknown as { muxer: { createStream(options: object): Promise<Stream> } };
    for (let index = 0; index <= MAX_UNPROVEN_STREAMS; index++) (await muxer.createStream({})).send(new Uint8Array([1]));
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect(codes(fiona)).toEqual(["BUSY"]);
    await expectGoodPeersUnharmed();
  });

  it("gets no relay of the bootstrap node and is cut off by it, and its victim is not disturbed", async () => {
    const relay = await startTestPeer(organisation, organisation.member("relay", { role: BOOTSTRAP_ROLE }), { config: { relay: "serve" } });
    peers.push(relay);
    await fiona.node.dial(addressOf(relay));
    const stranger = await startStranger();
    const connection = await stranger.dial(multiaddr(addressOf(relay)));
    const stream = await connection.newStream(RELAY_V2_HOP_CODEC);
    const got = bytesFrom(stream);
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect((await got).byteLength).toBe(0);
    expect(codes(relay)).toEqual(["NOT_A_MEMBER"]);
    expect(fiona.refusals).toEqual([]);
  });

  it("that says nothing is cut off when the time for hello is over", async () => {
    timesFaster = 10;
    const connection = await dial(await startStranger());
    await isCut(connection);
    timesFaster = 1;
    expect(codes(fiona)).toEqual(["TIMEOUT"]);
    await expectGoodPeersUnharmed();
  });

  it("that opens hello and stops in the middle is cut off when the time is over", async () => {
    timesFaster = 10;
    const connection = await dial(await startStranger());
    const stream = await connection.newStream(HELLO_PROTOCOL);
    stream.send(new Uint8Array([200, 1, 123]));
    await isCut(connection);
    timesFaster = 1;
    expect(codes(fiona)).toEqual(["TIMEOUT"]);
    await expectGoodPeersUnharmed();
  });

  it.each([
    ["random bytes", "INVALID_INPUT", randomBytes(300)],
    ["JSON of another shape", "INVALID_INPUT", Buffer.from('{"v":1,"kind":"hello","org":"x"}')],
    ["a welcome that nobody waits for", "INVALID_INPUT", Buffer.from('{"v":1,"kind":"welcome"}')],
    ["deeply nested JSON", "INVALID_INPUT", Buffer.from("[".repeat(30_000))],
  ])("that sends %s as hello is told %s and cut off", async (_, code, garbage) => {
    const connection = await dial(await startStranger());
    const talk = lpStream(await connection.newStream(HELLO_PROTOCOL), { maxDataLength: MAX_HELLO_BYTES });
    await talk.write(garbage);
    const answer: unknown = JSON.parse(Buffer.from((await talk.read()).subarray()).toString("utf8"));
    expect(answer).toEqual({ v: 1, kind: "refused", code });
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect(codes(fiona)).toEqual([code]);
    await expectGoodPeersUnharmed();
  });

  it("that announces an oversized hello is cut off before it is read", async () => {
    const connection = await dial(await startStranger());
    const talk = lpStream(await connection.newStream(HELLO_PROTOCOL), { maxDataLength: 10 * MAX_HELLO_BYTES });
    await talk.write(Buffer.alloc(2 * MAX_HELLO_BYTES, "a"));
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect(codes(fiona)).toEqual(["TOO_LARGE"]);
    await expectGoodPeersUnharmed();
  });

  it("learns nothing of a member that it sends a credential of nobody", async () => {
    const connection = await dial(await startStranger());
    const talk = lpStream(await connection.newStream(HELLO_PROTOCOL), { maxDataLength: MAX_HELLO_BYTES });
    const { org } = organisation;
    const hello = { v: 1, kind: "hello", org, credential: "a.b.c", bundleVersion: 1, revocationSeq: 0, addresses: [], time: Date.now() };
    await talk.write(Buffer.from(JSON.stringify({ ...hello, card: { version: 1, skills: [] } })));
    const answer = Buffer.from((await talk.read()).subarray()).toString("utf8");
    expect(JSON.parse(answer)).toEqual({ v: 1, kind: "refused", code: "CREDENTIAL_INVALID" });
    await expectGoodPeersUnharmed();
  });

  it("in great number does not keep a member out", async () => {
    const crowd = await Promise.all(Array.from({ length: 20 }, () => startStranger()));
    await Promise.allSettled(crowd.map((stranger) => dial(stranger)));
    const late = await startTestPeer(organisation, organisation.member("late.comer"));
    peers.push(late);
    await late.node.dial(addressOf(fiona));
    expect(late.node.members().map((member) => member.principal.subject)).toContain("fiona.berg");
    await late.node.close();
    await vi.waitFor(() => expect(fiona.node.members()).toHaveLength(1), SOON);
    await expectGoodPeersUnharmed();
  });
});

describe("a member that states the address of something else", () => {
  it("has it dialled a few times, and then left alone and told of; another address of its own is dialled all the same", async () => {
    const taken: number[] = [];
    const printer = createServer((socket) => socket.on("error", () => undefined).destroy());
    printer.on("connection", ({ remotePort }) => taken.push(remotePort ?? 0));
    await new Promise<void>((resolve) => printer.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void printer.close());
    const { port } = printer.address() as AddressInfo;
    const hanna = organisation.member("hanna.okoye");
    const clock = createVirtualClock(Date.now());
    const book = createMemoryBook([{ agentId: hanna.agentId, addresses: [`/ip4/127.0.0.1/tcp/${port}`], seenAt: Date.now() }]);
    const hugo = await startTestPeer(organisation, organisation.member("hugo.stein"), { deps: { clock, book } });
    peers.push(hugo);
    const dialOnce = async (): Promise<void> => {
      await expect(hugo.node.request(hanna.agentId, new Uint8Array(1))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
      await clock.advance(STRIKE_EVERY_MS);
    };
    for (let times = 0; times <= STRIKES; times++) await dialOnce();
    expect(hugo.refusals).toContainEqual(expect.objectContaining({ agentId: hanna.agentId, code: "PEER_UNREACHABLE" }));
    const before = taken.length;
    expect(before).toBeGreaterThanOrEqual(STRIKES);
    for (let times = 0; times < 3; times++) await dialOnce();
    expect(taken).toHaveLength(before);

    const hannas = await startTestPeer(organisation, hanna);
    peers.push(hannas);
    expect((await hugo.node.dial(addressOf(hannas))).principal.subject).toBe("hanna.okoye");
  });
});

describe("a member that misbehaves", () => {
  /** A bare libp2p node with Hanna's key that says a true hello. */
  async function connectMember(to = fiona): Promise<Connection> {
    const hanna = organisation.member("hanna.okoye");
    const stranger = await startStranger(hanna.key);
    const connection = await stranger.dial(multiaddr(addressOf(to)));
    const talk = lpStream(await connection.newStream(HELLO_PROTOCOL), { maxDataLength: MAX_HELLO_BYTES });
    const { membership } = hanna;
    const hello = { v: 1, kind: "hello", org: organisation.org, credential: membership.credential(), bundleVersion: 1, revocationSeq: 0 };
    await talk.write(Buffer.from(JSON.stringify({ ...hello, card: membership.card(), addresses: [], time: Date.now() })));
    await talk.read();
    await talk.write(Buffer.from('{"v":1,"kind":"welcome"}'));
    await vi.waitFor(() => expect(to.node.members().some((one) => one.principal.agentId === hanna.agentId)).toBe(true), SOON);
    return connection;
  }

  const header = (length: number, kind: number): Buffer => {
    const bytes = Buffer.alloc(9);
    bytes.writeUInt32BE(length, 0);
    bytes.writeUInt32BE(1, 4);
    bytes[8] = kind;
    return bytes;
  };

  it.each([
    ["announces a frame over the limit", header(MAX_FRAME_BYTES + 1, 1)],
    ["sends a frame of an unknown kind", header(5, 9)],
    ["answers what nobody asked", Buffer.concat([header(1, 2), Buffer.from("x")])],
  ])("and %s is cut off", async (_, bytes) => {
    const connection = await connectMember();
    const stream = await connection.newStream(MESSAGE_PROTOCOL);
    stream.send(bytes);
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    await vi.waitFor(() => expect(fiona.node.members()).toHaveLength(1), SOON);
    await expectGoodPeersUnharmed();
  });

  it(
    "and stops in the middle of a frame is cut off after the time for a frame",
    async () => {
      const connection = await connectMember();
      const stream = await connection.newStream(MESSAGE_PROTOCOL);
      timesFaster = 10;
      stream.send(Buffer.concat([header(1_000, 1), Buffer.alloc(10)]));
      await vi.waitFor(() => expect(connection.status).not.toBe("open"), { timeout: FRAME_TIMEOUT_MS + 5_000, interval: 50 });
      timesFaster = 1;
      await expectGoodPeersUnharmed();
    },
    FRAME_TIMEOUT_MS * 3,
  );

  it("and hands over a connection as if it were the relay is refused, and no stranger comes in that way", async () => {
    const connection = await connectMember();
    const stream = await connection.newStream(RELAY_V2_STOP_CODEC);
    const got = bytesFrom(stream);
    expect((await got).byteLength).toBe(0);
    await expectGoodPeersUnharmedWithHanna();
  });

  it("and says hello twice on one connection is cut off", async () => {
    const connection = await connectMember();
    await connection.newStream(HELLO_PROTOCOL);
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    await vi.waitFor(() => expect(fiona.node.members()).toHaveLength(1), SOON);
    await expectGoodPeersUnharmed();
  });

  it.each([
    ["garbage", PEERS_PROTOCOL, randomBytes(200)],
    ["JSON nested without end", PEERS_PROTOCOL, Buffer.from(`{"v":1,"kind":"pull","news":${"[".repeat(400_000)}`)],
    ["another shape of JSON", BUNDLE_PROTOCOL, Buffer.from('{"v":1,"kind":"everything"}')],
  ])("and sends %s on %s is cut off and counted", async (_, protocol, bytes) => {
    const connection = await connectMember();
    const talk = lpStream(await connection.newStream(protocol), { maxDataLength: MAX_FRAME_BYTES });
    await talk.write(bytes);
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect(codes(fiona)).toEqual(["INVALID_INPUT"]);
    await expectGoodPeersUnharmed();
  });

  it.each([
    ["opens streams one after the other without end", true],
    ["opens more streams than it may have, without end", false],
  ])("and %s is cut off and counted, and comes back after a while and no sooner", async (_, ends) => {
    // Its clock stands still, so that what a slow machine opens in a second counts as at once.
    let at = Date.now();
    const theo = await startTestPeer(organisation, organisation.member("theo.whitaker"), {
      deps: { clock: { ...createRealClock(), now: () => at } },
    });
    peers.push(theo);
    const connection = await connectMember(theo);
    for (let opened = 0; opened < 2 * STREAM_BURST && connection.status === "open"; opened++) {
      await connection.newStream(PEERS_PROTOCOL).then(
        (stream) => (ends ? stream.abort(new Error("next")) : undefined),
        () => undefined,
      );
    }
    await vi.waitFor(() => expect(connection.status).not.toBe("open"), SOON);
    expect(codes(theo)).toEqual(["BUSY"]);
    await expect(connectMember(theo)).rejects.toThrow();
    expect(codes(theo)).toEqual(["BUSY", "BUSY"]);
    at += PENALTY_MIN_MS;
    expect((await connectMember(theo)).status).toBe("open");
  });

  it("and opens more streams than allowed has them reset, and the others go on", async () => {
    const connection = await connectMember();
    const streams = await Promise.all(Array.from({ length: 20 }, () => connection.newStream(MESSAGE_PROTOCOL)));
    await vi.waitFor(() => expect(streams.filter((stream) => stream.status === "open").length).toBeLessThanOrEqual(4), SOON);
    await expectGoodPeersUnharmedWithHanna();
  });

  const NEWS = { bundleVersion: 1, revocationSeq: 0 };

  /** Says one thing on the peers protocol and gives the answer as text. */
  async function exchange(connection: Connection, question: object): Promise<string> {
    const talk = lpStream(await connection.newStream(PEERS_PROTOCOL), { maxDataLength: MAX_FRAME_BYTES });
    await talk.write(Buffer.from(JSON.stringify({ v: 1, ...question, news: NEWS })));
    return Buffer.from((await talk.read()).subarray()).toString("utf8");
  }

  it("and pushes peers with forged credentials, or false addresses of true ones, teaches nobody", async () => {
    const connection = await connectMember();
    const { org } = organisation;
    const seq = Date.now();
    const ghost = agentIdOf(keyOf("ghost"));
    const forged = {
      agentId: ghost,
      credential: createTestOrganisation("contoso").issue(ghost),
      statement: signStatement({ org, agent: ghost, signer: createSigner(keyOf("ghost")), addresses: ["/ip4/127.0.0.1/tcp/9"], seq }),
    };
    // A colleague with a true credential, whom nobody has met; Hanna signs where he is with her own key.
    const theo = organisation.member("theo.whitaker");
    const lie = {
      agentId: theo.agentId,
      credential: theo.membership.credential(),
      statement: signStatement({
        org,
        agent: theo.agentId,
        signer: createSigner(keyOf("hanna.okoye")),
        addresses: ["/ip4/127.0.0.1/tcp/9"],
        seq,
      }),
    };
    await exchange(connection, { kind: "push", peers: [forged, lie] });
    const told = await exchange(connection, { kind: "pull", digest: "0".repeat(64) });
    expect(told).toContain(marco.node.agentId);
    expect(told).not.toContain(ghost);
    expect(told).not.toContain(theo.agentId);
    await expectGoodPeersUnharmedWithHanna();
  });

  async function expectGoodPeersUnharmedWithHanna(): Promise<void> {
    const frame = new Uint8Array(randomBytes(1_000));
    expect(Buffer.compare(await marco.node.request(fiona.node.agentId, frame), frame)).toBe(0);
  }
});
