/** Reads the text that a guard command works on: an argument, a file, or standard input. Whole, or not at all. */
import { createReadStream } from "node:fs";
import { GaggleError } from "../../contract/errors.ts";
import { asSeen } from "../output.ts";

/** Where the text comes from; the argument goes before the file, the file before standard input. */
export interface InputSource {
  readonly text?: string | undefined;
  readonly file?: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
}

const NO_TEXT = "is not text in UTF-8, so the guard can't look through it. Convert it to UTF-8 text first";

/** Decodes bytes as they come. @throws GaggleError INVALID_INPUT for what is no UTF-8 text; nothing is replaced or left out */
async function* decoded(bytes: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<string> {
  // A byte order mark is part of what has to come out again.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (part?: Uint8Array): string => {
    try {
      const text = part === undefined ? decoder.decode() : decoder.decode(part, { stream: true });
      if (!text.includes("\0")) return text;
    } catch {
      // Said below, for both ways.
    }
    throw new GaggleError("INVALID_INPUT", `${what} ${NO_TEXT}.`);
  };
  for await (const part of bytes) yield decode(part);
  yield decode();
}

/**
 * The text in pieces, in order. Only a few pieces are in memory at once.
 * @throws GaggleError INVALID_INPUT for binary data; the system's error for a file that can't be read
 */
export async function* readInput({ text, file, stdin }: InputSource): AsyncGenerator<string> {
  if (text !== undefined && file !== undefined) throw new GaggleError("INVALID_INPUT", "Give a text or --file, not both.");
  if (text !== undefined) yield text;
  else if (file === undefined) yield* decoded(stdin, "Standard input");
  else yield* decoded(createReadStream(file), `The file ${asSeen(file)}`);
}
