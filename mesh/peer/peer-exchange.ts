/** Members tell each other of members: a pull by digest, and a push of a newcomer. One exchange a stream. */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { z } from "zod";
import { parseAs, parseJson } from "../contract/json.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";
import { sha256 } from "../contract/ids.ts";
import { type PeerRecord, peerRecord } from "./known-peers.ts";
import { MAX_KNOWN_PEERS } from "./protocols.ts";

const records = z.array(peerRecord).max(MAX_KNOWN_PEERS);
const question = z.discriminatedUnion("kind", [
  z.strictObject({ v: z.literal(1), kind: z.literal("pull"), digest: sha256 }),
  z.strictObject({ v: z.literal(1), kind: z.literal("push"), peers: records }),
]);
const reply = z.strictObject({ v: z.literal(1), kind: z.literal("peers"), same: z.boolean(), peers: records });

/** What one side knows. */
export interface ExchangeSide {
  digest(): string;
  all(): PeerRecord[];
}

const talkOn = (stream: Stream): ReturnType<typeof lpStream<Stream>> =>
  lpStream(stream, { maxDataLength: MAX_FRAME_BYTES, maxBufferSize: 2 * MAX_FRAME_BYTES });

const encode = (value: z.infer<typeof question> | z.infer<typeof reply>): Uint8Array => Buffer.from(JSON.stringify(value));

async function hear<T>(schema: z.ZodType<T>, talk: ReturnType<typeof talkOn>, signal: AbortSignal): Promise<T> {
  const bytes = await talk.read({ signal });
  return parseAs(schema, parseJson(Buffer.from(bytes.subarray()).toString("utf8"), "The peers message"), "The peers message");
}

/** As many records as fit into one message, the most recently seen first. */
function fitting(all: readonly PeerRecord[]): PeerRecord[] {
  let bytes = 200;
  return all
    .toSorted((a, b) => b.seenAt - a.seenAt)
    .slice(0, MAX_KNOWN_PEERS)
    .filter((record) => {
      bytes += Buffer.byteLength(JSON.stringify(record)) + 1;
      return bytes <= MAX_FRAME_BYTES;
    });
}

/** Asks the member at the other end whom it knows; nothing comes back where both know the same. */
export async function pullPeers(stream: Stream, side: ExchangeSide, signal: AbortSignal): Promise<PeerRecord[]> {
  const talk = talkOn(stream);
  await talk.write(encode({ v: 1, kind: "pull", digest: side.digest() }), { signal });
  const answer = await hear(reply, talk, signal);
  await stream.close({ signal });
  return answer.peers;
}

/** Tells the member at the other end of some members. */
export async function pushPeers(stream: Stream, peers: readonly PeerRecord[], signal: AbortSignal): Promise<void> {
  const talk = talkOn(stream);
  await talk.write(encode({ v: 1, kind: "push", peers: fitting(peers) }), { signal });
  await hear(reply, talk, signal);
  await stream.close({ signal });
}

/** Answers one exchange; resolves with what the member pushed. */
export async function answerExchange(stream: Stream, side: ExchangeSide, signal: AbortSignal): Promise<PeerRecord[]> {
  const talk = talkOn(stream);
  const asked = await hear(question, talk, signal);
  const same = asked.kind === "push" || asked.digest === side.digest();
  await talk.write(encode({ v: 1, kind: "peers", same, peers: same ? [] : fitting(side.all()) }), { signal });
  await stream.close({ signal });
  return asked.kind === "push" ? asked.peers : [];
}
