/**
 * One chaos run: real daemons that send each other tasks over real libp2p while they are killed, frozen and cut off, their clocks jump and their disks
 * fill up; then peace, and the verdict from their own stores. Faults are drawn from the seed; what they meet is up to the machine.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleDaemon } from "./bundle-daemon.ts";
import { createDaemonCaller, type DaemonCaller } from "./daemon-caller.ts";
import { type DaemonWorld, foundWorld, INSTALL_DIR } from "../support/daemon-world.ts";
import { killAndWait, seen, type SeenProcess, signalSeen } from "../support/home-processes.ts";
import { until } from "../support/until.ts";
import { createSeededRandom, type SeededRandom } from "../support/seeded-random.ts";
import { type ChaosProxy, startChaosProxy } from "./chaos-proxy.ts";
import { judgeChaos } from "./judge-chaos.ts";

/** What to run. */
export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly agents: number;
  readonly tasks: number;
  /** Longest time that daemons have to settle once faults are over. */
  readonly settleSeconds: number;
  readonly say: (line: string) => void;
}

/** What was sent, as its sender knows it. */
export interface Sent {
  readonly key: string;
  readonly from: string;
  /** The id that the daemon gave: from then on the task is accepted. */
  taskId?: string;
}

/** What came of it. */
export interface ChaosVerdict {
  readonly held: boolean;
  readonly line: string;
  readonly problems: readonly string[];
}

/** Calls in flight at one sender. */
const SENDERS = 8;

const POLICY = `@id("chaos-work")
permit (principal in Role::"marketing", action in Action::"task", resource)
when { context.target in Role::"marketing" };
`;

/** Adds the run's people to the organisation. All are of one department, so no text is masked: the guard is tested elsewhere. */
function preparePeople(profiles: string, people: readonly string[]): void {
  writeFileSync(join(profiles, "policies", "chaos.cedar"), POLICY);
  const rows = people.map(
    (id) => `  - { id: ${id}, title: Tester, role: marketing, department: marketing, manager: marco.diaz, locale: en-US }\n`,
  );
  appendFileSync(join(profiles, "organisation.yaml"), rows.join(""));
}

/** One agent of the run: its daemon, whatever process that is now. */
interface Target {
  readonly name: string;
  readonly caller: DaemonCaller;
  daemon(): SeenProcess | undefined;
  start(): Promise<void>;
  control(change: { offsetMs?: number; full?: boolean }): void;
  /** Nobody starts it while it is meant to be down. */
  isDown: boolean;
}

const pick = <T>(random: SeededRandom, of: readonly T[]): T => of[Math.floor(random.next() * of.length)] as T;

/** One fault: begins it and says what it is; the function that it returns ends it. */
async function fault(
  random: SeededRandom,
  targets: readonly Target[],
  proxy: ChaosProxy,
): Promise<{ what: string; end: () => Promise<void> | void }> {
  const target = pick(random, targets.filter(({ isDown }) => !isDown).length > 0 ? targets.filter(({ isDown }) => !isDown) : targets);
  const other = pick(
    random,
    targets.filter((one) => one !== target),
  );
  const { name } = target;
  switch (pick(random, ["kill", "kill", "kill", "freeze", "partition", "half", "cut", "cut", "delay", "clock", "full"] as const)) {
    case "kill": {
      target.isDown = true;
      const daemon = target.daemon();
      if (daemon !== undefined) await killAndWait(daemon);
      return { what: `kill -9 ${name}`, end: () => target.start() };
    }
    case "freeze": {
      const daemon = target.daemon();
      if (daemon !== undefined) signalSeen(daemon, "SIGSTOP");
      return { what: `SIGSTOP ${name}`, end: () => thaw(daemon) };
    }
    case "partition":
      proxy.blackhole(name, other.name);
      proxy.blackhole(other.name, name);
      return {
        what: `partition ${name} ${other.name}`,
        end: () => [proxy.heal(name, other.name), proxy.heal(other.name, name), proxy.cut(name, other.name)].at(-1),
      };
    case "half":
      proxy.blackhole(name, other.name);
      return { what: `half-open ${name} ${other.name}`, end: () => proxy.heal(name, other.name) };
    case "cut":
      proxy.cut(name, other.name);
      return { what: `cut ${name} ${other.name}`, end: () => undefined };
    case "delay":
      proxy.delay(Math.floor(random.next() * 150));
      return { what: "delay", end: () => proxy.delay(0) };
    case "clock":
      target.control({ offsetMs: Math.round((random.next() - 0.5) * 1_200_000) });
      return { what: `clock of ${name}`, end: () => target.control({ offsetMs: 0 }) };
    case "full":
      target.control({ full: true });
      return { what: `full disk of ${name}`, end: () => target.control({ full: false }) };
  }
}

/** It may have been killed while it was frozen. */
const thaw = (daemon: SeenProcess | undefined): void => daemon && signalSeen(daemon, "SIGCONT");

/** Starts everything, lets it go wrong, and judges. */
export async function runChaos(options: ChaosOptions): Promise<ChaosVerdict> {
  const { seed, seconds, agents, tasks, say } = options;
  const random = createSeededRandom(seed);
  const people = Array.from({ length: agents }, (_, i) => `chaos.agent${i + 1}`);
  const ports = new Map<number, string>();
  const proxy = await startChaosProxy(() => ports);
  const program = await bundleDaemon(INSTALL_DIR);
  let folder = "";
  const files = (name: string) => ({ control: join(folder, `${name}.json`), outside: join(folder, "outside") });
  const world = await foundWorld({
    people: Object.fromEntries(people.map((name) => [name, "marketing"])),
    prepare: (profiles) => preparePeople(profiles, people),
    daemon: (name) => ({
      args: [program, "agent"],
      env: {
        CHAOS_INSTALL: INSTALL_DIR,
        CHAOS_NAME: name,
        CHAOS_PROXY: String(proxy.port),
        CHAOS_CONTROL: files(name).control,
        CHAOS_OUTSIDE: files(name).outside,
        GAGGLE_LOG: "warn",
      },
    }),
  });
  folder = join(world.dir, "chaos");
  mkdirSync(files("").outside, { recursive: true });
  const targets = people.map((name) => createTarget(world, name, files(name).control, ports));
  try {
    await Promise.all(targets.map((target) => target.start()));
    await world.meet(people);
    const sent = await play({ options, random, targets, proxy });
    say("faults are over; waiting until all is settled");
    const unsettled = await settle(targets, sent, options);
    const problems = [...unsettled, ...(await judgeChaos({ world, people, sent, outside: files("").outside }))];
    const accepted = sent.filter(({ taskId }) => taskId !== undefined).length;
    const what = `${accepted} of ${tasks} tasks accepted, ${agents} agents, ${seconds} s of faults, seed ${seed}`;
    const held = problems.length === 0 && accepted > 0;
    return { held, problems, line: held ? `chaos: held, ${what}` : `chaos: BROKEN, ${problems.length} problems, ${what}` };
  } catch (error) {
    for (const name of people) say(`${name}: ${readFileSync(join(world.dir, `${name}.log`), "utf8").slice(-2_000)}`);
    throw error;
  } finally {
    for (const { caller } of targets) caller.close();
    for (const target of targets) thaw(target.daemon());
    await world.close();
    proxy.close();
    rmSync(dirname(program), { recursive: true, force: true });
  }
}

function createTarget(world: DaemonWorld, name: string, controlFile: string, ports: Map<number, string>): Target {
  const agent = world.agent(name);
  const state = { offsetMs: 0, full: false };
  const target: Target = {
    name,
    isDown: true,
    caller: createDaemonCaller(agent.home),
    daemon() {
      const [pid] = agent.daemonPids();
      return pid === undefined ? undefined : seen(pid);
    },
    async start() {
      // It may be frozen or killed again while it starts, or the machine may be slow.
      await insist(async () => {
        if (agent.daemonPids().length === 0) await agent.start();
        const { listening } = await until(`${name} answers`, () => agent.call("daemon.status", {}));
        for (const address of listening) ports.set(Number(address.split("/")[4]), name);
      });
      target.isDown = false;
    },
    control(change) {
      writeFileSync(controlFile, JSON.stringify(Object.assign(state, change)));
    },
  };
  return target;
}

/** Tries a few times; the last failure is thrown. */
async function insist(work: () => Promise<void>, tries = 8): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (tries <= 1) throw error;
    await insist(work, tries - 1);
  }
}

interface Play {
  readonly options: ChaosOptions;
  readonly random: SeededRandom;
  readonly targets: readonly Target[];
  readonly proxy: ChaosProxy;
}

/** Sends all tasks while faults come and go. */
async function play({ options, random, targets, proxy }: Play): Promise<Sent[]> {
  const sent: Sent[] = [];
  const began = performance.now();
  const endsAt = began + options.seconds * 1_000;
  const state = { next: 0, faults: 0, last: "none" };
  const isOver = (): boolean => performance.now() > endsAt;
  const sendRandom = createSeededRandom(options.seed + 1);

  const sender = async (from: Target): Promise<void> => {
    while (state.next < options.tasks && !isOver()) {
      const index = state.next++;
      const to = pick(
        sendRandom,
        targets.filter((one) => one !== from),
      );
      const one: Sent = { key: `task-${index}`, from: from.name };
      sent.push(one);
      const context = { steps: 1 + Math.floor(sendRandom.next() * 2), stepMs: Math.floor(sendRandom.next() * 20) };
      const priority = pick(sendRandom, ["P0", "P1", "P2", "P3"] as const);
      const request = {
        target: { agentId: to.caller.agentId(), skill: "accruals" },
        task: one.key,
        context,
        priority,
        idempotencyKey: one.key,
      };
      const taskId = await from.caller.sendTask(request, isOver);
      if (taskId !== undefined) one.taskId = taskId;
      if (taskId !== undefined && sendRandom.next() < 0.05) void from.caller.cancel(taskId);
      // Spread over the whole time, so that faults meet work.
      const ahead = (index / options.tasks) * options.seconds * 900 - (performance.now() - began);
      if (ahead > 0) await sleep(ahead);
    }
  };

  const faults = async (): Promise<void> => {
    const open = new Set<Promise<void>>();
    const failures: unknown[] = [];
    while (!isOver()) {
      const { what, end } = await fault(random, targets, proxy);
      state.faults++;
      state.last = what;
      const ending: Promise<void> = sleep(300 + random.next() * 3_500)
        .then(end)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => open.delete(ending));
      open.add(ending);
      await sleep(200 + random.next() * 1_200);
    }
    await Promise.all(open);
    if (failures.length > 0) throw failures[0];
  };

  const progress = setInterval(() => {
    const accepted = sent.filter(({ taskId }) => taskId !== undefined).length;
    const left = Math.max(0, Math.round((endsAt - performance.now()) / 1_000));
    options.say(`${left} s left, ${accepted} of ${options.tasks} accepted, ${state.faults} faults, last: ${state.last}`);
  }, 1_000);
  try {
    for (const target of targets) await target.caller.learn();
    await Promise.all([faults(), ...targets.flatMap((target) => Array.from({ length: SENDERS }, () => sender(target)))]);
  } finally {
    clearInterval(progress);
    proxy.calm();
    for (const target of targets) target.control({ offsetMs: 0, full: false });
  }
  for (const target of targets) if (target.daemon() === undefined) await target.start();
  return sent;
}

/** Waits until no daemon has anything left to send or to run. @returns what is still open after the given time */
async function settle(targets: readonly Target[], sent: readonly Sent[], { settleSeconds, say }: ChaosOptions): Promise<string[]> {
  const deadline = performance.now() + settleSeconds * 1_000;
  let open: string[] = [];
  while (performance.now() < deadline) {
    open = [];
    for (const { name, caller } of targets) {
      const left = await caller.openWork(sent.filter((one) => one.from === name));
      if (left > 0) open.push(`${name} has ${left} tasks or messages open`);
    }
    if (open.length === 0) return [];
    say(`settling: ${open.join(", ")}`);
    await sleep(1_000);
  }
  return open;
}
