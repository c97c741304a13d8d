import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { createDialGuard, type DialGuard } from "../../../../mesh/peer/dial-guard.ts";
import {
  MAX_GUARDED,
  NEW_ADDRESSES,
  STRIKE_EVERY_MS,
  STRIKE_WAIT_MAX_MS,
  STRIKE_WAIT_MIN_MS,
  STRIKES,
} from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const AGENT = "12D3KooWR6eNKnDQVnTjGP8RJrmzced5x6HTu6dVnciKP33xuCyv";
const PRINTER = "/ip4/10.0.0.9/tcp/9100";
const LOOPBACK = "/ip4/127.0.0.1/tcp/2375";
/** Addresses of many hosts, different for each start. */
const scan = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `/ip4/10.1.${(from + index) >> 8}.${(from + index) & 255}/tcp/8080`);

function createWorld(isOnLoopback = false): {
  guard: DialGuard;
  clock: VirtualClock;
  held: { agentId: string; address: string; code: string }[];
  may(...addresses: string[]): string[];
} {
  const clock = createVirtualClock();
  const held: { agentId: string; address: string; code: string }[] = [];
  const guard = createDialGuard({ clock, isOnLoopback: () => isOnLoopback, onHeldBack: (one) => held.push(one) });
  return { guard, clock, held, may: (...addresses) => [...guard.mayDial("rogue", addresses)] };
}

/** What a dial of an address that something else listens at comes to. */
async function strike({ guard, clock, may }: ReturnType<typeof createWorld>, address = PRINTER): Promise<void> {
  if (may(address).length > 0) guard.opened("rogue", multiaddr(`${address}/p2p/${AGENT}`));
  await clock.advance(STRIKE_EVERY_MS);
}

describe("the addresses that a member states", () => {
  it("are dialled as long as they are few; many new ones wait, and are told of as held back", async () => {
    const { clock, held, may } = createWorld();
    expect(may(...scan(1_000))).toHaveLength(NEW_ADDRESSES.burst);
    expect(held).toHaveLength(1_000 - NEW_ADDRESSES.burst);
    expect(held[0]).toMatchObject({ agentId: "rogue", code: "BUSY" });
    expect(may(...scan(1_000, 5_000))).toEqual([]);
    await clock.advance(10 * 60_000);
    expect(may(...scan(1_000, 10_000))).toHaveLength(10);
  });

  it("cost nothing when they are stated again, so that a machine which is off is dialled for ever", async () => {
    const { clock, held, may } = createWorld();
    const own = scan(16);
    for (let times = 0; times < 500; times++) {
      expect(may(...own)).toEqual(own);
      await clock.advance(60_000);
    }
    expect(held).toEqual([]);
  });

  it("cost nothing on a host from which the member has come itself, whatever its port after a restart", () => {
    const { guard, held, may } = createWorld();
    guard.cameFrom("rogue", multiaddr("/ip4/10.0.0.7/tcp/50123"));
    for (let port = 40_000; port < 41_000; port++) expect(may(`/ip4/10.0.0.7/tcp/${port}`)).toHaveLength(1);
    expect(held).toEqual([]);
  });

  it("spend the budget of that member alone", () => {
    const { guard, may } = createWorld();
    may(...scan(1_000));
    expect(guard.mayDial("somebody else", scan(1))).toEqual(scan(1));
  });

  it("on loopback are dialled only by who is on loopback alone itself, or for a member that came from there", () => {
    expect(createWorld().may(LOOPBACK, "/ip6/::1/tcp/2375", "/ip4/127.8.8.8/tcp/2375")).toEqual([]);
    expect(createWorld(true).may(LOOPBACK)).toEqual([LOOPBACK]);
    const neighbour = createWorld();
    neighbour.guard.cameFrom("rogue", multiaddr("/ip4/127.0.0.1/tcp/50123"));
    expect(neighbour.may(LOOPBACK)).toEqual([LOOPBACK]);
  });

  it("are left alone where something else answers, longer each time up to ten minutes, and told of once", async () => {
    const world = createWorld();
    for (let times = 0; times < STRIKES - 1; times++) await strike(world);
    expect(world.may(PRINTER)).toEqual([PRINTER]);
    await strike(world);
    expect(world.may(PRINTER)).toEqual([]);
    expect(world.held).toEqual([{ agentId: "rogue", address: PRINTER, code: "PEER_UNREACHABLE" }]);
    for (let wait = STRIKE_WAIT_MIN_MS; wait < 10 * STRIKE_WAIT_MAX_MS; wait *= 2) {
      await world.clock.advance(Math.min(wait, STRIKE_WAIT_MAX_MS) - STRIKE_EVERY_MS - 1);
      expect(world.may(PRINTER)).toEqual([]);
      await world.clock.advance(1);
      expect(world.may(PRINTER)).toEqual([PRINTER]);
      await strike(world);
    }
    expect(world.held).toHaveLength(1);
  });

  it("are not left alone for a few seconds without an answer, nor where the member has been met, nor in another network", async () => {
    const world = createWorld();
    for (let times = 0; times < 10 * STRIKES; times++) {
      world.may(PRINTER);
      world.guard.opened("rogue", multiaddr(PRINTER));
    }
    expect(world.may(PRINTER)).toEqual([PRINTER]);
    for (let times = 0; times < STRIKES; times++) await strike(world);
    expect(world.may(PRINTER)).toEqual([]);
    world.guard.networkChanged();
    expect(world.may(PRINTER)).toEqual([PRINTER]);
    world.guard.opened("rogue", multiaddr(PRINTER));
    world.guard.proven("rogue", multiaddr(`${PRINTER}/p2p/${AGENT}`));
    for (let times = 0; times < 3 * STRIKES; times++) await strike(world);
    expect(world.may(PRINTER)).toEqual([PRINTER]);
  });

  it("are left alone on the member's own host too where something else answers, until it comes from there again", async () => {
    const world = createWorld();
    world.guard.cameFrom("rogue", multiaddr("/ip4/10.0.0.9/tcp/50123"));
    for (let times = 0; times < STRIKES; times++) await strike(world);
    expect(world.may(PRINTER)).toEqual([]);
    world.guard.cameFrom("rogue", multiaddr("/ip4/10.0.0.9/tcp/50124"));
    expect(world.may(PRINTER)).toEqual([PRINTER]);
  });

  it("that somebody configured are always dialled; the LAN's cost nothing and are left alone like others", async () => {
    const world = createWorld();
    world.may(...scan(1_000));
    world.guard.trust("rogue", [LOOPBACK]);
    expect(world.may(LOOPBACK)).toEqual([LOOPBACK]);
    world.guard.heardOnLan("rogue", [PRINTER]);
    expect(world.may(PRINTER)).toEqual([PRINTER]);
    for (let times = 0; times < STRIKES; times++) await strike(world);
    world.guard.heardOnLan("rogue", [PRINTER]);
    expect(world.may(PRINTER)).toEqual([]);
  });

  it("are remembered for so many and no more: whoever states others pays for the first ones anew", async () => {
    const { clock, may } = createWorld();
    may(...scan(1));
    for (let times = 1; times <= MAX_GUARDED.addresses; times++) {
      await clock.advance(60_000);
      expect(may(...scan(1, times))).toHaveLength(1);
    }
    may(...scan(1_000, 5_000));
    expect(may(...scan(1))).toEqual([]);
  });
});
