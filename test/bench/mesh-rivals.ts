/**
 * What a task over the mesh costs beside what others run: a raw libp2p echo, a request to a server of the A2A SDK that keeps tasks in memory, and NATS
 * JetStream with file storage. None of the others signs, authorises or audits a message, and none but ours waits for the disk.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { DaemonClient } from "../../mesh/client/connect-daemon.ts";
import type { BenchOrganisation } from "./bench-organisation.ts";
import { fetchPackages } from "./fetch-packages.ts";
import { type Figures, inTurn, type Measured, timed } from "./figures.ts";
import { NATS_PACKAGES, startJetStream } from "./jetstream.ts";
import { startRawEcho } from "./raw-echo.ts";
import { sendTask, watchEvents } from "./task-delivery.ts";

const BYTES = 1_024;
const A2A_PACKAGES = ["@a2a-js/sdk@1.3.0", "express@5.2.1"];

/** Names of what is measured. */
export const RIVALS = {
  echo: "raw libp2p echo",
  a2a: "A2A SDK over HTTP, task in memory",
  jetstream: "JetStream, published, consumed, acknowledged",
  stored: "in the other inbox",
  result: "result at the asker",
  across: "in another department's inbox, masked by the guard",
} as const;

/** Durations by name in milliseconds, and what could not be had. */
export interface RivalFigures {
  readonly figures: Readonly<Record<string, Figures>>;
  readonly missing: readonly string[];
}

/** One of the others. */
interface Rival {
  readonly measure: Measured;
  close(): Promise<void>;
}

async function startA2a(packages: string): Promise<Rival> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "a2a-process.ts"), packages], { stdio: ["pipe", "pipe", "inherit"] });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error("The A2A server did not start.");
  const headers = { "content-type": "application/json", "A2A-Version": "1.0" };
  const ask = async (): Promise<void> => {
    const message = {
      messageId: randomBytes(16).toString("hex"),
      role: "ROLE_USER",
      parts: [{ text: randomBytes(BYTES / 2).toString("hex") }],
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message } });
    const answer = await fetch(first.value, { method: "POST", headers, body });
    const text = await answer.text();
    if (!text.includes("TASK_STATE_COMPLETED")) throw new Error("The A2A server did not complete the task.");
  };
  return {
    measure: timed(RIVALS.a2a, ask),
    close: async () => void child.stdin.end(),
  };
}

async function startEcho(): Promise<Rival> {
  const raw = await startRawEcho();
  return { measure: timed(RIVALS.echo, () => raw.echo(new Uint8Array(randomBytes(BYTES)))), close: raw.close };
}

async function startBroker(packages: string, store: string): Promise<Rival> {
  const broker = await startJetStream(packages, store);
  return { measure: timed(RIVALS.jetstream, () => broker.deliver(new Uint8Array(randomBytes(BYTES)))), close: broker.close };
}

/** A task whose receiver gives its result at once, as a person's Goose would through the daemon's socket. */
async function completedTask(asker: DaemonClient, worker: DaemonClient): Promise<Measured> {
  const received = await watchEvents(worker);
  const { agentId } = await worker.call("policy.whoami", {});
  return async () => {
    const task = randomBytes(BYTES / 2).toString("hex");
    const idempotencyKey = randomBytes(16).toString("hex");
    const startedAt = performance.now();
    const { taskId } = await asker.call("task.send", { target: { agentId }, task, idempotencyKey });
    const complete = async (): Promise<void> => {
      await received.of("message.receive", taskId);
      await worker.call("inbox.complete", { taskId, result: task });
    };
    const ended = async (): Promise<void> => {
      for (;;) {
        const status = await asker.call("status.fetch", { id: taskId, waitMs: 10_000 });
        if (status.kind === "task" && status.state === "COMPLETED") return;
      }
    };
    await Promise.all([complete(), ended()]);
    return { [RIVALS.result]: performance.now() - startedAt };
  };
}

/** Measures all in turn; what can't be had is named and left out. @param folder on the disk where the daemons' stores lie too */
export async function measureRivals(
  organisation: BenchOrganisation,
  { folder, rounds }: { folder: string; rounds: number },
): Promise<RivalFigures> {
  const [fiona, pieter, marco] = await Promise.all((["fiona.berg", "pieter.jansen", "marco.diaz"] as const).map(organisation.connect));
  if (fiona === undefined || pieter === undefined || marco === undefined) throw new Error("A member's daemon is not there.");
  const missing: string[] = [];
  const rivals: Rival[] = [await startEcho()];
  const add = async (name: string, start: () => Promise<Rival>): Promise<void> => {
    try {
      rivals.push(await start());
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  try {
    await add(RIVALS.a2a, async () => startA2a(await fetchPackages("a2a", A2A_PACKAGES)));
    await add(RIVALS.jetstream, async () => startBroker(await fetchPackages("nats", NATS_PACKAGES), join(folder, "jetstream")));
    const across = await sendTask(fiona, marco);
    const masked: Measured = async () => ({ [RIVALS.across]: (await across())[RIVALS.stored] ?? Number.NaN });
    const things = [...rivals.map(({ measure }) => measure), await sendTask(fiona, pieter), await completedTask(fiona, pieter), masked];
    return { figures: await inTurn(things, { rounds, warmUp: Math.ceil(rounds / 5) }), missing };
  } finally {
    for (const daemon of [fiona, pieter, marco]) daemon.close();
    for (const rival of rivals) await rival.close();
  }
}
