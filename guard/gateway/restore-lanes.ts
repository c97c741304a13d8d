/** The streams of text within one answer: each restored by itself, however it is cut. */
import type { JsonObject } from "../../mesh/contract/json.ts";
import { createStreamRestorer, type Replacement, type StreamRestorer } from "../pseudonym/restore-text.ts";
import type { Replacements } from "./restore-tree.ts";

/** One stream of text. */
export interface LaneSpec {
  /** Tells it from the answer's other streams. */
  readonly name: string;
  /** `json` for the arguments of a tool call. */
  readonly kind: "text" | "json";
  /** The tool that the text goes to. */
  readonly tool?: string | undefined;
  /** An event that carries this piece of the lane's text, for what is held when the lane ends. */
  readonly event: (piece: string) => JsonObject;
}

/** The lanes of one answer. */
export interface Lanes {
  /** Takes a piece and returns what of it is certain. */
  push(spec: LaneSpec, piece: string): string;
  /** Ends the lanes that `ended` names, all by default: events for what they held. A lane that is used again begins anew. */
  flush(ended?: (spec: LaneSpec) => boolean): JsonObject[];
}

/** Makes the lanes. */
export function createLanes(replacements: Replacements): Lanes {
  const lanes = new Map<string, { spec: LaneSpec; restorer: StreamRestorer }>();
  const replacementFor = ({ kind, tool }: LaneSpec): Replacement => (tool === undefined ? replacements : replacements.forTool(tool))[kind];
  return {
    push: (spec, piece) => {
      const held = lanes.get(spec.name)?.restorer ?? createStreamRestorer(replacementFor(spec));
      lanes.set(spec.name, { spec, restorer: held });
      return held.push(piece);
    },
    flush: (ended = () => true) =>
      Array.from(lanes.values())
        .filter(({ spec }) => ended(spec))
        .flatMap(({ spec, restorer }) => {
          lanes.delete(spec.name);
          const rest = restorer.end();
          return rest === "" ? [] : [spec.event(rest)];
        }),
  };
}
