/** The node's side of the provider: redeems what an agent got for an ID token, straight from the provider, and checks it. */
import { createRemoteJWKSet, customFetch, type JWTPayload, type JWTVerifyGetKey } from "jose";
import {
  authorizationCodeGrant,
  ClientError,
  type Configuration,
  genericGrantRequest,
  ResponseBodyError,
  skipStateCheck,
  type TokenEndpointResponse,
} from "openid-client";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { SignInGrant, SignInProvider } from "../../mesh/contract/sign-in.ts";
import { discoverProvider, type ProviderDeps } from "../../mesh/sign-in/discover-provider.ts";
import { createProviderFetch } from "../../mesh/sign-in/provider-fetch.ts";
import { verifyIdToken } from "./verify-id-token.ts";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** How long a provider's endpoints are kept before they are looked up again. */
const METADATA_MS = 600_000;

/** What redeeming gives: the claims of a believed ID token, or that the person has not confirmed yet. */
export type Redeemed = { readonly state: "signed-in"; readonly claims: JWTPayload } | { readonly state: "pending" | "slow-down" };

/** The identity provider that the signed bundle names. */
export interface IdentityProvider {
  /**
   * Redeems a grant once. `nonce`: what the ID token of an authorization code must carry.
   * @throws GaggleError SIGN_IN_FAILED, UPSTREAM_FAILED
   */
  redeem(provider: SignInProvider, grant: SignInGrant, nonce: string): Promise<Redeemed>;
}

/** What is known of one provider. */
interface Known {
  readonly configuration: Configuration;
  readonly keys: JWTVerifyGetKey;
  readonly client: string;
  readonly untilMs: number;
}

/** @param config `clientSecret`: only for providers that want one */
export function createIdentityProvider(deps: ProviderDeps, config: { clientSecret?: string } = {}): IdentityProvider {
  let known: Known | undefined;

  const find = async (provider: SignInProvider): Promise<Known> => {
    const client = JSON.stringify([provider.issuer, provider.clientId]);
    if (known?.client === client && known.untilMs > deps.clock.now()) return known;
    const configuration = await discoverProvider(deps, provider, config);
    known = { configuration, keys: keysOf(deps, provider, configuration), client, untilMs: deps.clock.now() + METADATA_MS };
    return known;
  };

  return {
    async redeem(provider, grant, nonce) {
      const { configuration, keys } = await find(provider);
      const answer = await ask(configuration, grant, nonce);
      if (answer === "pending" || answer === "slow-down") return { state: answer };
      if (answer.id_token === undefined)
        throw new GaggleError("SIGN_IN_FAILED", "The identity provider gave no ID token; signIn.scopes must have openid.");
      const expected = { provider, keys, nowMs: deps.clock.now(), nonce: grant.type === "code" ? nonce : undefined };
      return { state: "signed-in", claims: await verifyIdToken(answer.id_token, expected) };
    },
  };
}

function keysOf({ fetch }: ProviderDeps, { issuer }: SignInProvider, configuration: Configuration): JWTVerifyGetKey {
  const { jwks_uri } = configuration.serverMetadata();
  if (jwks_uri === undefined)
    throw new GaggleError("UPSTREAM_FAILED", "The identity provider publishes no keys, so its ID tokens can't be checked.");
  return createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: createProviderFetch(fetch, issuer) });
}

async function ask(
  configuration: Configuration,
  grant: SignInGrant,
  nonce: string,
): Promise<TokenEndpointResponse | "pending" | "slow-down"> {
  try {
    if (grant.type === "device") return await genericGrantRequest(configuration, DEVICE_GRANT, { device_code: grant.deviceCode });
    const answer = new URL(grant.redirectUri);
    answer.searchParams.set("code", grant.code);
    if (grant.iss !== undefined) answer.searchParams.set("iss", grant.iss);
    // The agent has compared `state`: it alone knows it.
    return await authorizationCodeGrant(configuration, answer, {
      pkceCodeVerifier: grant.verifier,
      expectedNonce: nonce,
      expectedState: skipStateCheck,
    });
  } catch (cause) {
    return stateOf(cause);
  }
}

/** What the provider says in OAuth's own words (RFC 6749, RFC 8628); only words that we know, so that no text of its own is passed on. */
const REFUSALS: Readonly<Record<string, string>> = {
  access_denied: "The sign-in was declined.",
  expired_token: "The sign-in took too long; begin again.",
  invalid_grant:
    "The identity provider does not take this sign-in: it was used before, has expired or was begun by another program. Begin again.",
  invalid_client:
    "The identity provider does not know this client; check signIn.clientId, and the node's client secret where the provider wants one.",
  unauthorized_client: "The identity provider does not allow this client to sign people in this way; its registration needs this flow.",
  unsupported_grant_type: "The identity provider does not know this flow; use the other (with or without --device).",
};

function stateOf(cause: unknown): "pending" | "slow-down" {
  if (cause instanceof GaggleError) throw cause;
  if (cause instanceof ResponseBodyError) {
    if (cause.error === "authorization_pending") return "pending";
    if (cause.error === "slow_down") return "slow-down";
    const text = Object.hasOwn(REFUSALS, cause.error) ? REFUSALS[cause.error] : undefined;
    throw new GaggleError("SIGN_IN_FAILED", text ?? "The identity provider refused the sign-in; begin again.");
  }
  if (cause instanceof Error && cause.cause instanceof GaggleError) throw cause.cause;
  if (cause instanceof ClientError && !UNREACHABLE.has(cause.code ?? ""))
    throw new GaggleError("SIGN_IN_FAILED", "The identity provider's answer is not meant for this sign-in, or is malformed; begin again.", {
      cause,
    });
  throw new GaggleError("UPSTREAM_FAILED", "The identity provider can't be reached or failed; try again.", { cause });
}

/** Codes of openid-client for a provider that fails, not one that says no. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_HTTP_REQUEST_FORBIDDEN",
  "OAUTH_REQUEST_PROTOCOL_FORBIDDEN",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
]);
