/** A command's output, kept for a test to look at. */
import { stripVTControlCharacters } from "node:util";
import { createOutput, type Output } from "../../mesh/cli/output.ts";

/** An output and what was written to it, without colours. */
export interface CapturedOutput {
  readonly out: Output;
  text(): string;
  /** The result, with `json`. */
  result(): unknown;
}

/** Makes one. @param json whether it speaks JSON */
export function captureOutput(json = false): CapturedOutput {
  const stream = captureStream();
  return { out: createOutput(stream, json), text: stream.text, result: () => JSON.parse(stream.text()) };
}

/** A stream that keeps what is written to it. */
export function captureStream(): { write(part: string): void; text(): string } {
  const parts: string[] = [];
  return { write: (part) => void parts.push(part), text: () => stripVTControlCharacters(parts.join("")) };
}
