/** A part of a text that bears a label. */

/** UTF-16 offsets of the text, end exclusive. */
export interface LabelledSpan {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}
