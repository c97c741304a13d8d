/** Sign-in with a browser: authorization code with PKCE, coming back to a port of this machine (RFC 8252, RFC 7636, RFC 9207). */
import { timingSafeEqual } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buildAuthorizationUrl, calculatePKCECodeChallenge, type Configuration, randomPKCECodeVerifier, randomState } from "openid-client";
import { GaggleError } from "../contract/errors.ts";
import { SIGN_IN_WAIT_MS } from "../contract/limits.ts";
import type { SignInGrant, SignInProvider } from "../contract/sign-in.ts";
import { discoverProvider, type ProviderDeps } from "./discover-provider.ts";
import { isProviderAddress } from "./provider-fetch.ts";

const MAX_PARAMETER = 4_096;

/** What the person sees in the browser at the end. No script, nothing from outside. */
const PAGE = (text: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gaggle</title><body style="font:1.1rem sans-serif;margin:4rem">${text}</body></html>`;
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  connection: "close",
} as const;

/** What signing in with a browser needs. */
export interface BrowserDeps extends ProviderDeps {
  /** Shows the person the provider's page: opens a browser, or prints the address. */
  show(url: string): void;
}

/**
 * Has the person sign in.
 * @param nonce binds the ID token to the sign-in that the bootstrap node began for this agent's key
 * @returns what the bootstrap node redeems
 * @throws GaggleError SIGN_IN_FAILED where the person or the provider says no, or an answer is another sign-in's; TIMEOUT; UPSTREAM_FAILED
 */
export async function signInWithBrowser(deps: BrowserDeps, provider: SignInProvider, nonce: string): Promise<SignInGrant> {
  const configuration = await discoverProvider(deps, provider);
  const verifier = randomPKCECodeVerifier();
  const state = randomState();
  const answer = Promise.withResolvers<URLSearchParams>();
  // Nobody may be waiting yet when the browser comes back with an error.
  answer.promise.catch(() => undefined);
  const { server, redirectUri } = await listen(provider.redirectUri, state, answer.resolve);
  const timer = setTimeout(
    () => answer.reject(new GaggleError("TIMEOUT", "Nobody signed in within ten minutes; begin again.")),
    SIGN_IN_WAIT_MS,
  );
  try {
    const challenge = await calculatePKCECodeChallenge(verifier);
    deps.show(pageOf(configuration, provider, { redirect_uri: redirectUri, state, nonce, code_challenge: challenge }));
    return grantOf(await answer.promise, { issuer: provider.issuer, verifier, redirectUri });
  } finally {
    clearTimeout(timer);
    server.close();
    server.closeAllConnections();
  }
}

/** The provider's page with what this sign-in asks for. @throws GaggleError UPSTREAM_FAILED where what the provider names is not shown to people */
function pageOf(configuration: Configuration, { issuer, scopes }: SignInProvider, parameters: Record<string, string>): string {
  const refused = "The identity provider names a sign-in page that is not shown: it is not https.";
  let url: URL;
  try {
    url = buildAuthorizationUrl(configuration, { ...parameters, scope: scopes.join(" "), code_challenge_method: "S256" });
  } catch (cause) {
    throw new GaggleError("UPSTREAM_FAILED", refused, { cause });
  }
  if (!isProviderAddress(url, issuer)) throw new GaggleError("UPSTREAM_FAILED", refused);
  return url.href;
}

/** Listens where the browser comes back; takes the first answer that carries this sign-in's `state`, and nothing else. */
async function listen(
  redirect: string,
  state: string,
  take: (parameters: URLSearchParams) => void,
): Promise<{ server: Server; redirectUri: string }> {
  const wanted = new URL(redirect);
  const server = createServer((request, response) => {
    const url = URL.canParse(request.url ?? "", "http://localhost") ? new URL(request.url ?? "", "http://localhost") : undefined;
    if (request.method !== "GET" || url?.pathname !== wanted.pathname || !sameText(url.searchParams.get("state") ?? "", state)) {
      response.writeHead(404, HEADERS).end(PAGE("This is not the sign-in that this machine waits for."));
      return;
    }
    const failed = url.searchParams.has("error");
    response
      .writeHead(200, HEADERS)
      .end(
        PAGE(
          failed ? "The sign-in was refused; the terminal says more." : "Signed in. You can close this page and go back to the terminal.",
        ),
        () => take(url.searchParams),
      );
  });
  const host = wanted.hostname.replace(/^\[|\]$/g, "");
  const port = Number(wanted.port === "" ? 0 : wanted.port);
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  } catch (cause) {
    throw new GaggleError(
      "CONFLICT",
      `Port ${port} of this machine, where the browser comes back to, is in use; end what uses it, or sign in with --device.`,
      { cause },
    );
  }
  wanted.port = String((server.address() as AddressInfo).port);
  return { server, redirectUri: wanted.href };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function grantOf(parameters: URLSearchParams, made: { issuer: string; verifier: string; redirectUri: string }): SignInGrant {
  const [code, iss] = [parameters.get("code"), parameters.get("iss")];
  // Mix-up: an answer of another provider than the one that was asked.
  if (iss !== null && iss !== made.issuer)
    throw new GaggleError(
      "SIGN_IN_FAILED",
      "The answer is from another identity provider than the one that was asked; nothing was sent on.",
    );
  if (parameters.has("error")) {
    const declined = parameters.get("error") === "access_denied";
    throw new GaggleError(
      "SIGN_IN_FAILED",
      declined ? "The sign-in was declined." : "The identity provider refused the sign-in; its page says why.",
    );
  }
  if (code === null || code === "" || code.length > MAX_PARAMETER)
    throw new GaggleError("SIGN_IN_FAILED", "The identity provider sent no code; begin again.");
  return { type: "code", code, verifier: made.verifier, redirectUri: made.redirectUri, ...(iss === null ? {} : { iss }) };
}
