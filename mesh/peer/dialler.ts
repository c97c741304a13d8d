/** Keeps known agents connected: dials at once, backs off with jitter, redials what was lost. On the injected clock. */
import { GaggleError } from "../contract/errors.ts";
import { RETRY_MAX_MS, RETRY_MIN_MS } from "../contract/limits.ts";
import type { Clock, Random } from "../contract/ports.ts";
import { MAX_KNOWN_PEERS, MAX_LAN_ADDRESSES, MAX_LAN_CANDIDATES, YIELD_DIAL_MS } from "./protocols.ts";

/** How an agent became known. What came over the LAN is unproven and dropped when it can't be reached. */
export type Origin = "configured" | "member" | "book" | "lan";

/** Tries of a LAN candidate that has never proven itself. */
const LAN_TRIES = 5;

/** What the dialler needs. */
export interface DiallerDeps {
  readonly ownId: string;
  /** Dials one agent and resolves after hello; throws why it did not work. */
  connect(agentId: string, addresses: readonly string[]): Promise<void>;
  isConnected(agentId: string): boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** Keeps known agents connected. */
export interface Dialler {
  /**
   * Takes an agent's addresses and dials it where it is not connected. Addresses of a configured agent are kept besides learned ones.
   * @returns whether one of the addresses is news
   */
  learn(agentId: string, addresses: readonly string[], origin: Origin): boolean;
  /**
   * Dials now and resolves when the agent is connected.
   * @throws GaggleError PEER_UNREACHABLE where no address is known or none answers; the code of a refusal
   */
  reach(agentId: string): Promise<void>;
  /** The agent has proven itself. */
  onConnected(agentId: string): void;
  /** The agent's last connection has ended. */
  onLost(agentId: string): void;
  /** Dials everything that is not connected now, also what was refused before. */
  retryAll(): void;
  /** Where an agent may be, in the order in which it is tried. */
  addressesOf(agentId: string): string[];
  /** Dials the agent no more. */
  forget(agentId: string): void;
  close(): void;
}

interface Target {
  readonly agentId: string;
  readonly fixed: readonly string[];
  addresses: readonly string[];
  lan: readonly string[];
  origin: Origin;
  failures: number;
  lastFailureAt: number;
  lastError: unknown;
  cancelTimer: () => void;
  dialling: Promise<void> | undefined;
}

/** Error codes after which only a change of bundles or credentials helps. */
const isRefusal = (error: unknown): boolean =>
  error instanceof GaggleError && error.code !== "PEER_UNREACHABLE" && error.code !== "TIMEOUT" && error.code !== "BUSY";

/** In the order in which they are tried. */
const addressesOf = ({ addresses, fixed, lan }: Target): string[] => [...new Set([...addresses, ...fixed, ...lan])];

/** A dialler without targets. */
export function createDialler(deps: DiallerDeps): Dialler {
  const targets = new Map<string, Target>();
  let closed = false;

  const unit = (): number => Buffer.from(deps.random.bytes(4)).readUInt32BE(0) / 2 ** 32;

  function schedule(target: Target, delayMs: number): void {
    target.cancelTimer();
    if (closed || deps.isConnected(target.agentId)) return;
    target.cancelTimer = deps.clock.after(delayMs, () => void dial(target).catch(() => undefined));
  }

  function backoffMs(target: Target): number {
    const doubled = isRefusal(target.lastError) ? RETRY_MAX_MS : RETRY_MIN_MS * 2 ** Math.min(target.failures, 20);
    return Math.min(doubled, RETRY_MAX_MS) * (0.5 + unit() / 2);
  }

  function onFailure(target: Target, error: unknown): void {
    target.failures++;
    target.lastError = error;
    target.lastFailureAt = deps.clock.now();
    if (target.origin === "lan" && target.failures >= LAN_TRIES) targets.delete(target.agentId);
    else if (targets.get(target.agentId) === target) schedule(target, backoffMs(target));
  }

  /** One dial at a time per target; all who wait share its outcome. */
  function dial(target: Target): Promise<void> {
    target.cancelTimer();
    if (closed || deps.isConnected(target.agentId)) return Promise.resolve();
    target.dialling ??= deps.connect(target.agentId, addressesOf(target)).then(
      () => {
        target.dialling = undefined;
      },
      (error: unknown) => {
        target.dialling = undefined;
        // The other side's dial may have won meanwhile.
        if (deps.isConnected(target.agentId)) return;
        onFailure(target, error);
        throw error;
      },
    );
    return target.dialling;
  }

  /** The agent with the lower id dials first, so that two that learn of each other don't dial at once. */
  const firstDelayMs = (agentId: string, origin: Origin): number =>
    origin === "configured" || deps.ownId < agentId ? 0 : YIELD_DIAL_MS * (1 + unit());

  function isFull(origin: Origin): boolean {
    const lan = [...targets.values()].filter((target) => target.origin === "lan").length;
    return targets.size >= MAX_KNOWN_PEERS || (origin === "lan" && lan >= MAX_LAN_CANDIDATES);
  }

  function add(agentId: string, addresses: readonly string[], origin: Origin): void {
    if (isFull(origin)) return;
    const lan = origin === "lan";
    const target: Target = {
      agentId,
      fixed: origin === "configured" ? addresses : [],
      addresses: lan ? [] : addresses,
      lan: lan ? addresses.slice(0, MAX_LAN_ADDRESSES) : [],
      origin,
      failures: 0,
      lastFailureAt: 0,
      lastError: undefined,
      cancelTimer: () => undefined,
      dialling: undefined,
    };
    targets.set(agentId, target);
    schedule(target, firstDelayMs(agentId, origin));
  }

  function update(target: Target, addresses: readonly string[], origin: Origin): boolean {
    const news = addresses.some((address) => !addressesOf(target).includes(address));
    // The LAN is unauthenticated: its addresses come last and replace only its own.
    if (origin === "lan") target.lan = addresses.slice(0, MAX_LAN_ADDRESSES);
    else target.addresses = addresses;
    if (origin === "member" && target.origin !== "configured") target.origin = "member";
    if (!news || deps.isConnected(target.agentId)) return news;
    target.failures = 0;
    schedule(target, firstDelayMs(target.agentId, origin));
    return true;
  }

  return {
    learn(agentId, addresses, origin) {
      if (closed || agentId === deps.ownId || addresses.length === 0) return false;
      const target = targets.get(agentId);
      if (target !== undefined) return update(target, addresses, origin);
      add(agentId, addresses, origin);
      return true;
    },
    async reach(agentId) {
      if (deps.isConnected(agentId)) return;
      const target = targets.get(agentId);
      if (target === undefined) {
        throw new GaggleError("PEER_UNREACHABLE", "No address of the peer is known yet; it is found when it comes online.");
      }
      const justFailed = target.failures > 0 && deps.clock.now() - target.lastFailureAt < RETRY_MIN_MS;
      if (justFailed && target.dialling === undefined) throw target.lastError;
      await dial(target);
    },
    onConnected(agentId) {
      const target = targets.get(agentId);
      if (target === undefined) return;
      target.cancelTimer();
      target.failures = 0;
      target.lastError = undefined;
      if (target.origin === "lan") target.origin = "member";
    },
    onLost(agentId) {
      const target = targets.get(agentId);
      if (target !== undefined) schedule(target, RETRY_MIN_MS * (0.5 + unit() / 2) + firstDelayMs(agentId, target.origin));
    },
    retryAll() {
      for (const target of targets.values()) {
        target.failures = 0;
        target.lastError = undefined;
        if (target.dialling === undefined) schedule(target, 0);
      }
    },
    addressesOf(agentId) {
      const target = targets.get(agentId);
      return target === undefined ? [] : addressesOf(target);
    },
    forget(agentId) {
      targets.get(agentId)?.cancelTimer();
      targets.delete(agentId);
    },
    close() {
      closed = true;
      for (const target of targets.values()) target.cancelTimer();
    },
  };
}
