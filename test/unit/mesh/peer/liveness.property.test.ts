import type { NetworkInterfaceInfo } from "node:os";
import type { Connection } from "@libp2p/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDialler, type Dialler } from "../../../../mesh/peer/dialler.ts";
import type { ProvenConnection } from "../../../../mesh/peer/gatekeeper.ts";
import { createLiveness, type Liveness } from "../../../../mesh/peer/liveness.ts";
import { createMembers, type Members } from "../../../../mesh/peer/members.ts";
import { watchNetwork } from "../../../../mesh/peer/network-watch.ts";
import { PROBE_TIMEOUT_MS } from "../../../../mesh/peer/protocols.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock, settleMicrotasks, type VirtualClock } from "../../../support/virtual-clock.ts";

/** What is wanted of a host that changes its address. */
const REACHED_WITHIN_MS = 10_000;
const OLD = "10.0.0.1";
const NEW = "10.0.0.2";

/** One side of a connection, as far as the code here uses it. */
class End extends EventTarget {
  status = "open";
  readonly limits = undefined;
  readonly id: string;
  readonly wire: { isAlive(): boolean };
  other: End | undefined;

  constructor(id: string, wire: { isAlive(): boolean }) {
    super();
    [this.id, this.wire] = [id, wire];
  }

  abort(): void {
    if (this.status !== "open") return;
    this.status = "closed";
    this.dispatchEvent(new Event("close"));
    // The reset reaches the other side only where the wire leads there.
    if (this.wire.isAlive()) this.other?.abort();
  }

  close = async (): Promise<void> => this.abort();
}

interface Side {
  readonly id: string;
  members: Members;
  dialler: Dialler;
  liveness: Liveness;
}

/** Two hosts, of which the first can move: table of members, dialler, liveness and network watch are the real ones, the wires are not. */
function createPair(clock: VirtualClock, ids: { mover: string; other: string }, seed: string) {
  const random = seededRandom(seed);
  let address = OLD;
  let connections = 0;

  const helloOf = (agentId: string): ProvenConnection["hello"] => ({
    principal: { agentId, subject: agentId, role: "finance", department: "finance" },
    credential: "",
    card: { version: 1, skills: [] },
    bundleVersion: 1,
    revocationSeq: 0,
    addresses: [],
    statement: undefined,
    time: 0,
  });

  function join(from: Side, to: Side): void {
    const at = address;
    const wire = { isAlive: () => address === at };
    const name = `${++connections}`;
    const [near, far] = [new End(name, wire), new End(name, wire)];
    [near.other, far.other] = [far, near];
    for (const [side, peer, end] of [
      [from, to.id, near],
      [to, from.id, far],
    ] as const) {
      side.members.add({ agentId: peer, connection: end as unknown as Connection, hello: helloOf(peer) });
      side.dialler.onConnected(peer);
      side.liveness.dialledAnew(peer);
    }
  }

  function createSide(id: string, peer: () => Side, addressOfPeer: () => string): Side {
    const members = createMembers({ ownId: id, clock });
    const ask = (_: string, connection: Connection): void => {
      const { wire } = connection as unknown as End;
      clock.after(wire.isAlive() ? 5 : PROBE_TIMEOUT_MS, () => {
        if (!wire.isAlive()) connection.abort(new Error("silent"));
      });
    };
    const connect = async (_: string, addresses: readonly string[]): Promise<void> => {
      await new Promise<void>((resolve) => void clock.after(20, resolve));
      if (!addresses.includes(addressOfPeer())) throw new Error("nobody there");
      join(side, peer());
    };
    const dialler = createDialler({ ownId: id, connect, isConnected: members.has, clock, random });
    members.onChange(({ type }) => (type === "disconnected" ? dialler.onLost(peer().id) : undefined));
    const side: Side = { id, members, dialler, liveness: createLiveness({ members, ask, clock }) };
    return side;
  }

  const mover: Side = createSide(
    ids.mover,
    () => other,
    () => "10.0.0.9",
  );
  const other: Side = createSide(
    ids.other,
    () => mover,
    () => address,
  );
  const info = (): NetworkInterfaceInfo =>
    ({ address, cidr: `${address}/24`, internal: false, family: "IPv4" }) as Partial<NetworkInterfaceInfo> as NetworkInterfaceInfo;
  watchNetwork({ interfaces: () => ({ eth0: [info()] }), clock }, () => {
    mover.liveness.networkChanged();
    mover.dialler.retryAll();
  });
  mover.dialler.learn(ids.other, ["10.0.0.9"], "member");
  other.dialler.learn(ids.mover, [OLD], "member");

  /** Sends until it arrives, as the outbox does: a frame waits on its connection until that ends. */
  async function send(): Promise<void> {
    for (let arrived = false; !arrived; ) {
      if (!other.members.has(ids.mover)) {
        await new Promise<void>((resolve) => void clock.after(250, resolve));
        continue;
      }
      const end = other.members.connectionTo(ids.mover) as unknown as End;
      if (end.wire.isAlive()) arrived = true;
      else await new Promise((resolve) => end.addEventListener("close", resolve, { once: true }));
    }
  }

  return {
    mover,
    other,
    join: (by: "mover" | "other") => (by === "mover" ? join(mover, other) : join(other, mover)),
    move() {
      address = NEW;
    },
    /** What the other hears of the mover: a statement of its own by way of a third, or mDNS. */
    tell() {
      if (other.dialler.learn(ids.mover, [NEW], "lan")) other.liveness.elsewhere(ids.mover);
    },
    send,
  };
}

async function timeOf(clock: VirtualClock, work: Promise<void>): Promise<number> {
  const startedAt = clock.now();
  let took: number | undefined;
  void work.then(() => (took = clock.now() - startedAt));
  for (let at = 0; at <= 60_000 && took === undefined; at += 50) await clock.advance(50);
  return took ?? Number.POSITIVE_INFINITY;
}

describe("a host that changes its address", () => {
  it("is reached again within 10 s, however many connections it had, whoever dialled them and whenever it moves", async () => {
    const joined = fc.record({ by: fc.constantFrom<"mover" | "other">("mover", "other"), afterMs: fc.integer({ min: 0, max: 2_500 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(joined, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.boolean(),
        fc.string(),
        async (joins, isMoverFirst, isHeard, seed) => {
          const clock = createVirtualClock(undefined, settleMicrotasks);
          const pair = createPair(clock, isMoverFirst ? { mover: "a", other: "b" } : { mover: "b", other: "a" }, seed);
          for (const { by, afterMs } of joins) {
            pair.join(by);
            await clock.advance(afterMs);
          }
          pair.move();
          if (isHeard) clock.after(1_000, pair.tell);
          expect(await timeOf(clock, pair.send())).toBeLessThanOrEqual(REACHED_WITHIN_MS);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is dialled by those who hear of its new address, also where it can't dial itself", async () => {
    const clock = createVirtualClock(undefined, settleMicrotasks);
    const pair = createPair(clock, { mover: "a", other: "b" }, "heard");
    pair.join("other");
    pair.mover.dialler.close();
    pair.move();
    clock.after(1_000, pair.tell);
    expect(await timeOf(clock, pair.send())).toBeLessThanOrEqual(REACHED_WITHIN_MS);
  });
});

describe("claims of a member's new addresses", () => {
  it("make no more than a few questions, however many come", () => {
    const clock = createVirtualClock();
    let asked = 0;
    const connection = {} as Connection;
    const members = { ids: () => ["a"], connections: (id: string) => (id === "a" ? [connection] : []), spares: () => [] };
    const liveness = createLiveness({ members, ask: () => void asked++, clock });
    const acted = Array.from({ length: 1_000 }, () => liveness.elsewhere("a")).filter(Boolean);
    expect(liveness.elsewhere("stranger")).toBe(false);
    expect([asked, acted.length]).toEqual([4, 4]);
  });
});
