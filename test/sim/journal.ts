/** What happened in a history, as one hash over everything, and as lines for a person where they are wanted. */
import { createHash } from "node:crypto";

/** The journal of a history. */
export interface Journal {
  /** Adds an event to the hash. `line` is written only where lines are kept. */
  note(who: string, what: string, line?: () => string): void;
  /** Something that must not be. */
  breach(rule: string, detail: string): void;
  /** Rules that were broken, each once per detail, in order. */
  breaches(): readonly Breach[];
  events(): number;
  /** SHA-256 over all events so far. */
  digest(): string;
  lines(): readonly string[];
}

/** A broken rule. */
export interface Breach {
  readonly rule: string;
  readonly detail: string;
}

/** Makes an empty journal. `sinceStart`: virtual milliseconds since the history began. */
export function createJournal(config: { sinceStart: () => number; keepLines: boolean }): Journal {
  const hash = createHash("sha256");
  const found: Breach[] = [];
  const lines: string[] = [];
  let count = 0;

  const write = (who: string, text: string): void => {
    const at = (config.sinceStart() / 1_000).toFixed(3).padStart(9);
    lines.push(`${at} s  ${who.padEnd(6)} ${text}`);
  };

  return {
    note(who, what, line) {
      count++;
      hash.update(`${config.sinceStart()} ${who} ${what}\n`);
      if (config.keepLines && line !== undefined) write(who, line());
    },
    breach(rule, detail) {
      if (found.some((other) => other.rule === rule && other.detail === detail)) return;
      found.push({ rule, detail });
      hash.update(`breach ${rule} ${detail}\n`);
      if (config.keepLines) write("BREACH", `${rule}: ${detail}`);
    },
    breaches: () => found,
    events: () => count,
    digest: () => hash.copy().digest("hex"),
    lines: () => lines,
  };
}
