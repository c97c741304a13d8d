/** Looks at a text as written and as a reader sees it, and brings what is found back to places in the text as written. */
import type { Finding } from "./finding.ts";
import { type FoldedView, foldedView } from "./folded-view.ts";
import { mergeFindings, notOverlapping } from "./overlap.ts";

const PERCENT_ENCODED = /%[2-7][0-9a-f]/i;

/** A finding of the folded view at its place in the source. What a URL encodes stays so: decoded, it would not go back into the URL. */
function inSource(finding: Finding, view: FoldedView, text: string): Finding {
  const start = view.starts[finding.start] ?? 0;
  const end = view.ends[finding.end - 1] ?? 0;
  const written = text.slice(start, end);
  return { ...finding, start, end, value: PERCENT_ENCODED.test(written) ? written : finding.value };
}

/** Widens a span so that it never begins or ends inside an escape sequence: what replaces it must leave valid JSON. */
function snap(finding: Finding, view: FoldedView): Finding {
  let { start, end } = finding;
  const first = firstEndingAfter(view.ends, start);
  if ((view.starts[first] ?? start) < start) start = view.starts[first] ?? start;
  const last = firstEndingAfter(view.ends, end - 1);
  if ((view.starts[last] ?? end) < end && (view.ends[last] ?? end) > end) end = view.ends[last] ?? end;
  return { ...finding, start, end };
}

function firstEndingAfter(ends: Int32Array, place: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The findings of `scan` in both readings. Where they overlap, the decoded reading is the better one; the text as written adds what only it
 * shows, such as a password with a backslash.
 */
export function inBothReadings(text: string, scan: (reading: string) => Finding[], view = foldedView(text)): Finding[] {
  if (view === undefined) return scan(text);
  const folded = toSource(scan(view.text), view, text);
  const raw = notOverlapping(scan(text), folded).map((finding) => snap(finding, view));
  return mergeFindings([...folded, ...raw], text);
}

/** Findings of a text's folded view (the text itself where there is none) at their places in the text as written. */
export const toSource = (findings: readonly Finding[], view: FoldedView | undefined, text: string): Finding[] =>
  view === undefined ? [...findings] : findings.map((finding) => inSource(finding, view, text));
