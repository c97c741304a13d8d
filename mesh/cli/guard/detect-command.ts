/** `gaggle guard detect`: what the guard finds in a text. */
import type { Detection } from "../../../guard/detect/detection.ts";
import type { Finding } from "../../../guard/detect/finding.ts";
import { findingsWithin } from "../../../guard/detect/within-part.ts";
import type { Output } from "../output.ts";
import { countsInWords, hasColours, withSpans } from "./span-colours.ts";
import { type TextPart, textParts } from "./text-parts.ts";

/** The findings of a part, looked through with what stands around it. Offsets are those of the part. */
export async function detectPart(detection: Pick<Detection, "detect">, { before, text, after }: TextPart): Promise<Finding[]> {
  const whole = `${before}${text}${after}`;
  const [findings = []] = await detection.detect([whole]);
  return findingsWithin(findings, whole, { start: before.length, length: text.length });
}

/** Shows a text with what was found in it; as JSON: the spans, by UTF-16 offsets of the whole text. */
export async function detectText(
  detection: Pick<Detection, "detect">,
  { out, write }: { out: Output; write(text: string): Promise<void> },
  pieces: AsyncIterable<string>,
): Promise<void> {
  const counts = new Map<string, number>();
  const entities: Omit<Finding, "value">[] = [];
  let [characters, last] = [0, ""];
  for await (const part of textParts(pieces)) {
    const findings = await detectPart(detection, part);
    for (const { label, start, end, score, detector } of findings) {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      if (out.json) entities.push({ start: start + part.offset, end: end + part.offset, label, score, detector });
    }
    if (!out.json) await write(withSpans(part.text, findings, hasColours()));
    characters = part.offset + part.text.length;
    last = part.text.at(-1) ?? last;
  }
  out.result({ characters, entities });
  if (last !== "\n") out.line();
  out.line(counts.size === 0 ? "Nothing was found." : `Found: ${countsInWords(counts)}.`);
}
