/** Sign-in without a browser on this machine: the device flow (RFC 8628). The bootstrap node asks the provider whether the person has confirmed. */
import { initiateDeviceAuthorization } from "openid-client";
import { GaggleError } from "../contract/errors.ts";
import type { SignInGrant, SignInProvider } from "../contract/sign-in.ts";
import { discoverProvider, type ProviderDeps } from "./discover-provider.ts";

/** What a person types where. */
export interface DeviceCode {
  readonly url: string;
  /** The address with the code in it, where the provider has one. */
  readonly completeUrl: string | undefined;
  readonly code: string;
}

/** A device sign-in that has begun. */
export interface DeviceSignIn {
  readonly grant: SignInGrant;
  readonly shown: DeviceCode;
  /** Wait between two questions, ms. */
  readonly intervalMs: number;
  readonly expiresInMs: number;
}

/** What people are to type: letters, digits and dashes; anything else could act on the terminal. */
const CODE = /^[\x21-\x7e ]{1,40}$/;

/** Asks the provider for a code. @throws GaggleError SIGN_IN_FAILED, UPSTREAM_FAILED */
export async function beginDeviceSignIn(deps: ProviderDeps, provider: SignInProvider): Promise<DeviceSignIn> {
  if (!provider.device)
    throw new GaggleError(
      "SIGN_IN_FAILED",
      "The organisation does not allow signing in with a code; use a machine with a browser, without --device.",
    );
  const configuration = await discoverProvider(deps, provider);
  if (configuration.serverMetadata().device_authorization_endpoint === undefined)
    throw new GaggleError(
      "SIGN_IN_FAILED",
      "The identity provider has no sign-in with a code; use a machine with a browser, without --device.",
    );
  const begun = await initiateDeviceAuthorization(configuration, { scope: provider.scopes.join(" ") }).catch((cause: unknown) => {
    throw new GaggleError("UPSTREAM_FAILED", "The identity provider gave no code; its registration of this client needs the device flow.", {
      cause,
    });
  });
  const { device_code, user_code, verification_uri, verification_uri_complete, expires_in, interval } = begun;
  if (!CODE.test(user_code))
    throw new GaggleError("UPSTREAM_FAILED", "The identity provider gave a code that can't be shown; begin again.");
  return {
    grant: { type: "device", deviceCode: device_code },
    shown: {
      url: webAddress(verification_uri),
      completeUrl: verification_uri_complete === undefined ? undefined : webAddress(verification_uri_complete),
      code: user_code,
    },
    intervalMs: (interval ?? 5) * 1_000,
    expiresInMs: expires_in * 1_000,
  };
}

function webAddress(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).href;
  throw new GaggleError("UPSTREAM_FAILED", "The identity provider gave an address that is none; begin again.");
}
