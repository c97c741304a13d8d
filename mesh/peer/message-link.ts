/** Frames to and from members: one outgoing stream a member, reopened when it fails, and a server on every incoming one. */
import type { Connection, Stream } from "@libp2p/interface";
import { GaggleError } from "../contract/errors.ts";
import { FRAME_TIMEOUT_MS, MAX_FRAME_BYTES } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { cut } from "./cut.ts";
import { withDeadline } from "./deadline.ts";
import type { Allowances } from "./allowance.ts";
import type { ProvenConnection } from "./gatekeeper.ts";
import type { Members } from "./members.ts";
import { createMessageChannel, type MessageChannel } from "./message-channel.ts";
import { serveMessages } from "./message-server.ts";
import type { FrameHandler } from "./peer-node.ts";
import { MESSAGE_PROTOCOL } from "./protocols.ts";

/** What the link needs. */
export interface MessageLinkDeps {
  readonly members: Members;
  /** Connects an agent that is not connected. @throws GaggleError */
  reach(agentId: string): Promise<void>;
  readonly clock: Clock;
  /** What a member may cost; default: anything. */
  readonly allowances?: Allowances;
  /** A member broke the protocol or a limit; its connection is cut. */
  onViolation?(from: ProvenConnection, error: Error): void;
  /** Protocol of its streams; default: messages. */
  readonly protocol?: string;
}

/** Frames to and from members. */
export interface MessageLink {
  /**
   * See `PeerLink.request` of ports.ts.
   * @throws GaggleError TOO_LARGE, PEER_UNREACHABLE, TIMEOUT, BUSY, the code of a refusal, or the code that the peer answered
   */
  request(agentId: string, frame: Uint8Array, handOver?: () => Promise<void> | undefined): Promise<Uint8Array>;
  /** Serves a member's stream of the message protocol. */
  serve(stream: Stream, from: ProvenConnection): void;
  handle(handler: FrameHandler): void;
  close(): void;
}

interface OpenChannel {
  readonly connection: Connection;
  readonly channel: Promise<MessageChannel>;
  ended: boolean;
}

const closing = (): GaggleError => new GaggleError("PEER_UNREACHABLE", "This agent is shutting down.");

/** A link without a handler: members' frames get BUSY until there is one. */
export function createMessageLink(deps: MessageLinkDeps): MessageLink {
  const channels = new Map<string, OpenChannel>();
  let handler: FrameHandler = () => Promise.reject(new GaggleError("BUSY", "The agent is still starting."));
  let closed = false;

  deps.members.onChange((change) => {
    if (change.type === "disconnected") channels.delete(change.member.principal.agentId);
  });

  async function open(agentId: string, connection: Connection): Promise<MessageChannel> {
    const stream = await withDeadline(deps.clock, FRAME_TIMEOUT_MS, "Opening a stream to the peer", (signal) =>
      connection.newStream(deps.protocol ?? MESSAGE_PROTOCOL, { signal, runOnLimitedConnection: true }),
    ).catch((cause: unknown) => {
      throw new GaggleError("PEER_UNREACHABLE", "No stream to the peer could be opened; the message is tried again.", { cause });
    });
    return createMessageChannel(stream, deps.clock, () => {
      // Nothing came back for a whole timeout: the machine at the other end is likely gone without a word.
      cut(connection, new Error(`no sign of life from ${agentId}`));
    });
  }

  async function channelTo(agentId: string): Promise<{ channel: MessageChannel; connection: Connection }> {
    const connection = deps.members.connectionTo(agentId);
    const current = channels.get(agentId);
    if (current?.connection === connection && !current.ended) {
      const channel = await current.channel;
      if (channel.open) return { channel, connection };
      if (channels.get(agentId) !== current) return channelTo(agentId);
    }
    const fresh: OpenChannel = { connection, channel: open(agentId, connection), ended: false };
    channels.set(agentId, fresh);
    fresh.channel.catch(() => {
      fresh.ended = true;
    });
    return { channel: await fresh.channel, connection };
  }

  async function exchange(agentId: string, frame: Uint8Array, handOver: () => Promise<void> | undefined): Promise<Uint8Array> {
    const { channel, connection } = await channelTo(agentId);
    deps.members.busy(connection, 1);
    try {
      await handOver();
      return await channel.request(frame);
    } finally {
      deps.members.busy(connection, -1);
    }
  }

  return {
    async request(agentId, frame, handOver = () => undefined) {
      if (closed) throw closing();
      if (frame.byteLength > MAX_FRAME_BYTES) {
        throw new GaggleError("TOO_LARGE", `A message is larger than ${MAX_FRAME_BYTES} bytes; send less at once.`);
      }
      if (!deps.members.has(agentId)) await deps.reach(agentId);
      return exchange(agentId, frame, handOver);
    },
    serve(stream, from) {
      serveMessages(stream, deps.clock, {
        answer: (frame) => handler(frame, from.hello.principal),
        onBusy: (change) => deps.members.busy(from.connection, change),
        onViolation: (error) => {
          deps.onViolation?.(from, error);
          cut(from.connection, error);
        },
        ...(deps.allowances === undefined ? {} : { allowance: deps.allowances.of(from.agentId) }),
      });
    },
    handle(next) {
      handler = next;
    },
    close() {
      closed = true;
      for (const { channel } of channels.values()) channel.then((one) => one.close(closing())).catch(() => undefined);
    },
  };
}
