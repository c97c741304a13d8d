/** Counts refusals of strangers by source, reason and minute, so that nobody can fill the disk with audit events. Source: design, Trust, Audit. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Clock } from "../contract/ports.ts";

/** Length of one counting window. */
const WINDOW_MS = 60_000;
/** Most (source, reason) pairs counted in one window; the rest is counted together, since sources can be made up. */
const MAX_SOURCES = 64;
/** The same in the window after one that was full: a flood that lasts for days must not fill the disk either. */
const MAX_SOURCES_IN_FLOOD = 8;
/** Stands for every source beyond {@link MAX_SOURCES}. */
const OTHER_SOURCES = "others";

/** One refusal. Nothing in it is believed; it is bounded before it is written. */
export interface Refusal {
  /** Audit action: a connection, a message or a colleague's card was not taken. */
  readonly action: "peer.refuse" | "message.refuse" | "card.refuse" | "artifact.refuse";
  /** Who or where it came from: an agent id or an address. */
  readonly source: string;
  /** Error code of the refusal. */
  readonly code: string;
}

/** Counts refusals; each window's counts are recorded once, when it ends. */
export interface RefusalCounter {
  count(refusal: Refusal): void;
  /** Records what was counted so far; called when the daemon stops. */
  flush(): void;
}

/**
 * Makes a counter.
 * @param deps `record` writes the audit events of one window (the caller's commit queue); `actor` is this agent
 */
export function createRefusalCounter(deps: {
  clock: Clock;
  actor: AuditDraft["actor"];
  newTraceId(): string;
  record(drafts: readonly AuditDraft[]): void;
}): RefusalCounter {
  let counts = new Map<string, Refusal & { count: number }>();
  let cancelTimer: (() => void) | undefined;
  let maxSources = MAX_SOURCES;
  let isFull = false;

  const toDraft = ({ action, source, code, count }: Refusal & { count: number }): AuditDraft => ({
    actor: deps.actor,
    action,
    target: `source:${source}`,
    result: "denied",
    details: { code, count },
    traceId: deps.newTraceId(),
  });

  const flush = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    const drafts = [...counts.values()].map(toDraft);
    counts = new Map();
    maxSources = isFull ? MAX_SOURCES_IN_FLOOD : MAX_SOURCES;
    isFull = false;
    if (drafts.length > 0) deps.record(drafts);
  };

  return {
    flush,
    count({ action, source, code }) {
      const bounded = { action, source: source.slice(0, 200), code: code.slice(0, 40) };
      const own = `${action} ${bounded.code} ${bounded.source}`;
      const full = counts.size >= maxSources && !counts.has(own);
      isFull ||= full;
      const key = full ? `${action} ${bounded.code} ${OTHER_SOURCES}` : own;
      const entry = counts.get(key) ?? { ...bounded, source: full ? OTHER_SOURCES : bounded.source, count: 0 };
      entry.count++;
      counts.set(key, entry);
      cancelTimer ??= deps.clock.after(WINDOW_MS, flush);
    },
  };
}
