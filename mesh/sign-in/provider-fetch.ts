/** How agent and node speak to the identity provider: the issuer is signed, but the addresses that its metadata names are the provider's word. */
import { GaggleError } from "../contract/errors.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { isForbiddenHost } from "../contract/safe-address.ts";

/** Largest answer of a provider that is read, in bytes. */
const MAX_ANSWER_BYTES = 1_048_576;

/** `fetch` as openid-client and jose call it. */
export type ProviderFetch = (url: string, options: RequestInit) => Promise<Response>;

/** Whether an issuer is a server on this very machine, the only place where plain http is spoken. */
export function isLocalIssuer(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer);
  return protocol === "http:" && isLoopbackHost(hostname);
}

/**
 * A `fetch` for one provider: https only (http for a provider on this machine), no redirects, no metadata addresses, answers of bounded size.
 * @throws GaggleError UPSTREAM_FAILED for addresses that are not called
 */
export function createProviderFetch(fetch: typeof globalThis.fetch, issuer: string): ProviderFetch {
  return async (address, options) => {
    const url = new URL(address);
    checkAddress(url, issuer);
    const answer = await fetch(url, { ...options, redirect: "error" });
    const body = await readBounded(answer);
    // A status without a body must not get one, not even an empty one.
    return new Response(body.length === 0 ? null : new Uint8Array(body), { status: answer.status, headers: answer.headers });
  };
}

function checkAddress(url: URL, issuer: string): void {
  if (isProviderAddress(url, issuer)) return;
  throw new GaggleError(
    "UPSTREAM_FAILED",
    "The identity provider names an address that is not called: only https, and no address of this machine or its cloud.",
  );
}

/** Whether an address that a provider names may be called or shown: https, or plain http where the provider itself is on this machine. */
export function isProviderAddress({ protocol, hostname, username, password }: URL, issuer: string): boolean {
  const local = isLocalIssuer(issuer) && protocol === "http:" && hostname === new URL(issuer).hostname;
  return (protocol === "https:" || local) && username === "" && password === "" && !isForbiddenHost(hostname);
}

async function readBounded(answer: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new GaggleError("UPSTREAM_FAILED", "The identity provider's answer is larger than the limit; it was not read.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
