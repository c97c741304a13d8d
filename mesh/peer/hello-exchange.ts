/**
 * The hello handshake on one stream. The dialler speaks first; the listener answers only after it has believed the dialler, so that a
 * stranger that dials learns nothing; the dialler's welcome completes it. Noise has proven both peer ids before.
 */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { type ErrorCode, GaggleError } from "../contract/errors.ts";
import { asSpoken, type Hello, type HelloMessage, type ProvenHello, readHelloMessage, refusedWith } from "./hello-wire.ts";
import { MAX_HELLO_BYTES } from "./protocols.ts";
import { asViolation } from "./violation.ts";

/** This side of a handshake. */
export interface HelloSide {
  /** What to say, made when it is said. */
  own(): Hello;
  /** @throws GaggleError where the peer is not believed */
  judge(said: Hello): ProvenHello;
}

interface HelloTalk {
  say(message: HelloMessage): Promise<void>;
  hear(): Promise<HelloMessage>;
}

function talkOn(stream: Stream, signal: AbortSignal): HelloTalk {
  const framed = lpStream(stream, { maxDataLength: MAX_HELLO_BYTES, maxBufferSize: 2 * MAX_HELLO_BYTES });
  return {
    say: (message) => framed.write(Buffer.from(JSON.stringify(asSpoken(message, stream.protocol))), { signal }),
    async hear() {
      const bytes = await framed.read({ signal }).catch((cause: unknown) => {
        throw asViolation(cause);
      });
      return readHelloMessage(bytes.subarray());
    },
  };
}

/** Reads the peer's hello and judges it; tells the peer where it is refused. */
async function hearHello(talk: HelloTalk, side: HelloSide): Promise<ProvenHello> {
  try {
    const said = await talk.hear();
    if (said.kind === "refused") throw refusedWith(said.code);
    if (said.kind !== "hello") throw new GaggleError("INVALID_INPUT", "The peer did not begin with a hello.");
    return side.judge(said);
  } catch (error) {
    const code = refusalCode(error);
    // Telling is a courtesy: where it fails, the reason that counts is still the first one.
    if (code !== undefined) await talk.say({ v: 1, kind: "refused", code }).catch(() => undefined);
    throw error;
  }
}

/**
 * The dialler's part.
 * @throws GaggleError why this side refuses the peer, or with `refusedByPeer` in its details the code of the peer's refusal; errors of the stream
 */
export async function helloAsDialler(stream: Stream, side: HelloSide, signal: AbortSignal): Promise<ProvenHello> {
  const talk = talkOn(stream, signal);
  await talk.say(side.own());
  const proven = await hearHello(talk, side);
  await talk.say({ v: 1, kind: "welcome" });
  return proven;
}

/**
 * The listener's part.
 * @param onBelieved called when the dialler is believed but has not welcomed this side yet; its streams may wait from then on
 * @throws as {@link helloAsDialler}
 */
export async function helloAsListener(stream: Stream, side: HelloSide, signal: AbortSignal, onBelieved: () => void): Promise<ProvenHello> {
  const talk = talkOn(stream, signal);
  const proven = await hearHello(talk, side);
  onBelieved();
  await talk.say(side.own());
  const answer = await talk.hear();
  if (answer.kind === "refused") throw refusedWith(answer.code);
  if (answer.kind !== "welcome") throw new GaggleError("INVALID_INPUT", "The peer did not complete its hello.");
  return proven;
}

/** The code with which this side refuses the peer; undefined where the peer refused us or only went away. */
export function refusalCode(error: unknown): ErrorCode | undefined {
  return error instanceof GaggleError && error.details["refusedByPeer"] !== true ? error.code : undefined;
}
