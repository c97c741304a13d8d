/** Splits a byte stream into the lines of an export. */
import { MAX_EXPORT_LINE_BYTES } from "./export-format.ts";

/** A line as it lies in a file. */
export interface RawLine {
  /** Without its line end. */
  readonly bytes: Buffer;
  /** False for a last line without a line end. */
  readonly ended: boolean;
  /** True where the line was cut because it is longer than {@link MAX_EXPORT_LINE_BYTES}. */
  readonly tooLong: boolean;
}

/** Splits a byte stream at line feeds, holding one line at most. */
export async function* readLines(source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>): AsyncGenerator<RawLine> {
  let parts: Buffer[] = [];
  let size = 0;
  let tooLong = false;
  const take = (ended: boolean): RawLine => {
    const line = { bytes: parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts), ended, tooLong };
    parts = [];
    size = 0;
    tooLong = false;
    return line;
  };
  const add = (piece: Buffer): void => {
    size += piece.length;
    tooLong ||= size > MAX_EXPORT_LINE_BYTES;
    if (!tooLong) parts.push(piece);
  };
  for await (const chunk of source) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      add(bytes.subarray(start, end));
      yield take(true);
      start = end + 1;
    }
    if (start < bytes.length) add(bytes.subarray(start));
  }
  if (size > 0) yield take(false);
}
