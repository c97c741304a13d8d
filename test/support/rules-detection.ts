/** Detection by rules alone, on the caller's thread: for tests that are not about the model or the workers. */
import type { Detection } from "../../guard/detect/detection.ts";
import { createDetector } from "../../guard/detect/detector.ts";

/** Makes it. */
export function createRulesDetection(): Detection {
  const detector = createDetector();
  return { detect: async (texts) => texts.map((text) => detector.detect(text)), close: async () => undefined };
}
