/**
 * A virtual network of connections between members. Frames and answers are delayed (so reordered), repeated and lost; links break in one direction
 * or both, which either side notices late or not at all; who comes back is connected to again.
 */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../../mesh/contract/limits.ts";
import type { Clock, PeerLink } from "../../mesh/contract/ports.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** How bad the network is; probabilities from 0 to 1. */
export interface NetworkFaults {
  loseFrame: number;
  repeatFrame: number;
  maxDelayMs: number;
}

/** A process on the network. */
export interface Endpoint {
  /** Answers a frame of a member. */
  receive(frame: Uint8Array, from: string): Promise<Uint8Array>;
  /** A member came or went. */
  peerChanged(type: "connected" | "disconnected", agentId: string): void;
}

/** What the network needs. */
export interface SimNetworkDeps {
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Sees every frame at the moment it leaves its sender. */
  onSend(from: string, to: string, frame: Uint8Array): void;
  /** Sees every answer at the moment it leaves the receiver. */
  onAnswer(from: string, to: string, frame: Uint8Array, answer: Uint8Array): void;
  /** Sees that a sender has its answer, or has given up on it. */
  onSettled(from: string, frame: Uint8Array, answer: Uint8Array | undefined): void;
}

/** Longest time until a side notices that its peer is gone. */
const DETECT_MS = 12_000;
/** Longest time until two that can reach each other are connected. */
const CONNECT_MS = 2_000;

type Request = (from: string, ...request: Parameters<PeerLink["request"]>) => Promise<Uint8Array>;

interface Waiting {
  readonly from: string;
  readonly to: string;
  fail(error: GaggleError): void;
}

const unreachable = (): GaggleError => new GaggleError("PEER_UNREACHABLE", "The peer can't be reached.");

/** Makes a network in order, with nobody on it. */
export function createSimNetwork(deps: SimNetworkDeps) {
  const { clock, random } = deps;
  const faults: NetworkFaults = { loseFrame: 0, repeatFrame: 0, maxDelayMs: 20 };
  const endpoints = new Map<string, Endpoint>();
  /** Directions in which nothing passes. */
  const cuts = new Set<string>();
  /** Who takes itself for connected to whom. */
  const connections = new Set<string>();
  const waiting = new Set<Waiting>();

  const way = (from: string, to: string): string => `${from}>${to}`;
  const within = (ms: number, fn: () => void): void => void clock.after(1 + Math.floor(random.next() * ms), fn);
  const passes = (from: string, to: string): boolean => endpoints.has(to) && !cuts.has(way(from, to));

  const drop = (from: string, to: string): void => {
    if (!connections.delete(way(from, to))) return;
    for (const one of waiting) if (one.from === from && one.to === to) one.fail(unreachable());
    endpoints.get(from)?.peerChanged("disconnected", to);
  };

  const join = (a: string, b: string): void => {
    if (!passes(a, b) || !passes(b, a)) return;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (connections.has(way(from, to))) drop(from, to);
      connections.add(way(from, to));
      endpoints.get(from)?.peerChanged("connected", to);
    }
  };

  /** One passage of a frame to its receiver, and of the answer back. */
  const carry = (from: string, to: string, frame: Uint8Array, answered: (answer: Uint8Array) => void): void => {
    const receiver = endpoints.get(to);
    if (receiver === undefined || cuts.has(way(from, to)) || random.next() < faults.loseFrame) return;
    receiver.receive(frame, from).then(
      (answer) => {
        // What a process that has died meanwhile says reaches nobody.
        if (endpoints.get(to) !== receiver) return;
        deps.onAnswer(to, from, frame, answer);
        if (cuts.has(way(to, from)) || random.next() < faults.loseFrame) return;
        within(faults.maxDelayMs, () => answered(answer));
      },
      // As on a broken stream: the sender learns nothing and times out.
      () => undefined,
    );
  };

  const request: Request = (from, to, frame, handOver) => {
    if (!connections.has(way(from, to))) return Promise.reject(unreachable());
    const told = handOver?.();
    return told === undefined ? send(from, to, frame) : told.then(() => send(from, to, frame));
  };

  const send = (from: string, to: string, frame: Uint8Array): Promise<Uint8Array> => {
    if (!connections.has(way(from, to))) return Promise.reject(unreachable());
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const end = (answer: Uint8Array | undefined, tell: () => void): void => {
      if (!waiting.delete(one)) return;
      cancelTimeout();
      deps.onSettled(from, frame, answer);
      tell();
    };
    const one: Waiting = { from, to, fail: (error) => end(undefined, () => reject(error)) };
    const cancelTimeout = clock.after(FRAME_TIMEOUT_MS, () => one.fail(new GaggleError("TIMEOUT", "The peer did not answer.")));
    waiting.add(one);
    deps.onSend(from, to, frame);
    const go = (): void => within(faults.maxDelayMs, () => carry(from, to, frame, (answer) => end(answer, () => resolve(answer))));
    go();
    if (random.next() < faults.repeatFrame) go();
    return promise;
  };

  return {
    faults,
    /** A process comes up and is connected to everybody it can reach. */
    attach(agentId: string, endpoint: Endpoint): void {
      endpoints.set(agentId, endpoint);
      for (const other of endpoints.keys()) if (other !== agentId) within(CONNECT_MS, () => join(agentId, other));
    },
    /** A process is gone; what it waited for is forgotten, and its peers notice later. */
    detach(agentId: string): void {
      const gone = endpoints.get(agentId);
      endpoints.delete(agentId);
      for (const one of waiting) if (one.from === agentId) waiting.delete(one);
      for (const other of endpoints.keys()) {
        connections.delete(way(agentId, other));
        within(DETECT_MS, () => {
          if (endpoints.get(agentId) === undefined || endpoints.get(agentId) === gone) drop(other, agentId);
        });
      }
    },
    linkOf: (from: string): PeerLink => ({ request: (to, frame, handOver) => request(from, to, frame, handOver) }),
    /** Nothing passes from one to the other any more; either side may notice. */
    cut(from: string, to: string): void {
      cuts.add(way(from, to));
      for (const [a, b] of [
        [from, to],
        [to, from],
      ] as const) {
        if (random.next() < 0.7) within(DETECT_MS, () => (cuts.has(way(from, to)) ? drop(a, b) : undefined));
      }
    },
    /** Frames pass again; who noticed is connected again. */
    heal(from: string, to: string): void {
      if (!cuts.delete(way(from, to))) return;
      within(CONNECT_MS, () => {
        if (!connections.has(way(from, to)) || !connections.has(way(to, from))) join(from, to);
      });
    },
    healAll(): void {
      for (const one of cuts) {
        const [from = "", to = ""] = one.split(">");
        this.heal(from, to);
      }
    },
    isConnected: (from: string, to: string): boolean => connections.has(way(from, to)),
  };
}
/** The virtual network. */
export type SimNetwork = ReturnType<typeof createSimNetwork>;
