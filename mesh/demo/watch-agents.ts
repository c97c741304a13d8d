/** Follows the audit events of the demo's agents, also across their restarts: nothing is missed and nothing comes twice. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectDaemon } from "../client/connect-daemon.ts";
import { type AuditEvent, auditEvent } from "../contract/audit.ts";

/** A watcher of several daemons. */
export interface AgentWatch {
  /** Resolves once every event that the agents have recorded by now was told, or the time is over. */
  caughtUp(timeoutMs: number): Promise<void>;
  stop(): void;
}

const RETRY_MS = 200;

/**
 * Watches the daemons of the given homes from now on.
 * @param onEvent gets each event of an agent once, in the order of its chain
 */
export function watchAgents(
  agents: readonly { subject: string; home: string; fromSeq: number }[],
  onEvent: (subject: string, event: AuditEvent) => void,
): AgentWatch {
  let stopped = false;
  const closers = new Set<() => void>();

  const follow = async (subject: string, home: string, state: { next: number }): Promise<void> => {
    const daemon = await connectDaemon({ home, program: "demo", timeoutMs: 1_000, reconnectMs: 1_000 });
    const gone = new Promise<void>((resolve) => {
      daemon.onDisconnect(resolve);
      closers.add(resolve);
    });
    daemon.onEvent((name, params) => {
      const event = name === "audit.event" ? auditEvent.safeParse(params) : undefined;
      if (event?.success !== true || event.data.seq < state.next) return;
      state.next = event.data.seq + 1;
      onEvent(subject, event.data);
    });
    try {
      await daemon.call("events.subscribe", { fromSeq: state.next });
      await gone;
    } finally {
      daemon.close();
    }
  };

  const keepFollowing = async (subject: string, home: string, state: { next: number }): Promise<void> => {
    while (!stopped) {
      // A daemon that is down is the supervisor's to bring back; the watch only waits for it.
      await follow(subject, home, state).catch(() => undefined);
      if (!stopped) await sleep(RETRY_MS);
    }
  };

  const followed = agents.map(({ subject, home, fromSeq }) => ({ subject, home, state: { next: fromSeq } }));
  for (const { subject, home, state } of followed) void keepFollowing(subject, home, state);

  const catchUp = async (home: string, state: { next: number }, deadline: number): Promise<void> => {
    let head = Number.POSITIVE_INFINITY;
    while (!stopped && state.next <= head && performance.now() < deadline) {
      if (head === Number.POSITIVE_INFINITY) head = await headOf(home).catch(() => head);
      else await sleep(RETRY_MS / 10);
    }
  };

  return {
    async caughtUp(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      await Promise.all(followed.map(({ home, state }) => catchUp(home, state, deadline)));
    },
    stop() {
      stopped = true;
      for (const close of closers) close();
    },
  };
}

/** Number of the last event in an agent's chain. @throws GaggleError DAEMON_UNREACHABLE */
export async function headOf(home: string): Promise<number> {
  const daemon = await connectDaemon({ home, program: "demo", timeoutMs: 5_000 });
  try {
    return (await daemon.call("daemon.status", {})).audit.seq;
  } finally {
    daemon.close();
  }
}
