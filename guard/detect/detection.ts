/** Finds personal data and secrets in many texts at once, off the caller's event loop. */
import type { Finding } from "./finding.ts";

/** Rules, the NER model and the organisation's lists together. */
export interface Detection {
  /**
   * The spans of each text: in order, not overlapping, every repetition of a found value included. UTF-16 offsets of the text as given.
   * @throws GaggleError GUARD_REFUSED where the texts could not be looked through completely; nothing may pass then
   */
  detect(texts: readonly string[]): Promise<readonly (readonly Finding[])[]>;
  /** Ends its workers. */
  close(): Promise<void>;
}
