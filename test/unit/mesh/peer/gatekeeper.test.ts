import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { HELLO_TIMEOUT_MS } from "../../../../mesh/contract/limits.ts";
import { createGatekeeper, type Gatekeeper } from "../../../../mesh/peer/gatekeeper.ts";
import type { PeerRefusal } from "../../../../mesh/peer/peer-node.ts";
import { MAX_UNPROVEN, MAX_UNPROVEN_PER_HOST, MAX_UNPROVEN_STREAMS, UNPROVEN_LOOK_MS } from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

/** The part of an inbound connection that the gatekeeper uses. */
class FakeConnection extends EventTarget {
  readonly id: string;
  readonly direction = "inbound";
  readonly remotePeer = "12D3KooWR6eNKnDQVnTjGP8RJrmzced5x6HTu6dVnciKP33xuCyv";
  readonly remoteAddr;
  readonly streams: Stream[] = [];
  status = "open";

  constructor(id: string, host: string) {
    super();
    this.id = id;
    this.remoteAddr = multiaddr(`/ip4/${host}/tcp/1`);
  }

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (this.status !== "open") return;
    this.status = "aborted";
    this.dispatchEvent(new Event("close"));
  }
}

function createWorld(): {
  gatekeeper: Gatekeeper;
  clock: VirtualClock;
  refusals: PeerRefusal[];
  gone: unknown[];
  connect(id: string, host?: string): FakeConnection;
} {
  const clock = createVirtualClock();
  const refusals: PeerRefusal[] = [];
  const gone: unknown[] = [];
  const impossible = (): never => {
    throw new Error("nobody says hello here");
  };
  const gatekeeper = createGatekeeper({
    ownHello: impossible,
    judge: impossible,
    onProven: impossible,
    onRefusal: (refusal) => refusals.push(refusal),
    onStrangerGone: (connection) => gone.push(connection),
    clock,
    log: { debug: () => undefined, warn: () => undefined },
  });
  const connect = (id: string, host = "192.0.2.1"): FakeConnection => {
    const connection = new FakeConnection(id, host);
    gatekeeper.admit(connection as unknown as Connection);
    return connection;
  };
  return { gatekeeper, clock, refusals, gone, connect };
}

const asConnection = (connection: FakeConnection): Connection => connection as unknown as Connection;

/** A stream that only notes that it was reset. */
function fakeStream(): { stream: Stream; aborted: () => boolean } {
  let aborted = false;
  return { stream: { abort: () => (aborted = true) } as unknown as Stream, aborted: () => aborted };
}

describe("the gatekeeper", () => {
  it("cuts a connection that has proven nothing when the time is over, and forgets it", async () => {
    const { gatekeeper, clock, refusals, gone, connect } = createWorld();
    const connection = connect("a");
    await clock.advance(HELLO_TIMEOUT_MS - 1);
    expect(connection.status).toBe("open");
    await clock.advance(1);
    expect(connection.status).toBe("aborted");
    expect(refusals).toEqual([{ agentId: connection.remotePeer, address: "/ip4/192.0.2.1/tcp/1", code: "TIMEOUT" }]);
    expect(gone).toEqual([connection]);
    await expect(gatekeeper.proven(asConnection(connection))).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(clock.pending()).toBe(0);
  });

  it("cuts a connection that opens many streams before it has proven anything", async () => {
    const { clock, refusals, connect } = createWorld();
    const [greedy, modest] = [connect("greedy"), connect("modest")];
    for (let index = 0; index <= MAX_UNPROVEN_STREAMS; index++) greedy.streams.push(fakeStream().stream);
    modest.streams.push(fakeStream().stream);
    await clock.advance(UNPROVEN_LOOK_MS);
    expect([greedy.status, modest.status]).toEqual(["aborted", "open"]);
    expect(refusals.map(({ code }) => code)).toEqual(["BUSY"]);
  });

  it("lets only so many connections of one host, and of all, wait to prove themselves", async () => {
    const { refusals, clock, connect } = createWorld();
    for (let index = 0; index < MAX_UNPROVEN_PER_HOST; index++) connect(`a${index}`);
    expect(refusals).toEqual([]);
    expect(connect("one more").status).toBe("aborted");
    for (let index = 0; index < MAX_UNPROVEN - MAX_UNPROVEN_PER_HOST; index++) connect(`b${index}`, `192.0.3.${index}`);
    expect(refusals).toHaveLength(1);
    expect(connect("too many", "192.0.4.1").status).toBe("aborted");
    expect(refusals.map((refusal) => refusal.code)).toEqual(["BUSY", "BUSY"]);
    await clock.advance(HELLO_TIMEOUT_MS);
    expect(connect("later").status).toBe("open");
  });

  it("runs no guarded handler for a stranger, resets the stream and cuts the connection", () => {
    const { gatekeeper, refusals, connect } = createWorld();
    const connection = connect("a");
    let ran = false;
    const guarded = gatekeeper.guard(() => (ran = true));
    const { stream, aborted } = fakeStream();
    void guarded(stream, asConnection(connection));
    expect([ran, aborted(), connection.status]).toEqual([false, true, "aborted"]);
    expect(refusals.map((refusal) => refusal.code)).toEqual(["NOT_A_MEMBER"]);
  });

  it("runs no guarded handler on a connection that it never admitted", () => {
    const { gatekeeper } = createWorld();
    const connection = new FakeConnection("unknown", "192.0.2.1");
    let ran = false;
    const { stream, aborted } = fakeStream();
    void gatekeeper.guard(() => (ran = true))(stream, asConnection(connection));
    expect([ran, aborted(), connection.status]).toEqual([false, true, "aborted"]);
  });
});
