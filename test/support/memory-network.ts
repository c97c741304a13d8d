/** An in-memory network between agents on a virtual clock: frames are lost, delayed (so reordered), repeated, and answers are lost. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { FRAME_TIMEOUT_MS } from "../../mesh/contract/limits.ts";
import type { Clock, PeerLink } from "../../mesh/contract/ports.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** How bad the network is; probabilities from 0 to 1. */
export interface Faults {
  readonly loseRequest: number;
  readonly loseAnswer: number;
  readonly repeat: number;
  readonly maxDelayMs: number;
}

/** A network without faults. */
export const NO_FAULTS: Faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };

type Request = (from: string, ...request: Parameters<PeerLink["request"]>) => Promise<Uint8Array>;

/** What a node does with a frame. */
export type FrameHandler = (frame: Uint8Array, from: string) => Promise<Uint8Array>;

/** The network of a test. `faults` may be replaced while it runs; a node that is not attached can't be reached. */
export function createMemoryNetwork(deps: { clock: Clock; random: SeededRandom }) {
  const handlers = new Map<string, FrameHandler>();
  const state = { faults: NO_FAULTS, frames: 0 };

  const later = (fn: () => void): void => {
    const delayMs = Math.floor(deps.random.next() * state.faults.maxDelayMs);
    if (delayMs === 0) fn();
    else deps.clock.after(delayMs, fn);
  };

  const request: Request = (from, to, frame, handOver) => {
    if (!handlers.has(to)) return Promise.reject(new GaggleError("PEER_UNREACHABLE", "The peer is off."));
    const told = handOver?.();
    return told === undefined ? send(from, to, frame) : told.then(() => send(from, to, frame));
  };

  const send = (from: string, to: string, frame: Uint8Array): Promise<Uint8Array> => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const cancelTimeout = deps.clock.after(FRAME_TIMEOUT_MS, () => reject(new GaggleError("TIMEOUT", "The peer did not answer.")));
    const deliver = (): void => {
      state.frames++;
      const answered = handlers.get(to)?.(frame, from);
      answered?.then(
        (answer) => {
          if (deps.random.next() < state.faults.loseAnswer) return;
          later(() => {
            cancelTimeout();
            resolve(answer);
          });
        },
        // As on a broken stream: the sender learns nothing and times out.
        () => undefined,
      );
    };
    if (deps.random.next() >= state.faults.loseRequest) later(deliver);
    if (deps.random.next() < state.faults.repeat) later(deliver);
    return promise;
  };

  return {
    state,
    attach: (agentId: string, handler: FrameHandler): void => void handlers.set(agentId, handler),
    isAttached: (agentId: string): boolean => handlers.has(agentId),
    detach: (agentId: string): void => void handlers.delete(agentId),
    linkOf: (from: string): PeerLink => ({ request: (to, frame, handOver) => request(from, to, frame, handOver) }),
  };
}
