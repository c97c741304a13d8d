/** Looks through one text after another in a worker: rules, model and lists in the text as it reads, brought back to the text as written. */
import { emailNames } from "../email-names.ts";
import type { Finding } from "../finding.ts";
import { type FoldedView, foldedView } from "../folded-view.ts";
import { createRuleSearch, knownIn, repetitions } from "../detector.ts";
import { createKnownValues } from "../known-values.ts";
import type { OrgLists } from "../lists/org-lists.ts";
import { namesBehindKeys } from "../name-keys.ts";
import { withPartsJoined } from "../ner/span-joins.ts";
import { mergeFindings } from "../overlap.ts";
import { inBothReadings, toSource } from "../readings.ts";
import { spreads } from "../spreading.ts";
import { wordHashes } from "../word-hashes.ts";
import type { ScanJob, ScanResult } from "./protocol.ts";

/** Finds names, places and dates in one reading of a text. */
export type Recognise = (reading: string) => Promise<readonly Finding[]>;

/** What a scan needs. */
export interface ScanDeps {
  /** Undefined: without the model. */
  readonly recognise: Recognise | undefined;
  readonly lists: OrgLists;
}

const rules = createRuleSearch();

/** What stands elsewhere in the text too, in the text as it reads. */
const knownOf = (job: ScanJob): ((reading: string) => Finding[]) => {
  const known = createKnownValues();
  for (const [value, label] of job.known ?? []) known.add(value, label);
  return (reading) => knownIn(reading, known);
};

/** All findings of one text. */
async function search(text: string, view: FoldedView | undefined, { recognise, lists }: ScanDeps): Promise<Finding[]> {
  const reading = view?.text ?? text;
  const byModel = (await recognise?.(reading)) ?? [];
  const byRules = inBothReadings(text, rules, view);
  const byPlace = recognise === undefined ? [] : [...emailNames(reading, byRules), ...namesBehindKeys(reading)];
  const inReading = [...byModel, ...lists.find(reading), ...byPlace];
  const found = lists.allowed([...byRules, ...toSource(inReading, view, text)], text);
  const again = inBothReadings(text, (each) => repetitions(each, found.filter(spreads)), view);
  return withPartsJoined(mergeFindings(lists.allowed([...found, ...again], text), text), text);
}

/**
 * Looks through one text.
 * @throws GaggleError GUARD_REFUSED for a text that can't be read to its end
 */
export async function scanText(job: ScanJob, deps: ScanDeps): Promise<ScanResult> {
  const view = foldedView(job.text);
  const words = wordHashes(view?.text ?? job.text);
  if (job.known === undefined) return { findings: await search(job.text, view, deps), words };
  return { findings: deps.lists.allowed(inBothReadings(job.text, knownOf(job), view), job.text), words };
}
