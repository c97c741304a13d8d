/**
 * What a good peer notices while others misbehave: its requests' times alone and under each attack. The good peer and the victim share one processor of
 * this machine and the attacker has the others to itself, as it would have a machine of its own.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createTestOrganisation, startTestPeer } from "../support/peer-world.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { type Attack, ATTACKS, GOOD_FIRST_BYTE, HOSTILE_ORG } from "./mesh-hostile-process.ts";

const BYTES = 1_024;
const BEGIN_MS = 1_000;
/** Pause between two requests: a peer that works, not one that floods too. */
const PAUSE_MS = 2;

/** Times of a good peer's requests in milliseconds. */
export interface HostileFigures {
  /** Whether the attacker had processors of its own: on Linux with two or more. */
  readonly apart: boolean;
  /** While a process only computes on the attacker's processors, which is what any work there costs here. */
  readonly besideLoad: Figures;
  readonly attacks: readonly {
    readonly attack: string;
    /** Right before it. */
    readonly undisturbed: Figures;
    readonly times: Figures;
    /** Against the undisturbed ones. */
    readonly ratioP95: number;
    readonly failed: number;
  }[];
}

/** Processors by number, as taskset(1) takes them: one for the good peer and the victim, the others for the attacker. */
const LAST = availableParallelism() - 1;
const [OURS, THEIRS, ALL] = ["0", `1-${LAST}`, `0-${LAST}`];

/** Moves this process, with what it starts from now on. @returns whether this machine can */
function moveTo(processors: string): boolean {
  if (LAST === 0) return false;
  try {
    execFileSync("taskset", ["-a", "-c", "-p", processors, String(process.pid)], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Starts a Node program where the attacker is. */
const startThere = (apart: boolean, args: readonly string[]): ChildProcess => {
  const [program = "", ...all] = [...(apart ? ["taskset", "-c", THEIRS] : []), process.execPath, ...args];
  return spawn(program, all, { stdio: ["pipe", "ignore", "inherit"] });
};

const PROGRAM = join(import.meta.dirname, "mesh-hostile-process.ts");

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("The victim's process has no output.");
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error("The victim's process ended; what it said is above.");
  return first.value;
}

/** Measures `rounds` requests of a good peer: alone, beside a busy process, and under each attack. */
export async function measureHostile(rounds: number, say: (line: string) => void): Promise<HostileFigures> {
  const apart = moveTo(OURS);
  const victim = spawn(process.execPath, [PROGRAM, "victim"], { stdio: ["pipe", "pipe", "inherit"] });
  const organisation = createTestOrganisation(HOSTILE_ORG);
  const good = await startTestPeer(organisation, organisation.member("good"));
  let failed = 0;
  const measure = async (victimId: string): Promise<Figures> => {
    const times: number[] = [];
    failed = 0;
    for (let i = 0; i < rounds; i++) {
      const startedAt = performance.now();
      await good.node.request(victimId, Uint8Array.of(GOOD_FIRST_BYTE, ...randomBytes(BYTES - 1))).catch(() => failed++);
      times.push(performance.now() - startedAt);
      await sleep(PAUSE_MS);
    }
    return figuresOf(times);
  };
  const beside = async (child: ChildProcess, victimId: string): Promise<Figures> => {
    try {
      await sleep(BEGIN_MS);
      return await measure(victimId);
    } finally {
      child.kill("SIGKILL");
    }
  };
  try {
    const address = await firstLine(victim);
    const { principal } = await good.node.dial(address);
    await measure(principal.agentId);
    say("Beside a process that only computes …");
    const besideLoad = await beside(startThere(apart, ["-e", "for(;;);"]), principal.agentId);
    const attacks: HostileFigures["attacks"][number][] = [];
    for (const [mode, attack] of Object.entries(ATTACKS) as [Attack, string][]) {
      const undisturbed = await measure(principal.agentId);
      say(`While ${attack} …`);
      const times = await beside(startThere(apart, [PROGRAM, "attack", mode, address]), principal.agentId);
      attacks.push({ attack, undisturbed, times, ratioP95: times.p95 / undisturbed.p95, failed });
    }
    return { apart, besideLoad, attacks };
  } finally {
    victim.kill();
    await good.node.close();
    if (apart) moveTo(ALL);
  }
}
