/**
 * Processes of the mesh's bench under attack. `victim`: a peer node that echoes; its first line is its address. `attack MODE ADDRESS`: a peer that
 * misbehaves until its standard input ends.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { lpStream } from "@libp2p/utils";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { encodeFrame } from "../../mesh/peer/frame-codec.ts";
import { libp2pKeyOf } from "../../mesh/peer/private-key.ts";
import { HELLO_PROTOCOL, MAX_HELLO_BYTES, MESSAGE_PROTOCOL } from "../../mesh/peer/protocols.ts";
import { addressOf, createTestOrganisation, keyOf, startTestPeer } from "../support/peer-world.ts";

/** Organisation of the victim and of those who talk to it; the same name gives the same keys in every process. */
export const HOSTILE_ORG = "bench";
/** How an attacker misbehaves. */
export const ATTACKS = {
  strangers: "strangers connect and say nothing",
  slow: "strangers stop in the middle of hello",
  garbage: "a member sends frames of noise as fast as it can",
  streams: "a member opens streams as fast as it can",
} as const;
/** How an attacker misbehaves. */
export type Attack = keyof typeof ATTACKS;

/** First byte of what the victim takes for a message; of noise, one frame in 256 begins so. */
export const GOOD_FIRST_BYTE = 0x7b;
const FRAME_BYTES = 4_096;
/** Attacks come in bursts of this many, with a pause in which the attacker's own process may breathe. */
const BURST = 16;
const PAUSE_MS = 10;

const startBare = (name: string): Promise<Libp2p> =>
  createLibp2p({
    privateKey: libp2pKeyOf(keyOf(name)),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { maxConnections: 10_000 },
  });

async function connectMember(address: string): Promise<Connection> {
  const organisation = createTestOrganisation(HOSTILE_ORG);
  const { membership } = organisation.member("rogue");
  const connection = await (await startBare("rogue")).dial(multiaddr(address));
  const talk = lpStream(await connection.newStream(HELLO_PROTOCOL), { maxDataLength: MAX_HELLO_BYTES });
  const hello = { v: 1, kind: "hello", org: organisation.org, credential: membership.credential(), bundleVersion: 1, revocationSeq: 0 };
  await talk.write(Buffer.from(JSON.stringify({ ...hello, card: membership.card(), addresses: [], time: Date.now() })));
  await talk.read();
  await talk.write(Buffer.from('{"v":1,"kind":"welcome"}'));
  return connection;
}

/** Repeats bursts until the process ends; what fails is tried again, since being cut off is what an attacker expects. */
async function inBursts(once: () => Promise<unknown>): Promise<never> {
  for (;;) {
    await Promise.all(Array.from({ length: BURST }, () => once().catch(() => undefined)));
    await sleep(PAUSE_MS);
  }
}

/** A stranger with a key of its own each time, so that no limit of one peer meets it. */
async function strange(address: string, half: boolean): Promise<void> {
  const node = await startBare(randomBytes(8).toString("hex"));
  setTimeout(() => void node.stop(), 6_000);
  const connection = await node.dial(multiaddr(address));
  if (half) (await connection.newStream(HELLO_PROTOCOL)).send(Buffer.from([200]));
}

/** A member's connection that is made again when it is cut. */
function asMember(address: string, use: (connection: Connection) => Promise<void>): () => Promise<void> {
  let connection: Connection | undefined;
  return async () => {
    if (connection?.status !== "open") connection = await connectMember(address);
    await use(connection);
  };
}

function flood(address: string): () => Promise<void> {
  let stream: Stream | undefined;
  let id = 0;
  return asMember(address, async (connection) => {
    if (stream?.status !== "open") {
      stream = await connection.newStream(MESSAGE_PROTOCOL);
      stream.addEventListener("message", () => undefined);
    }
    if (stream.writableNeedsDrain) await sleep(1);
    else stream.send(encodeFrame({ id: id++ % 2 ** 31, kind: "request", payload: randomBytes(FRAME_BYTES) }));
  });
}

const attacks: Readonly<Record<Attack, (address: string) => Promise<never>>> = {
  strangers: (address) => inBursts(() => strange(address, false)),
  slow: (address) => inBursts(() => strange(address, true)),
  garbage: (address) => inBursts(flood(address)),
  streams: (address) => inBursts(asMember(address, async (connection) => void (await connection.newStream(MESSAGE_PROTOCOL)))),
};

if (import.meta.main) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  const [role, mode = "", address = ""] = process.argv.slice(2);
  if (role === "victim") {
    const organisation = createTestOrganisation(HOSTILE_ORG);
    const victim = await startTestPeer(organisation, organisation.member("victim"));
    victim.node.handleFrames(async (frame) => {
      // As a daemon does with what is no envelope.
      if (frame[0] !== GOOD_FIRST_BYTE) throw new GaggleError("ENVELOPE_INVALID", "The frame is noise.");
      return frame;
    });
    process.stdout.write(`${addressOf(victim)}\n`);
  } else {
    // What a cut connection leaves behind in the attacker's own library is no concern of the bench.
    process.on("unhandledRejection", () => undefined);
    process.on("uncaughtException", () => undefined);
    await attacks[mode as Attack](address);
  }
}
