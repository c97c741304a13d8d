/** How long a 1 KB task takes from `task.send` until the other inbox has it on the disk, against the network and the disk alone. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Level } from "level";
import type { DaemonClient } from "../../mesh/client/connect-daemon.ts";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { BenchOrganisation } from "./bench-organisation.ts";
import { type Figures, inTurn, type Measured, ratioOf } from "./figures.ts";
import { startRawEcho } from "./raw-echo.ts";

const BYTES = 1_024;
/** No event came in this time: something is broken. */
const LOST_MS = 30_000;

/** Durations by name, and what they are of the base: raw echo and two sync writes. */
export interface TaskDelivery {
  readonly figures: Readonly<Record<string, Figures>>;
  /** Until the receiver has it on the disk. */
  readonly ratioInOtherInbox: number;
  /** Until the sender has recorded the receipt, so that its delivery is `stored`. */
  readonly ratioReceiptRecorded: number;
}

/** When the daemon's events came, by action and reference. */
interface EventTimes {
  of(action: string, ref: string): Promise<number>;
}

/** Listens to a daemon's audit events, which it sends once they are on its disk. */
export async function watchEvents(daemon: DaemonClient): Promise<EventTimes> {
  const came = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  daemon.onEvent((_name, params) => {
    const { action, details } = params as AuditEvent;
    const key = `${action} ${String(details["ref"])}`;
    const at = performance.now();
    const wake = waiting.get(key);
    if (wake === undefined) came.set(key, at);
    else wake(at);
  });
  await daemon.call("events.subscribe", {});
  return {
    of(action, ref) {
      const key = `${action} ${ref}`;
      const at = came.get(key);
      came.clear();
      if (at !== undefined) return Promise.resolve(at);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const lost = setTimeout(() => reject(new Error(`No event ${action} came within ${LOST_MS} ms.`)), LOST_MS);
      waiting.set(key, (when) => {
        clearTimeout(lost);
        waiting.delete(key);
        resolve(when);
      });
      return promise;
    },
  };
}

/** Sends one task and waits for both ends. The clock is this process's own for all three times. */
export async function sendTask(sender: DaemonClient, receiver: DaemonClient): Promise<Measured> {
  const [sent, received] = [await watchEvents(sender), await watchEvents(receiver)];
  const { agentId } = await receiver.call("policy.whoami", {});
  return async () => {
    const task = randomBytes(BYTES / 2).toString("hex");
    const idempotencyKey = randomBytes(16).toString("hex");
    const startedAt = performance.now();
    const { taskId } = await sender.call("task.send", { target: { agentId }, task, idempotencyKey });
    const answeredAt = performance.now();
    const [storedAt, deliveredAt] = await Promise.all([received.of("message.receive", taskId), sent.of("message.deliver", taskId)]);
    const status = await sender.call("status.fetch", { id: taskId });
    if (status.kind !== "task" || status.delivery !== "stored") throw new Error("The receipt's event came, and the task is not stored.");
    return {
      "task id returned": answeredAt - startedAt,
      "in the other inbox": storedAt - startedAt,
      "receipt recorded": deliveredAt - startedAt,
    };
  };
}

/** The base: one echo of the same size on an open stream, and two writes that wait for the disk. */
function rawParts(echo: (payload: Uint8Array) => Promise<void>, level: Level<string, string>): Measured {
  let key = 0;
  return async () => {
    const payload = new Uint8Array(randomBytes(BYTES));
    const value = randomBytes(BYTES / 2).toString("hex");
    const startedAt = performance.now();
    await echo(payload);
    const echoedAt = performance.now();
    await level.put(String(key++), value, { sync: true });
    await level.put(String(key++), value, { sync: true });
    const endedAt = performance.now();
    return { "raw echo": echoedAt - startedAt, "sync write": (endedAt - echoedAt) / 2, "echo + 2 sync writes": endedAt - startedAt };
  };
}

/** Measures both in turn. @param folder on the disk where the daemons' stores lie too */
export async function measureTaskDelivery(
  organisation: BenchOrganisation,
  { folder, rounds }: { folder: string; rounds: number },
): Promise<TaskDelivery> {
  const [fiona, pieter] = [await organisation.connect("fiona.berg"), await organisation.connect("pieter.jansen")];
  const raw = await startRawEcho();
  const level = new Level<string, string>(join(folder, "raw-store"));
  try {
    const figures = await inTurn([rawParts(raw.echo, level), await sendTask(fiona, pieter)], { rounds, warmUp: Math.ceil(rounds / 5) });
    return {
      figures,
      ratioInOtherInbox: ratioOf(figures, "in the other inbox", "echo + 2 sync writes"),
      ratioReceiptRecorded: ratioOf(figures, "receipt recorded", "echo + 2 sync writes"),
    };
  } finally {
    fiona.close();
    pieter.close();
    await Promise.all([raw.close(), level.close()]);
  }
}
