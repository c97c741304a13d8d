/**
 * Who may try to prove its membership: a look at the host before Noise, whose handshake takes the event loop some milliseconds. Each try takes a token of
 * its host, and proof gives it back, so whoever proves itself is never held up, and a flood of strangers costs a few handshakes a second. In front of
 * that stands a second bucket for all hosts from which nobody has proven itself lately. On the injected clock. Source: docs/decisions/0089-door.md
 */
import type { Clock } from "../contract/ports.ts";
import { DOOR_ALL, DOOR_HOST, DOOR_KNOWN_MS, MAX_DOOR_HOSTS } from "./protocols.ts";

/** Tries that may be under way unproven at once, and how many a second come back without proof. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  left: number;
  at: number;
}

interface Host extends Bucket {
  provenAt: number;
}

/** The door. */
export interface Door {
  /** Whether a connection that has just come from this host may go on to its handshake. */
  mayTry(host: string): boolean;
  /** A connection that came from this host has proven its membership. */
  proven(host: string): void;
}

/** An open door. */
export function createDoor({ clock }: { clock: Pick<Clock, "now"> }): Door {
  const hosts = new Map<string, Host>();
  const all: Bucket = { left: DOOR_ALL.burst, at: clock.now() };

  /** A clock that was set back fills nothing. */
  const refill = (bucket: Bucket, { burst, perSecond }: Rate, now: number): void => {
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) * perSecond) / 1_000);
    bucket.at = now;
  };

  /** Those that have all their tokens and proved nothing lately say no more than none. */
  const forget = (now: number): void => {
    for (const [name, host] of hosts) {
      refill(host, DOOR_HOST, now);
      if (host.left >= DOOR_HOST.burst && now - host.provenAt > DOOR_KNOWN_MS) hosts.delete(name);
    }
    const [oldest] = hosts.keys();
    if (hosts.size >= MAX_DOOR_HOSTS && oldest !== undefined) hosts.delete(oldest);
  };

  const hostOf = (name: string, now: number): Host => {
    const known = hosts.get(name);
    if (known !== undefined) return known;
    if (hosts.size >= MAX_DOOR_HOSTS) forget(now);
    const fresh = { left: DOOR_HOST.burst, at: now, provenAt: Number.NEGATIVE_INFINITY };
    hosts.set(name, fresh);
    return fresh;
  };

  const isKnown = ({ provenAt }: Host, now: number): boolean => Math.abs(now - provenAt) <= DOOR_KNOWN_MS;

  return {
    mayTry(name) {
      const now = clock.now();
      const host = hostOf(name, now);
      refill(host, DOOR_HOST, now);
      refill(all, DOOR_ALL, now);
      if (host.left < 1 || (!isKnown(host, now) && all.left < 1)) return false;
      host.left--;
      if (!isKnown(host, now)) all.left--;
      return true;
    },
    proven(name) {
      const now = clock.now();
      const host = hostOf(name, now);
      host.left = Math.min(DOOR_HOST.burst, host.left + 1);
      if (!isKnown(host, now)) all.left = Math.min(DOOR_ALL.burst, all.left + 1);
      host.provenAt = now;
    },
  };
}
