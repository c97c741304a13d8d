/** Minor versions of the wire, as hellos told them; also of agents that are gone again, at most so many as are known at all. */
import { MAX_KNOWN_PEERS } from "./protocols.ts";

/** Makes the list. */
export function createWireVersions() {
  const minors = new Map<string, number>();
  return {
    /** The version that an agent told last; undefined where none was heard since the start. */
    of: (agentId: string): number | undefined => minors.get(agentId),
    told(agentId: string, minor: number): void {
      minors.delete(agentId);
      minors.set(agentId, minor);
      const [oldest] = minors.keys();
      if (minors.size > MAX_KNOWN_PEERS && oldest !== undefined) minors.delete(oldest);
    },
  };
}
