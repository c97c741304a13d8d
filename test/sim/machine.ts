/** A machine of a history: a disk that stays, and daemons on it that come and die; each daemon is the real messaging over virtual ports. */
import type { MessagingDeps, MessagingMethod } from "../../mesh/agent/messaging/messaging-types.ts";
import type { DaemonParams, DaemonResult, Target } from "../../mesh/contract/daemon-api.ts";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../mesh/contract/limits.ts";
import type { Clock, Random, StoreOp } from "../../mesh/contract/ports.ts";
import type { RunnableTask, RunOutcome, TargetRoute } from "../../mesh/session/ports.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { type NodeOptions, startNode, type TestNode } from "../support/messaging-node.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { CAST, type Player, TRUST } from "./cast.ts";
import type { Journal } from "./journal.ts";
import type { Outside } from "./outside.ts";
import { createSimDisk } from "./sim-disk.ts";
import type { SimNetwork } from "./sim-network.ts";

/** Skills that run without a person, and whether they may be repeated unasked. */
export const SKILLS = { accruals: "safe", payroll: "ask" } as const;
/** A skill that no receiver's policy allows. */
export const FORBIDDEN_SKILL = "forbidden";

/** Messages in flight to one recipient. */
export const WINDOW = 2;

/** What planted bugs may change of a daemon. */
export interface Sabotage {
  readonly deps?: (deps: MessagingDeps, machine: { name: string }) => MessagingDeps;
  readonly node?: (node: TestNode) => TestNode;
  readonly disk?: "lies" | "hides failures";
  readonly keepsOrphans?: boolean;
  readonly skills?: NodeOptions["skills"];
  readonly random?: (random: Random) => Random;
  readonly quota?: NodeOptions["quota"];
}

/** What a machine needs. */
export interface MachineDeps {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly journal: Journal;
  readonly network: SimNetwork;
  readonly outside: Outside;
  readonly sabotage: Sabotage;
  /** Open items that one sender may have in an inbox. */
  readonly itemsPerSender: number;
  /** Whether an agent has a machine in this history. */
  isPlaying(agentId: string): boolean;
  /** Each batch that can't be lost any more. */
  onDurable(machine: Machine, ops: readonly StoreOp[]): void;
  /** Its daemon has died, and the disk holds what it will hold at the next start. */
  onCrash(machine: Machine): void;
}

/** One daemon from its start to its death. */
interface Life {
  alive: boolean;
  node?: TestNode;
  /** Rejects when the daemon dies: callers on its socket notice at once. */
  readonly death: Promise<never>;
  die(): void;
}

/** What a dead process waits for. */
const forever = <T>(): Promise<T> => Promise.withResolvers<T>().promise;

/** Errors that a daemon may meet under faults. */
const EXPECTED = new Set(["STORE_FAILED", "DISK_FULL"]);

function createLife(): Life {
  const { promise: death, reject } = Promise.withResolvers<never>();
  death.catch(() => undefined);
  const life: Life = {
    alive: true,
    death,
    die() {
      life.alive = false;
      reject(new GaggleError("DAEMON_UNREACHABLE", "The daemon has died."));
    },
  };
  return life;
}

/** Makes a machine that is switched off. */
export function createMachine(deps: MachineDeps, player: Player) {
  const { clock, random, journal, network, outside, sabotage } = deps;
  const { name, principal } = player;
  const { agentId } = principal;
  let life: Life | undefined;
  let offsetMs = 0;
  const disk = createSimDisk({ clock, random, onDurable: (ops) => deps.onDurable(machine, ops) });
  disk.faults.lies = sabotage.disk === "lies";

  /** The wall clock of this machine, and timers that die with their process. */
  const clockOf = (mine: Life): Clock => ({
    now: () => clock.now() + offsetMs,
    after: (ms, fn) => clock.after(ms, () => (mine.alive ? fn() : undefined)),
  });

  const networkOf = (mine: Life) => ({
    linkOf: () => ({
      request: (to: string, frame: Uint8Array, handOver?: () => Promise<void> | undefined) =>
        mine.alive
          ? network.linkOf(agentId).request(to, frame, () => handOver?.()?.then(() => (mine.alive ? undefined : forever<void>())))
          : forever<Uint8Array>(),
    }),
    attach: (_: string, handler: (frame: Uint8Array, from: string) => Promise<Uint8Array>) =>
      network.attach(agentId, {
        receive: (frame, from) => handler(frame, from),
        peerChanged: (type, other) => {
          if (type === "connected") mine.node?.messaging.peerConnected(other);
        },
      }),
    detach: () => undefined,
  });

  const diskOf = (mine: Life): MemoryStore => {
    const notHere = (): never => {
      throw new Error("crashes are the machine's");
    };
    const store = disk.open(() => {
      if (sabotage.disk === "hides failures") return;
      if (mine.alive) crash("its disk failed");
      restartWithin(5_000);
    });
    return { ...store, crash: notHere, failNextBatch: notHere };
  };

  /** Everybody else may do anything; who seems to be connected comes first. */
  const routeOf = (target: Target): TargetRoute => {
    const others = CAST.players
      .map((other) => other.principal)
      .filter((other) => other.agentId !== agentId && deps.isPlaying(other.agentId));
    const ranked = others
      .filter((other) => target.agentId === undefined || other.agentId === target.agentId)
      .map((other) => ({ principal: other, online: network.isConnected(agentId, other.agentId) }))
      .toSorted((a, b) => Number(b.online) - Number(a.online));
    const to = ranked[0]?.principal ?? principal;
    return { to, because: "it stands first", notChosen: [], ranked };
  };

  const optionsOf = (mine: Life): NodeOptions => ({
    skills: sabotage.skills ?? SKILLS,
    concurrency: 2,
    window: WINDOW,
    quota: sabotage.quota ?? { itemsPerSender: deps.itemsPerSender },
    trust: () => TRUST,
    allow: ({ action, resource }) => !(action === "task.receive" && resource === FORBIDDEN_SKILL),
    freeBytes: () => (disk.faults.full ? 0 : FREE_SPACE_FLOOR_BYTES),
    runner: outside.runnerOf(name, report),
    route: routeOf,
    alter: (made) => {
      const noted = { ...made, onError: (error: unknown) => noteError(mine, error) };
      return sabotage.deps?.(noted, { name }) ?? noted;
    },
  });

  /** Reports the end of a run to the daemon that is up then; a run that nobody hears of any more is killed by the next one. */
  const report = (task: RunnableTask, outcome: RunOutcome): boolean => {
    const mine = life;
    if (mine?.node === undefined) return false;
    mine.node.messaging.finishRun(task.taskId, task.attempt, outcome).then(
      (counted) => journal.note(name, `finished ${task.taskId}/${task.attempt} ${counted}`),
      (error: unknown) => noteError(mine, error),
    );
    return true;
  };

  const noteError = (mine: Life, error: unknown): void => {
    if (mine.alive && !EXPECTED.has(errorCode(error))) {
      const text = error instanceof Error ? `${errorCode(error)} ${error.message}` : String(error);
      journal.breach("no unexpected error", `${name}: ${text.slice(0, 200)}`);
    }
  };

  const boot = async (mine: Life): Promise<void> => {
    const world = { clock: clockOf(mine), random: sabotage.random?.(random) ?? random, org: CAST.org, members: CAST.players };
    const node = await startNode({ ...world, network: networkOf(mine) }, player, optionsOf(mine), diskOf(mine));
    if (!mine.alive) return;
    mine.node = sabotage.node?.(node) ?? node;
    journal.note(name, "up", () => "is up");
  };

  const start = (): void => {
    if (life !== undefined) return;
    const mine = createLife();
    life = mine;
    if (sabotage.keepsOrphans !== true) outside.killRuns(name);
    boot(mine).catch((error: unknown) => {
      noteError(mine, error);
      if (mine.alive) crash("it could not start");
      restartWithin(5_000);
    });
  };

  const restartWithin = (ms: number): void => void clock.after(1 + Math.floor(random.next() * ms), start);

  const crash = (why: string): void => {
    if (life === undefined) return;
    journal.note(name, `crash ${why}`, () => `dies: ${why}`);
    for (const error of life.node?.state.errors ?? []) noteError(life, error);
    const node = life.node;
    life.die();
    life = undefined;
    network.detach(agentId);
    disk.crash();
    deps.onCrash(machine);
    node?.messaging.stop();
    // A run is a process of its own and may live on for a while.
    outside.killRuns(name, random.next() * 0.5);
  };

  const machine = {
    name,
    player,
    agentId,
    disk,
    start,
    crash,
    isUp: () => life?.node !== undefined,
    /** The running daemon's parts. */
    node: () => life?.node,
    setClock(toMs: number) {
      offsetMs = toMs;
      journal.note(name, `clock ${toMs}`, () => `clock is off by ${Math.round(toMs / 1_000)} s`);
    },
    /** A call over the local socket. @throws GaggleError DAEMON_UNREACHABLE where there is no daemon, or it died before it answered */
    async call<M extends MessagingMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>> {
      if (life?.node === undefined) throw new GaggleError("DAEMON_UNREACHABLE", "No daemon is up.");
      return await Promise.race([life.node.call(method, params), life.death]);
    },
  };
  return machine;
}
/** A machine. */
export type Machine = ReturnType<typeof createMachine>;
