/** Turns tokens with tags (IOB1, IOB2, BIOES, BILOU, or bare labels) into spans of a text. Source: CoNLL-2003's format and its kin. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { LabelledSpan } from "./labelled-span.ts";

/** A row of tokens; `text` is what they were cut from. */
export interface TaggedTokens {
  readonly tokens: readonly string[];
  readonly tags: readonly string[];
  readonly text?: string | undefined;
}

type Place = Omit<LabelledSpan, "label">;

/** Where each token stands: in the text where there is one, else in the tokens joined by single spaces. */
function placesOf({ tokens, text }: TaggedTokens): { text: string; places: Place[] } {
  const whole = text ?? tokens.join(" ");
  let from = 0;
  const places = tokens.map((token) => {
    const start = whole.indexOf(token, from);
    if (start < 0) throw new GaggleError("INVALID_INPUT", "A token does not stand in the line's text.");
    from = start + token.length;
    return { start, end: from };
  });
  return { text: whole, places };
}

/** A tag's position in its span and its label; undefined outside of spans. */
function partsOf(tag: string): { position: string; label: string } | undefined {
  if (tag === "O" || tag === "") return undefined;
  const [, position = "I", label = tag] = /^([BIELSU])-(.+)$/.exec(tag) ?? [];
  return { position, label };
}

/**
 * The text of a row and the spans that its tags mark.
 * @throws GaggleError INVALID_INPUT where there are not as many tags as tokens, or a token is not in the text
 */
export function spansOfTags(row: TaggedTokens): { text: string; spans: LabelledSpan[] } {
  if (row.tokens.length !== row.tags.length) throw new GaggleError("INVALID_INPUT", "The line has not as many tags as tokens.");
  const { text, places } = placesOf(row);
  const spans: LabelledSpan[] = [];
  let open = false;
  for (const [i, place] of places.entries()) {
    const parts = partsOf(row.tags[i] ?? "O");
    const last = spans.at(-1);
    if (parts === undefined) open = false;
    else {
      const continues = open && last?.label === parts.label && "IEL".includes(parts.position);
      if (continues) spans[spans.length - 1] = { ...last, end: place.end };
      else spans.push({ ...place, label: parts.label });
      open = "BI".includes(parts.position);
    }
  }
  return { text, spans };
}
