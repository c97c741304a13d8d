/** Spreads knowledge of members: asks on connecting and in rounds, tells of newcomers. No flood: only what hello showed is pushed. */
import type { Stream } from "@libp2p/interface";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock, Random } from "../contract/ports.ts";
import { withDeadline } from "./deadline.ts";
import type { ProvenConnection } from "./gatekeeper.ts";
import type { KnownPeers, MergeResult, PeerRecord } from "./known-peers.ts";
import type { Members } from "./members.ts";
import { answerExchange, pullPeers, pushPeers } from "./peer-exchange.ts";
import type { PeerLog } from "./peer-node.ts";
import { EXCHANGE_FANOUT, EXCHANGE_INTERVAL_MS, PEERS_PROTOCOL } from "./protocols.ts";

/** What spreading needs. */
export interface PeerSpreadDeps {
  readonly ownId: string;
  readonly known: KnownPeers;
  readonly members: Members;
  /** This agent's own record. */
  own(): PeerRecord;
  /** A record was new or has new addresses. */
  onLearned(record: PeerRecord): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PeerLog;
}

/** Spreads knowledge of members. */
export interface PeerSpread {
  /** A member has said hello: remember it, tell the others where it is new, ask whom it knows. */
  onHello(proven: ProvenConnection): void;
  /** Answers a member's stream of the peers protocol. */
  serve(stream: Stream, from: ProvenConnection): void;
  /** Tells all connected members this agent's record; who does not answer in `limitMs` (default FRAME_TIMEOUT_MS) is taken for gone. */
  announce(limitMs?: number): void;
  close(): void;
}

/** Starts the rounds. A member that does not answer in time is taken for gone and its connection is cut. */
export function createPeerSpread(deps: PeerSpreadDeps): PeerSpread {
  const askedAt = new Map<string, number>();
  let cancelRound = (): void => undefined;
  let closed = false;

  const side = { digest: () => deps.known.digest(), all: () => deps.known.all() };

  function merge(record: PeerRecord): MergeResult | undefined {
    if (record.agentId === deps.ownId) return undefined;
    try {
      return deps.known.merge(record);
    } catch (error) {
      deps.log.debug({ peer: record.agentId, code: errorCode(error) }, "peer record not taken");
      return undefined;
    }
  }

  function take(records: readonly PeerRecord[]): void {
    for (const record of records) {
      const known = merge(record)?.moved === true ? deps.known.get(record.agentId) : undefined;
      if (known !== undefined) deps.onLearned(known);
    }
  }

  /** One exchange with a member, on its own stream. */
  async function converse<T>(
    agentId: string,
    talk: (stream: Stream, signal: AbortSignal) => Promise<T>,
    limitMs = FRAME_TIMEOUT_MS,
  ): Promise<T | undefined> {
    const connection = deps.members.connectionTo(agentId);
    let stream: Stream | undefined;
    try {
      return await withDeadline(deps.clock, limitMs, "The exchange of members", async (signal) => {
        stream = await connection.newStream(PEERS_PROTOCOL, { signal });
        return await talk(stream, signal);
      });
    } catch (error) {
      const failure = error instanceof Error ? error : new Error("exchange failed");
      deps.log.debug({ peer: agentId, code: errorCode(error) }, "exchange of members failed");
      stream?.abort(failure);
      if (error instanceof GaggleError && error.code === "TIMEOUT") connection.abort(failure);
      return undefined;
    }
  }

  async function pull(agentId: string): Promise<void> {
    if (closed || !deps.members.has(agentId)) return;
    askedAt.set(agentId, deps.clock.now());
    take((await converse(agentId, (stream, signal) => pullPeers(stream, side, signal))) ?? []);
  }

  async function push(agentId: string, records: readonly PeerRecord[], limitMs?: number): Promise<void> {
    if (closed || !deps.members.has(agentId)) return;
    await converse(agentId, (stream, signal) => pushPeers(stream, records, signal), limitMs);
  }

  function round(): void {
    const connected = new Set(deps.members.ids());
    for (const id of askedAt.keys()) if (!connected.has(id)) askedAt.delete(id);
    const longestAgo = [...connected].toSorted((a, b) => (askedAt.get(a) ?? 0) - (askedAt.get(b) ?? 0));
    for (const id of longestAgo.slice(0, EXCHANGE_FANOUT)) void pull(id);
    plan();
  }

  function plan(): void {
    const unit = (deps.random.bytes(1)[0] ?? 0) / 255;
    if (!closed) cancelRound = deps.clock.after(EXCHANGE_INTERVAL_MS * (0.5 + unit), round);
  }

  plan();
  return {
    onHello({ agentId, hello }) {
      const { credential, addresses, time } = hello;
      const merged = merge({ agentId, credential, addresses: [...addresses], seenAt: time });
      const record = deps.known.get(agentId);
      if (merged?.moved === true && record !== undefined) {
        for (const id of deps.members.ids()) if (id !== agentId) void push(id, [record]);
      }
      void pull(agentId);
    },
    serve(stream, from) {
      withDeadline(deps.clock, FRAME_TIMEOUT_MS, "The exchange of members", (signal) => answerExchange(stream, side, signal)).then(
        take,
        (error: unknown) => {
          deps.log.debug({ peer: from.agentId, code: errorCode(error) }, "a member's exchange failed");
          stream.abort(error instanceof Error ? error : new Error("exchange failed"));
        },
      );
    },
    announce(limitMs) {
      for (const id of deps.members.ids()) void push(id, [deps.own()], limitMs);
    },
    close() {
      closed = true;
      cancelRound();
    },
  };
}
