/** What goes wrong in a history, and when: planned from the seed before it begins, so that it can be read. */
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { SimNetwork } from "./sim-network.ts";

/** What faults act on. */
export interface FaultDeps {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly journal: Journal;
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
}

/** Plans faults over the next `spanMs`. Returns a function that ends them all and sets everything right. */
export function planFaults({ clock, random, journal, network, machines }: FaultDeps, spanMs: number): () => void {
  let over = false;
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)] as T;
  const upTo = (most: number): number => 1 + Math.floor(random.next() * most);
  const say = (text: string): void => journal.note("world", text, () => text);
  /** Begins a fault at some time, and ends it within `mostMs`. */
  const during = (mostMs: number, begin: () => () => void): void =>
    void clock.after(upTo(spanMs), () => {
      if (over) return;
      const end = begin();
      clock.after(upTo(mostMs), () => (over ? undefined : end()));
    });
  const times = (most: number, plan: () => void): void => {
    for (let i = Math.floor(random.next() * (most + 1)); i > 0; i--) plan();
  };

  network.faults.loseFrame = random.next() < 0.5 ? random.next() * 0.25 : 0;
  network.faults.repeatFrame = random.next() < 0.5 ? random.next() * 0.4 : 0;
  network.faults.maxDelayMs = pick([5, 50, 500, 3_000]);

  times(5, () =>
    during(pick([300, 2_000, 15_000]), () => {
      const machine = pick(machines);
      machine.crash("kill -9");
      return machine.start;
    }),
  );
  times(3, () =>
    during(30_000, () => {
      const from = pick(machines);
      const to = pick(machines.filter((other) => other !== from));
      const ways = random.next() < 0.5 ? [[from, to] as const] : [[from, to] as const, [to, from] as const];
      for (const [a, b] of ways) {
        say(`cuts ${a.name} to ${b.name}`);
        network.cut(a.agentId, b.agentId);
      }
      return () => {
        for (const [a, b] of ways) {
          say(`heals ${a.name} to ${b.name}`);
          network.heal(a.agentId, b.agentId);
        }
      };
    }),
  );
  times(2, () =>
    during(20_000, () => {
      const { disk, name } = pick(machines);
      const fault = pick(["slow", "full", "fails"] as const);
      say(`disk of ${name} ${fault}`);
      if (fault === "slow") disk.faults.maxSyncMs = 4_000;
      if (fault === "full") disk.faults.full = true;
      if (fault === "fails") disk.faults.failNext = true;
      return () => {
        disk.faults.maxSyncMs = 4;
        disk.faults.full = false;
        disk.faults.failNext = false;
      };
    }),
  );
  times(2, () =>
    during(30_000, () => {
      const machine = pick(machines);
      machine.setClock(Math.round((random.next() - 0.5) * 2 * pick([60_000, 600_000, 5_000_000])));
      return () => machine.setClock(0);
    }),
  );

  return () => {
    over = true;
    Object.assign(network.faults, { loseFrame: 0, repeatFrame: 0, maxDelayMs: 20 });
    network.healAll();
    for (const machine of machines) {
      Object.assign(machine.disk.faults, { maxSyncMs: 4, failNext: false, full: false });
      machine.setClock(0);
      machine.start();
    }
    say("faults are over");
  };
}
