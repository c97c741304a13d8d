/** Which TLS key links and invitations pin: the one whose certificate the bootstrap node made itself. */
import { join } from "node:path";
import { bootstrapFetch } from "../../agent/pinned-fetch.ts";
import { tlsPin } from "../../contract/identity.ts";
import { parseAs } from "../../contract/json.ts";
import { readPrivateText } from "../../store/private-file.ts";

/** The file in the node's folder that tells the pin of its own certificate's key. */
const PIN_FILE = "tls-pin";

/**
 * The pin to give out: the one that was given, else the node's own where it has made one and the address is https.
 * @throws GaggleError INVALID_INPUT where it is none
 */
export async function nodePin(options: { dir: string; url: string; pin?: string | false }): Promise<string | undefined> {
  if (options.pin === false || !options.url.startsWith("https:")) return undefined;
  const text = options.pin ?? (await readPrivateText(join(options.dir, "bootstrap", PIN_FILE)))?.trim();
  return text === undefined ? undefined : parseAs(tlsPin, text, "The TLS pin");
}

/** `fetch` for the admin's own calls of the node at an address. @throws GaggleError INVALID_INPUT */
export const nodeFetch = async (
  dir: string,
  url: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<typeof globalThis.fetch> => bootstrapFetch(fetch, await nodePin({ dir, url }));
