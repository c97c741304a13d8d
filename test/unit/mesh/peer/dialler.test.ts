import { describe, expect, it } from "vitest";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { RETRY_MAX_MS } from "../../../../mesh/contract/limits.ts";
import { createDialler, type Dialler } from "../../../../mesh/peer/dialler.ts";
import { MAX_LAN_CANDIDATES } from "../../../../mesh/peer/protocols.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock, settle, type VirtualClock } from "../../../support/virtual-clock.ts";

/** A dialler in a world where agents answer or not as the test says. */
function createWorld(ownId = "m"): {
  dialler: Dialler;
  clock: VirtualClock;
  dials: { agentId: string; at: number; addresses: readonly string[] }[];
  reachable: Set<string>;
  connected: Set<string>;
  refuse(code: "REVOKED" | undefined): void;
} {
  const clock = createVirtualClock(0);
  const dials: { agentId: string; at: number; addresses: readonly string[] }[] = [];
  const reachable = new Set<string>();
  const connected = new Set<string>();
  let refusal: "REVOKED" | undefined;
  const dialler = createDialler({
    ownId,
    clock,
    random: seededRandom("dialler"),
    isConnected: (agentId) => connected.has(agentId),
    async connect(agentId, addresses) {
      dials.push({ agentId, at: clock.now(), addresses });
      await settle();
      if (refusal !== undefined) throw new GaggleError(refusal, "refused");
      if (!reachable.has(agentId)) throw new GaggleError("PEER_UNREACHABLE", "nobody there");
      connected.add(agentId);
      dialler.onConnected(agentId);
    },
  });
  return { dialler, clock, dials, reachable, connected, refuse: (code) => (refusal = code) };
}

describe("a dialler", () => {
  it("dials an agent with a higher id at once and leaves the first dial to one with a lower id", async () => {
    const { dialler, clock, dials } = createWorld("m");
    dialler.learn("z", ["/a"], "member");
    dialler.learn("a", ["/a"], "member");
    await clock.advance(1);
    expect(dials.map((dial) => dial.agentId)).toEqual(["z"]);
    await clock.advance(1_000);
    expect(dials.map((dial) => dial.agentId)).toContain("a");
  });

  it("waits longer after every failure, up to the longest wait", async () => {
    const { dialler, clock, dials } = createWorld();
    dialler.learn("z", ["/a"], "member");
    await clock.advance(20 * RETRY_MAX_MS);
    const waits = dials.slice(1).map((dial, index) => dial.at - (dials[index]?.at ?? 0));
    expect(waits.slice(0, 3).every((wait) => wait < 2_500)).toBe(true);
    expect(Math.max(...waits)).toBeLessThanOrEqual(RETRY_MAX_MS);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(RETRY_MAX_MS / 2);
  });

  it("dials a lost agent again and stops once it is connected", async () => {
    const { dialler, clock, dials, reachable, connected } = createWorld();
    reachable.add("z");
    dialler.learn("z", ["/a"], "member");
    await clock.advance(10);
    connected.delete("z");
    dialler.onLost("z");
    await clock.advance(10 * RETRY_MAX_MS);
    expect(dials).toHaveLength(2);
  });

  it("hardly ever dials an agent that was refused, until something changed", async () => {
    const { dialler, clock, dials, refuse } = createWorld();
    refuse("REVOKED");
    dialler.learn("z", ["/a"], "member");
    await clock.advance(RETRY_MAX_MS / 2 - 1);
    expect(dials).toHaveLength(1);
    dialler.retryAll();
    await clock.advance(1);
    expect(dials).toHaveLength(2);
  });

  it("gives up an agent of the LAN that never proves itself, and holds only so many", async () => {
    const { dialler, clock, dials } = createWorld();
    for (let index = 0; index < MAX_LAN_CANDIDATES + 50; index++) dialler.learn(`z${index}`, ["/a"], "lan");
    await clock.advance(10);
    expect(dials).toHaveLength(MAX_LAN_CANDIDATES);
    await clock.advance(10 * RETRY_MAX_MS);
    expect(dials).toHaveLength(5 * MAX_LAN_CANDIDATES);
    expect(clock.pending()).toBe(0);
  });

  it("tries what the LAN says of a member last, and only a few of it", async () => {
    const { dialler, clock, dials } = createWorld();
    dialler.learn("z", ["/true"], "member");
    dialler.learn("z", ["/1", "/2", "/3", "/4", "/5"], "lan");
    await clock.advance(1);
    expect(dials[0]?.addresses).toEqual(["/true", "/1", "/2", "/3", "/4"]);
  });

  it("keeps a configured address when the agent states others", async () => {
    const { dialler, clock, dials } = createWorld();
    dialler.learn("z", ["/configured"], "configured");
    dialler.learn("z", ["/stated"], "member");
    await clock.advance(1);
    expect(dials[0]?.addresses).toEqual(["/stated", "/configured"]);
  });

  it("dials on demand, one dial for all who ask, and tells them the reason of a failure", async () => {
    const { dialler, clock, dials, reachable } = createWorld();
    await expect(dialler.reach("z")).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    dialler.learn("a", ["/a"], "member");
    await expect(Promise.all([dialler.reach("a"), dialler.reach("a")])).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(dials).toHaveLength(1);
    reachable.add("a");
    await clock.advance(RETRY_MAX_MS);
    await dialler.reach("a");
    expect(dials.length).toBeGreaterThan(1);
  });

  it("dials nobody after it was closed", async () => {
    const { dialler, clock, dials } = createWorld();
    dialler.learn("z", ["/a"], "member");
    dialler.close();
    dialler.retryAll();
    await clock.advance(RETRY_MAX_MS);
    expect(dials).toEqual([]);
  });
});
