/** Finds personal data and secrets in many texts at once, off the caller's event loop. */
import type { GuardLists } from "../../mesh/contract/guard-policy.ts";
import type { Finding } from "./finding.ts";

/** How a call treats what can't be looked through completely. */
export interface DetectOptions {
  /** The findings are only counted, so those of rules and lists will do where the NER model can't be loaded. Default false: refuse. */
  readonly withoutModel?: boolean;
}

/** Rules, the NER model and the organisation's lists together. */
export interface Detection {
  /**
   * The spans of each text: in order, not overlapping, every repetition of a found value included. UTF-16 offsets of the text as given.
   * A person's first or last name alone counts as a repetition (`detector` is `co-reference`).
   * @throws GaggleError GUARD_REFUSED where the texts could not be looked through completely; nothing may pass then
   */
  detect(texts: readonly string[], options?: DetectOptions): Promise<readonly (readonly Finding[])[]>;
  /** Ends its workers. Texts that are being looked at are refused. */
  close(): Promise<void>;
}

/** Texts that were known already, and those that had to be looked through, since the detection was made. */
export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
}

/** A detection whose lists can change, as a new bundle brings them. */
export interface DetectionService extends Detection {
  /** Takes other lists from the next call on; what was remembered under the old ones is not used again. */
  update(lists: GuardLists): void;
  counts(): CacheCounts;
  /** Which model it is, 64 hex digits; undefined without one. */
  readonly modelId: string | undefined;
  /** Loads the model now, so that the first request doesn't wait for it. */
  warmUp(): Promise<ModelState>;
}

/** Whether the NER model can be used. */
export type ModelState = { readonly ready: true } | { readonly ready: false; readonly reason: string };
