/**
 * What a good peer notices while others misbehave: its requests' times under each attack, and while the same attack goes to another peer of this machine,
 * which takes as much of its processors and none of the good peer's service.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
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
  readonly undisturbed: Figures;
  /** Beside a process that only computes, which is what any attacker takes of a machine that it shares. */
  readonly besideLoad: Figures;
  readonly attacks: readonly {
    readonly attack: string;
    readonly times: Figures;
    /** While the same attack goes to another peer of this machine. */
    readonly elsewhere: Figures;
    /** Against the undisturbed ones. */
    readonly ratioP95: number;
    /** Against those while the attack goes elsewhere. */
    readonly ratioElsewhereP95: number;
    /** Requests that failed, of both. */
    readonly failed: number;
  }[];
}

const start = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, "mesh-hostile-process.ts"), ...args], { stdio: ["pipe", "pipe", "inherit"] });

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("The victim's process has no output.");
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error("The victim's process ended; what it said is above.");
  return first.value;
}

/** Measures `rounds` requests of a good peer: alone, beside a busy process, and under each attack. */
export async function measureHostile(rounds: number, say: (line: string) => void): Promise<HostileFigures> {
  const [victim, decoy] = [start(["victim", "victim"]), start(["victim", "decoy"])];
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
    const [address, decoyAddress] = [await firstLine(victim), await firstLine(decoy)];
    const { principal } = await good.node.dial(address);
    await measure(principal.agentId);
    say("A good peer alone …");
    const undisturbed = await measure(principal.agentId);
    const besideLoad = await beside(spawn(process.execPath, ["-e", "for(;;);"]), principal.agentId);
    const attacks: HostileFigures["attacks"][number][] = [];
    for (const [mode, attack] of Object.entries(ATTACKS) as [Attack, string][]) {
      failed = 0;
      say(`While ${attack}, elsewhere …`);
      const elsewhere = await beside(start(["attack", mode, decoyAddress]), principal.agentId);
      say(`While ${attack} …`);
      const times = await beside(start(["attack", mode, address]), principal.agentId);
      const [ratioP95, ratioElsewhereP95] = [times.p95 / undisturbed.p95, times.p95 / elsewhere.p95];
      attacks.push({ attack, times, elsewhere, ratioP95, ratioElsewhereP95, failed });
    }
    return { undisturbed, besideLoad, attacks };
  } finally {
    victim.kill();
    decoy.kill();
    await good.node.close();
  }
}
