/** Reads a request's body up to a limit. */
import type { IncomingMessage } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";

/**
 * The whole body.
 * @throws GaggleError TOO_LARGE past the limit, GUARD_REFUSED for an encoding other than plain
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (request.headers["content-encoding"] !== undefined)
    throw new GaggleError("GUARD_REFUSED", "The request is compressed; send it plain.");
  const tooLarge = (): GaggleError =>
    new GaggleError("TOO_LARGE", "The request is larger than the guard reads; compact or restart the conversation.", {
      details: { maxBytes },
    });
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
