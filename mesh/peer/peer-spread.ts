/** Spreads knowledge of members: asks on connecting and in rounds, tells of newcomers. No flood: only what hello showed is pushed. */
import type { Connection, Stream } from "@libp2p/interface";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock, Random } from "../contract/ports.ts";
import { cut } from "./cut.ts";
import { withDeadline } from "./deadline.ts";
import type { ProvenConnection } from "./gatekeeper.ts";
import { type KnownPeers, type MergeResult, type PeerRecord, recordOf, type SharedPeer } from "./known-peers.ts";
import type { Members } from "./members.ts";
import { answerExchange, type BundleNews, type ExchangeSide, type Heard, pullPeers, pushPeers } from "./peer-exchange.ts";
import type { PeerLog } from "./peer-node.ts";
import { violationOf } from "./violation.ts";
import { EXCHANGE_FANOUT, EXCHANGE_INTERVAL_MS, PEERS_PROTOCOL } from "./protocols.ts";

/** What spreading needs. */
export interface PeerSpreadDeps {
  readonly ownId: string;
  readonly org: string;
  readonly known: KnownPeers;
  readonly members: Members;
  /** What this agent tells of itself. */
  own(): SharedPeer;
  /** The newest bundle and revocations that this agent knows of. */
  news(): BundleNews;
  /** Minor version of the wire that a member knows. */
  wireOf(agentId: string): number;
  /** A record was new or has new addresses. */
  onLearned(record: PeerRecord): void;
  /** What a member knows of bundles and revocations. */
  onNews(agentId: string, news: BundleNews): void;
  /** A member broke the protocol; its connection is cut. */
  onViolation(from: ProvenConnection, error: Error): void;
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
  /** Tells all connected members this agent's record and news. */
  announce(): void;
  /** The same at once over one connection, beside what is under way: where no answer comes in `limitMs` it is taken for dead and cut. */
  check(agentId: string, connection: Connection, limitMs: number): void;
  close(): void;
}

const NOTHING: MergeResult = { added: false, moved: false };

/** Starts the rounds. A member that does not answer in time is taken for gone and its connection is cut. */
export function createPeerSpread(deps: PeerSpreadDeps): PeerSpread {
  const askedAt = new Map<string, number>();
  /** What the next message to a member says, while one is under way. */
  const untold = new Map<string, Map<string, SharedPeer>>();
  let cancelRound = (): void => undefined;
  let closed = false;

  const sideTo = (agentId: string): ExchangeSide => ({
    digest: () => deps.known.digest(),
    shared: () => deps.known.shared(),
    news: () => deps.news(),
    wire: deps.wireOf(agentId),
  });

  function merge(agentId: string, read: () => PeerRecord): MergeResult {
    if (agentId === deps.ownId) return NOTHING;
    try {
      return deps.known.merge(read());
    } catch (error) {
      deps.log.debug({ peer: agentId, code: errorCode(error) }, "peer record not taken");
      return NOTHING;
    }
  }

  const read = (shared: SharedPeer): PeerRecord => recordOf(shared, { org: deps.org, now: deps.clock.now() });

  function takeRecord(shared: SharedPeer): void {
    if (deps.known.has(shared)) return;
    const { moved } = merge(shared.agentId, () => read(shared));
    const record = moved ? deps.known.get(shared.agentId) : undefined;
    if (record !== undefined) deps.onLearned(record);
  }

  function take(from: string, { peers, news }: Heard): void {
    for (const shared of peers) takeRecord(shared);
    deps.onNews(from, news);
  }

  /** One exchange with a member, on its own stream. */
  async function converse<T>(
    agentId: string,
    talk: (stream: Stream, signal: AbortSignal) => Promise<T>,
    limitMs = FRAME_TIMEOUT_MS,
    connection = deps.members.connectionTo(agentId),
  ): Promise<T | undefined> {
    let stream: Stream | undefined;
    try {
      return await withDeadline(deps.clock, limitMs, "The exchange of members", async (signal) => {
        stream = await connection.newStream(PEERS_PROTOCOL, { signal, runOnLimitedConnection: true });
        return await talk(stream, signal);
      });
    } catch (error) {
      const failure = error instanceof Error ? error : new Error("exchange failed");
      deps.log.debug({ peer: agentId, code: errorCode(error) }, "exchange of members failed");
      stream?.abort(failure);
      if (error instanceof GaggleError && error.code === "TIMEOUT") cut(connection, failure);
      return undefined;
    }
  }

  async function pull(agentId: string): Promise<void> {
    if (closed || !deps.members.has(agentId)) return;
    askedAt.set(agentId, deps.clock.now());
    const heard = await converse(agentId, (stream, signal) => pullPeers(stream, sideTo(agentId), signal));
    if (heard !== undefined) take(agentId, heard);
  }

  /** Tells a member; what comes up while it is told goes with the next message, so that many newcomers are few messages. */
  function push(agentId: string, records: readonly SharedPeer[]): void {
    const waiting = untold.get(agentId);
    for (const record of records) waiting?.set(record.agentId, record);
    if (waiting !== undefined) return;
    untold.set(agentId, new Map(records.map((record) => [record.agentId, record])));
    void tell(agentId).finally(() => untold.delete(agentId));
  }

  /** One message to a member; false where it did not answer. */
  async function say(agentId: string, records: readonly SharedPeer[]): Promise<boolean> {
    const heard = await converse(agentId, (stream, signal) => pushPeers(stream, sideTo(agentId), records, signal));
    if (heard !== undefined) take(agentId, heard);
    return heard !== undefined;
  }

  async function tell(agentId: string): Promise<void> {
    for (let records = untold.get(agentId); records !== undefined && records.size > 0; records = untold.get(agentId)) {
      if (closed || !deps.members.has(agentId)) return;
      untold.set(agentId, new Map());
      if (!(await say(agentId, [...records.values()]))) return;
    }
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
      const { credential, addresses, statement, bundleVersion, revocationSeq, revocations } = hello;
      const signed = statement === undefined ? undefined : { agentId, credential, statement };
      const isNews = signed !== undefined && !deps.known.has(signed);
      // The member is believed here in any case; others are told only what it has signed.
      merge(agentId, () => ({ agentId, credential, addresses, seenAt: 0 }));
      if (signed !== undefined) merge(agentId, () => read(signed));
      if (isNews && deps.known.has(signed)) {
        for (const id of deps.members.ids()) if (id !== agentId) push(id, [signed]);
      }
      deps.onNews(agentId, { bundleVersion, revocationSeq, ...(revocations === undefined ? {} : { revocations }) });
      void pull(agentId);
    },
    serve(stream, from) {
      withDeadline(deps.clock, FRAME_TIMEOUT_MS, "The exchange of members", (signal) =>
        answerExchange(stream, sideTo(from.agentId), signal),
      ).then(
        (heard) => take(from.agentId, heard),
        (error: unknown) => {
          deps.log.debug({ peer: from.agentId, code: errorCode(error) }, "a member's exchange failed");
          stream.abort(error instanceof Error ? error : new Error("exchange failed"));
          const violation = violationOf(error);
          if (violation !== undefined) deps.onViolation(from, violation);
        },
      );
    },
    announce() {
      for (const id of deps.members.ids()) push(id, [deps.own()]);
    },
    check(agentId, connection, limitMs) {
      void converse(agentId, (stream, signal) => pushPeers(stream, sideTo(agentId), [deps.own()], signal), limitMs, connection).then(
        (heard) => {
          if (heard === undefined) cut(connection, new Error(`no answer from ${agentId} over a connection in doubt`));
          else take(agentId, heard);
        },
      );
    },
    close() {
      closed = true;
      cancelRound();
    },
  };
}
