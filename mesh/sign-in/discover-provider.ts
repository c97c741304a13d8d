/** Finds out a provider's endpoints from its signed issuer (OpenID Connect Discovery). */
import {
  allowInsecureRequests,
  ClientSecretPost,
  clockSkew,
  clockTolerance,
  type Configuration,
  customFetch,
  discovery,
  None,
} from "openid-client";
import { GaggleError } from "../contract/errors.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import type { SignInProvider } from "../contract/sign-in.ts";
import { createProviderFetch, isLocalIssuer } from "./provider-fetch.ts";

const TIMEOUT_SECONDS = 10;

/** What talking to a provider needs. */
export interface ProviderDeps {
  readonly clock: Pick<Clock, "now">;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * The provider's endpoints, and who we are to it.
 * @param options `clientSecret`: for providers that want one even of installed programs, such as Google; the node alone has it
 * @throws GaggleError UPSTREAM_FAILED where the provider can't be reached or calls itself otherwise
 */
export async function discoverProvider(
  deps: ProviderDeps,
  provider: Pick<SignInProvider, "issuer" | "clientId">,
  options: { clientSecret?: string } = {},
): Promise<Configuration> {
  const { issuer, clientId } = provider;
  // openid-client reads the system's clock; ours is the one that decides.
  const skewSeconds = Math.round((deps.clock.now() - Date.now()) / 1000);
  const client = { [clockSkew]: skewSeconds, [clockTolerance]: CLOCK_LEEWAY_MS / 1000 };
  const authentication = options.clientSecret === undefined ? None() : ClientSecretPost(options.clientSecret);
  try {
    return await discovery(new URL(issuer), clientId, client, authentication, {
      [customFetch]: (url, init) => createProviderFetch(deps.fetch, issuer)(url, init as RequestInit),
      execute: isLocalIssuer(issuer) ? [allowInsecureRequests] : [],
      timeout: TIMEOUT_SECONDS,
    });
  } catch (cause) {
    if (cause instanceof GaggleError) throw cause;
    throw new GaggleError(
      "UPSTREAM_FAILED",
      `The identity provider at ${new URL(issuer).host} can't be reached, or calls itself another issuer; check signIn.issuer in organisation.yaml.`,
      { cause },
    );
  }
}
