/** Members tell each other of members: a pull by digest, and a push of a newcomer. One exchange a stream. */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { z } from "zod";
import { parseJson } from "../contract/json.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";
import { sha256 } from "../contract/ids.ts";
import { forWire } from "../contract/wire.ts";
import { parseWireAs } from "./parse-wire.ts";
import { type SharedPeer, sharedPeer } from "./known-peers.ts";
import { MAX_KNOWN_PEERS } from "./protocols.ts";

const records = z.array(sharedPeer).max(MAX_KNOWN_PEERS);

const news = z.strictObject({
  bundleVersion: z.int().min(0),
  revocationSeq: z.int().min(0),
  /** Names the set of admins' revocation statements that it knows; left out for none. */
  revocations: sha256.optional(),
});
/** The newest signed bundle and revocations that a side knows of. */
export type BundleNews = z.infer<typeof news>;

const question = z.discriminatedUnion("kind", [
  z.strictObject({ v: z.literal(1), kind: z.literal("pull"), digest: sha256, news }),
  z.strictObject({ v: z.literal(1), kind: z.literal("push"), peers: records, news }),
]);
const reply = z.strictObject({ v: z.literal(1), kind: z.literal("peers"), same: z.boolean(), peers: records, news });

/** What one side knows. */
export interface ExchangeSide {
  digest(): string;
  /** The most recently seen first. */
  shared(): SharedPeer[];
  news(): BundleNews;
  /** Minor version of the wire that the other side knows. */
  readonly wire: number;
}

/** What one side hears. */
export interface Heard {
  readonly peers: readonly SharedPeer[];
  readonly news: BundleNews;
}

const talkOn = (stream: Stream): ReturnType<typeof lpStream<Stream>> =>
  lpStream(stream, { maxDataLength: MAX_FRAME_BYTES, maxBufferSize: 2 * MAX_FRAME_BYTES });

const encode = (value: z.infer<typeof question> | z.infer<typeof reply>): Uint8Array => Buffer.from(JSON.stringify(value));

async function hear<T>(schema: z.ZodType<T>, talk: ReturnType<typeof talkOn>, wire: number, signal: AbortSignal): Promise<T> {
  const bytes = await talk.read({ signal });
  return parseWireAs(schema, parseJson(Buffer.from(bytes.subarray()).toString("utf8"), "The peers message"), wire, "The peers message");
}

/** What this side knows of bundles and revocations, as the other can read it. */
const newsFor = (side: ExchangeSide): BundleNews => forWire("news", side.news(), side.wire);

/** As many records as fit into one message. */
function fitting(all: readonly SharedPeer[]): SharedPeer[] {
  let bytes = 300;
  return all.slice(0, MAX_KNOWN_PEERS).filter((record) => {
    bytes += Buffer.byteLength(JSON.stringify(record)) + 1;
    return bytes <= MAX_FRAME_BYTES;
  });
}

/** Asks the member at the other end whom it knows; no peers come back where both know the same. */
export async function pullPeers(stream: Stream, side: ExchangeSide, signal: AbortSignal): Promise<Heard> {
  const talk = talkOn(stream);
  await talk.write(encode({ v: 1, kind: "pull", digest: side.digest(), news: newsFor(side) }), { signal });
  const answer = await hear(reply, talk, side.wire, signal);
  await stream.close({ signal });
  return answer;
}

/** Tells the member at the other end of some members. */
export async function pushPeers(stream: Stream, side: ExchangeSide, peers: readonly SharedPeer[], signal: AbortSignal): Promise<Heard> {
  const talk = talkOn(stream);
  await talk.write(encode({ v: 1, kind: "push", peers: fitting(peers), news: newsFor(side) }), { signal });
  const answer = await hear(reply, talk, side.wire, signal);
  await stream.close({ signal });
  return answer;
}

/** Answers one exchange; resolves with what the member told. */
export async function answerExchange(stream: Stream, side: ExchangeSide, signal: AbortSignal): Promise<Heard> {
  const talk = talkOn(stream);
  const asked = await hear(question, talk, side.wire, signal);
  const same = asked.kind === "push" || asked.digest === side.digest();
  await talk.write(encode({ v: 1, kind: "peers", same, peers: same ? [] : fitting(side.shared()), news: newsFor(side) }), { signal });
  await stream.close({ signal });
  return { peers: asked.kind === "push" ? asked.peers : [], news: asked.news };
}
