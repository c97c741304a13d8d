/** One seed, one history: some machines, some errands, some faults, then peace; and what was wrong in the end. */
import { createSeededRandom } from "../support/seeded-random.ts";
import { createVirtualClock, settleMicrotasks } from "../support/virtual-clock.ts";
import { CAST } from "./cast.ts";
import { planFaults } from "./faults.ts";
import { type Breach, createJournal } from "./journal.ts";
import { createLedger } from "./ledger.ts";
import { createMachine, type Machine, type Sabotage } from "./machine.ts";
import { createOutside } from "./outside.ts";
import { createSimNetwork } from "./sim-network.ts";
import { isSettled, judge } from "./verdict.ts";
import { withoutRealTime } from "./without-real-time.ts";
import { createWorkload } from "./workload.ts";

/** Time within which everything must have settled once faults have stopped. */
const SETTLE_MS = 30 * 60_000;
/** How often it is looked whether it has. */
const LOOK_MS = 5_000;
/** How often a daemon dies at the moment in which a run of it has ended. */
const KILL_AT_END = 0.1;
/** How often inboxes are so small that they are full now and then. */
const SMALL_QUOTA = 0.3;
/** More events than any history needs: something goes round and round. */
const MAX_EVENTS = 20_000;

/** What to run. */
export interface HistoryOptions {
  readonly seed: number;
  readonly keepLines?: boolean;
  /** A planted bug. */
  readonly sabotage?: Sabotage;
}

/** What happened. */
export interface History {
  readonly seed: number;
  readonly digest: string;
  readonly events: number;
  /** Virtual time from the end of faults until everything had settled. */
  readonly settledMs: number;
  readonly breaches: readonly Breach[];
  readonly lines: readonly string[];
}

/** Runs the history of a seed. */
export const runHistory = (options: HistoryOptions): Promise<History> => withoutRealTime(() => play(options));

async function play({ seed, keepLines = false, sabotage = {} }: HistoryOptions): Promise<History> {
  const random = createSeededRandom(Math.imul(seed, 0x9e3779b1));
  const clock = createVirtualClock(undefined, settleMicrotasks);
  const startedAt = clock.now();
  const journal = createJournal({ sinceStart: () => clock.now() - startedAt, keepLines });
  const machines: Machine[] = [];
  const machineOf = (agentId: string): Machine => machines.find((machine) => machine.agentId === agentId) as Machine;
  const itemsPerSender = random.next() < SMALL_QUOTA ? 1 : 1_000;
  const ledger = createLedger({ journal, now: clock.now, machineOf, itemsPerSender });
  const network = createSimNetwork({ clock, random, ...ledger });
  const state = { settling: false, over: false };
  const onEnd = (name: string): void => {
    const machine = machines.find((one) => one.name === name);
    if (state.settling || random.next() > KILL_AT_END) return;
    machine?.crash("kill -9 as a run ended");
    clock.after(1 + Math.floor(random.next() * 1_000), () => machine?.start());
  };
  const outside = createOutside({ clock, random, journal, onEnd });

  const isPlaying = (agentId: string): boolean => machines.some((machine) => machine.agentId === agentId);
  const size = 2 + Math.floor(random.next() * 3);
  for (const player of CAST.players.slice(0, size))
    machines.push(createMachine({ clock, random, journal, network, outside, sabotage, itemsPerSender, isPlaying, ...ledger }, player));
  const spanMs = 20_000 + Math.floor(random.next() * 60_000);
  const workload = createWorkload(
    { clock, random, journal, ledger, machines, isSettling: () => state.settling, isOver: () => state.over },
    { errands: 3 + Math.floor(random.next() * 7), spanMs },
  );

  const isEndless = (): boolean => journal.events() > MAX_EVENTS;

  for (const machine of machines) machine.start();
  workload.begin();
  const endFaults = planFaults({ clock, random, journal, network, machines }, spanMs);
  for (let left = spanMs + LOOK_MS; left > 0 && !isEndless(); left -= LOOK_MS) await clock.advance(LOOK_MS);
  endFaults();
  state.settling = true;

  const calmAt = clock.now();
  const isDone = (): boolean => workload.isAnswered() && isSettled({ ledger, outside, machines });
  while (!isDone() && !isEndless() && clock.now() - calmAt < SETTLE_MS) await clock.advance(LOOK_MS);
  const settledMs = clock.now() - calmAt;
  if (!isDone()) journal.breach("everything settles", leftOver(machines, ledger.waiting()));
  if (isEndless()) journal.breach("nothing goes round without end", `${journal.events()} events`);
  state.over = true;
  await judge({ journal, ledger, outside, machines, errands: workload.errands });
  return { seed, digest: journal.digest(), events: journal.events(), settledMs, breaches: journal.breaches(), lines: journal.lines() };
}

const leftOver = (machines: readonly Machine[], waiting: number): string => {
  const down = machines.filter((machine) => !machine.isUp()).map(({ name }) => name);
  return `after ${SETTLE_MS / 60_000} minutes: ${waiting} messages wait, ${down.length === 0 ? "all machines are up" : `down: ${down.join(", ")}`}`;
};
