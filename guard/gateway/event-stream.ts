/** Reads server-sent events: the data of each event. Source: WHATWG HTML, server-sent events. */
import { GaggleError } from "../../mesh/contract/errors.ts";

/** Longest single event that is read, in characters. */
const MAX_EVENT_CHARACTERS = 4_194_304;

/** A line's end and an empty line, of any kind. A CR at the end of what has come may be half a CRLF; the other half is then an empty line more. */
const EVENT_END = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))/;

const dataOf = (event: string): string | undefined => {
  const lines = event.split(/\r\n|\n|\r/).flatMap((line) => (/^data(?::|$)/.test(line) ? [line.slice(5).replace(/^ /, "")] : []));
  return lines.length === 0 ? undefined : lines.join("\n");
};

/**
 * The data of each event of a stream, however the bytes are cut.
 * @throws GaggleError UPSTREAM_FAILED for an endless event or bytes that are no UTF-8
 */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  const take = (): string[] => {
    const events = text.split(EVENT_END);
    text = events.pop() ?? "";
    if (text.length > MAX_EVENT_CHARACTERS) throw new GaggleError("UPSTREAM_FAILED", "The model's server sent an event that is too long.");
    return events;
  };
  try {
    for await (const piece of bytes) {
      text += decoder.decode(piece, { stream: true });
      for (const event of take()) {
        const data = dataOf(event);
        if (data !== undefined) yield data;
      }
    }
    text += decoder.decode();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new GaggleError("UPSTREAM_FAILED", "The model's server broke off or sent bytes that are no UTF-8.", { cause });
  }
  const last = dataOf(text);
  if (last !== undefined) yield last;
}
