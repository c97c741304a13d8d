import type { Connection, Libp2p } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../../../../mesh/contract/identity.ts";
import type { Gatekeeper } from "../../../../mesh/peer/gatekeeper.ts";
import type { Members } from "../../../../mesh/peer/members.ts";
import { DIRECT_RETRY_MIN_MS, RELAY_HEAD_START_MS } from "../../../../mesh/peer/protocols.ts";
import { createReach, type Reach } from "../../../../mesh/peer/reach.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const AGENT = "12D3KooWR6eNKnDQVnTjGP8RJrmzced5x6HTu6dVnciKP33xuCyv";
const ADDRESSES = ["/ip4/192.0.2.1/tcp/1"];

/** A world where the direct way answers, fails or is silent, and the relay is there or not. */
function createWorld(relay: "there" | "none" = "there"): {
  reach: Reach;
  clock: VirtualClock;
  ways: string[];
  reserved: string[];
  state: { direct: "answers" | "fails" | "silent" | "refuses"; relayed: boolean };
} {
  const clock = createVirtualClock();
  const ways: string[] = [];
  const reserved: string[] = [];
  const state = { direct: "fails" as "answers" | "fails" | "silent" | "refuses", relayed: false };
  const connectionTo = (way: string): Connection => ({ way, remoteAddr: multiaddr("/ip4/192.0.2.9/tcp/1") }) as unknown as Connection;
  const node = {
    dial: async (): Promise<Connection> => {
      ways.push(`direct at ${clock.now() - startedAt}`);
      if (state.direct === "fails") throw new Error("nobody there");
      if (state.direct === "silent") return new Promise(() => undefined);
      return connectionTo("direct");
    },
  };
  const gatekeeper = {
    proven: async (connection: Connection) => {
      if ((connection as unknown as { way: string }).way === "direct" && state.direct === "refuses")
        throw new GaggleError("REVOKED", "refused");
      return {};
    },
  };
  const principal = { agentId: "relay", subject: "bootstrap", role: BOOTSTRAP_ROLE, department: "none" };
  const members = {
    has: () => true,
    list: () => (relay === "there" ? [{ principal }] : []),
    relayedCount: () => 0,
    isRelayed: () => state.relayed,
    connectionTo: () => connectionTo("to the relay"),
  };
  const startedAt = clock.now();
  const reach = createReach({
    node: node as unknown as Libp2p,
    relay: {
      reserve: async (id) => void reserved.push(id),
      dial: async () => {
        ways.push(`relay at ${clock.now() - startedAt}`);
        return connectionTo("relay");
      },
    },
    gatekeeper: gatekeeper as unknown as Gatekeeper,
    members: members as unknown as Members,
    addressesOf: () => ADDRESSES,
    mayDial: (_agentId, addresses) => addresses,
    clock,
    log: { debug: () => undefined, warn: () => undefined },
  });
  return { reach, clock, ways, reserved, state };
}

describe("the ways to an agent", () => {
  it("lead through the relay at once where its own addresses fail, and where it has none", async () => {
    const { reach, ways } = createWorld();
    await reach.connect(AGENT, ADDRESSES);
    expect(ways).toEqual(["direct at 0", "relay at 0"]);
    await reach.connect(AGENT, []);
    expect(ways).toEqual(["direct at 0", "relay at 0", "relay at 0"]);
  });

  it("lead through the relay after a head start where its own addresses are silent", async () => {
    const { reach, ways, clock, state } = createWorld();
    state.direct = "silent";
    const connected = reach.connect(AGENT, ADDRESSES);
    await clock.advance(RELAY_HEAD_START_MS);
    await connected;
    expect(ways).toEqual(["direct at 0", `relay at ${RELAY_HEAD_START_MS}`]);
  });

  it("never lead through the relay where the direct one works, or where there is no relay", async () => {
    const direct = createWorld();
    direct.state.direct = "answers";
    await direct.reach.connect(AGENT, ADDRESSES);
    await direct.clock.advance(RELAY_HEAD_START_MS * 2);
    expect(direct.ways).toEqual(["direct at 0"]);
    const alone = createWorld("none");
    await expect(alone.reach.connect(AGENT, ADDRESSES)).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(alone.ways).toEqual(["direct at 0"]);
  });

  it("that all fail are told by the refusal and not by the silence", async () => {
    const { reach, state } = createWorld("none");
    state.direct = "refuses";
    await expect(reach.connect(AGENT, ADDRESSES)).rejects.toMatchObject({ code: "REVOKED" });
  });

  it("are tried directly again while an agent is relayed, ever less often, at once after a change of network, and no more when it is direct", async () => {
    const { reach, clock, ways, reserved, state } = createWorld();
    state.relayed = true;
    reach.onConnected(AGENT, "finance");
    await clock.advance(DIRECT_RETRY_MIN_MS * 7);
    expect(ways).toEqual([1, 3, 7].map((times) => `direct at ${DIRECT_RETRY_MIN_MS * times}`));
    reach.retryDirect("somebody else");
    await clock.advance(1);
    expect(ways).toHaveLength(3);
    reach.retryDirect();
    await clock.advance(DIRECT_RETRY_MIN_MS - 1);
    expect(ways).toHaveLength(4);
    reach.retryDirect(AGENT);
    state.direct = "answers";
    await clock.advance(1);
    expect(ways).toHaveLength(5);
    state.relayed = false;
    await clock.advance(DIRECT_RETRY_MIN_MS * 100);
    expect(ways).toHaveLength(5);
    reach.onConnected("relay", BOOTSTRAP_ROLE);
    expect(reserved).toEqual(["relay"]);
  });
});
