/** Resident memory of a daemon that does nothing, against a Node that does nothing. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchOrganisation, EVERYBODY } from "./bench-organisation.ts";

const MIB = 1_048_576;
/** What a bare Node does: tells its memory after a second of rest. */
const REST = "setTimeout(() => process.stdout.write(String(process.memoryUsage.rss())), 1000)";

/** Resident memory in MiB. */
export interface IdleMemory {
  /** Median of the members' daemons. */
  readonly daemonMiB: number;
  /** Connected peers of each daemon: its colleagues and the bootstrap node. */
  readonly peers: number;
  readonly bareNodeMiB: number;
  readonly ratio: number;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function bareNodeBytes(): Promise<number> {
  const child = spawn(process.execPath, ["-e", REST], { stdio: ["ignore", "pipe", "ignore"] });
  return Number(await text(child.stdout));
}

/** Lets the daemons rest and reads what they hold. @param restMs how long */
export async function measureIdleMemory(organisation: BenchOrganisation, restMs: number): Promise<IdleMemory> {
  await sleep(restMs);
  const daemons = await Promise.all(
    EVERYBODY.map(async (member) => {
      const daemon = await organisation.connect(member);
      try {
        return await daemon.call("daemon.status", {});
      } finally {
        daemon.close();
      }
    }),
  );
  const bytes = median(daemons.map(({ rssBytes }) => rssBytes));
  const bare = median([await bareNodeBytes(), await bareNodeBytes(), await bareNodeBytes()]);
  const peers = median(daemons.map(({ peersConnected }) => peersConnected));
  return { daemonMiB: bytes / MIB, peers, bareNodeMiB: bare / MIB, ratio: bytes / bare };
}
