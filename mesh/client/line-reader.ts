/** Splits a byte stream into lines of UTF-8 text, whatever way it was cut. */

/** Takes chunks, gives lines. */
export interface LineReader {
  push(chunk: Buffer): void;
}

/**
 * @param config `maxBytes`: longest line without its `\n`
 * @param on `line` gets each complete line without `\n`; `tooLong` is called once, after which nothing more is read
 */
export function createLineReader(config: { maxBytes: number }, on: { line(text: string): void; tooLong(): void }): LineReader {
  let parts: Buffer[] = [];
  let size = 0;
  let stopped = false;

  const take = (part: Buffer): boolean => {
    size += part.length;
    if (size > config.maxBytes) {
      stopped = true;
      parts = [];
      on.tooLong();
      return false;
    }
    parts.push(part);
    return true;
  };

  const push = (chunk: Buffer): void => {
    let from = 0;
    while (!stopped) {
      const end = chunk.indexOf(0x0a, from);
      if (!take(chunk.subarray(from, end === -1 ? undefined : end)) || end === -1) return;
      const text = Buffer.concat(parts, size).toString("utf8");
      parts = [];
      size = 0;
      from = end + 1;
      on.line(text);
    }
  };
  return { push };
}
