/** How long the guard's detection takes by itself: rules, model and lists in their worker, without a gateway around them. */
import type { Detection } from "../../guard/detect/detection.ts";
import { type Figures, inTurn, timed } from "./figures.ts";
import { SIZES_KIB, sizeName } from "./guard-calls.ts";
import { createPrompts } from "./guard-prompts.ts";

/** Durations by size of the text. */
export interface DetectionTime {
  readonly cold: Readonly<Record<string, Figures>>;
  /** Texts that it has seen. */
  readonly remembered: Readonly<Record<string, Figures>>;
}

/** Measures all sizes in turn. */
export async function measureDetection(detection: Pick<Detection, "detect">, rounds: number): Promise<DetectionTime> {
  const prompts = createPrompts();
  const sizes = SIZES_KIB.map((kib) => ({ name: sizeName(kib), bytes: kib * 1_024 }));
  const cold = sizes.map(({ name, bytes }) => timed(name, () => detection.detect([prompts.next(bytes)])));
  const remembered = sizes.map(({ name, bytes }) => {
    const text = prompts.next(bytes);
    return timed(name, () => detection.detect([text]));
  });
  return { cold: await inTurn(cold, { rounds, warmUp: 3 }), remembered: await inTurn(remembered, { rounds, warmUp: 3 }) };
}
