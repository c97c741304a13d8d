/**
 * The issuer keys that a node holds, and which of them signs now. Only keys that the signed bundle names count; the next one is used when every credential that is
 * good was issued to an agent that had the bundle which names it. Source: design, Trust, Issuer keys; decision 0109.
 */
import { CREDENTIAL_LIFETIME_MS } from "../mesh/contract/limits.ts";
import type { Clock, Signer } from "../mesh/contract/ports.ts";
import { createSigner, type Ed25519PrivateJwk } from "../mesh/identity/keys.ts";
import type { BundleShelf } from "./bundle-shelf.ts";

/** What choosing a key needs. */
export interface IssuerKeysDeps {
  readonly shelf: Pick<BundleShelf, "newest" | "issuerNamedAt" | "onChange">;
  readonly clock: Pick<Clock, "now">;
  /** The keys in the node's folder, the next one last. */
  read(): Promise<readonly Ed25519PrivateJwk[]>;
  onError(error: unknown): void;
}

/** The node's issuer keys. */
export interface IssuerKeys {
  /** Signs with the key that is in use at that moment. */
  readonly signer: Signer;
  /** The private key in use. */
  current(): Ed25519PrivateJwk;
  /** All that the node holds and the newest bundle believes. */
  believed(): readonly Ed25519PrivateJwk[];
}

interface HeldKey {
  readonly key: Ed25519PrivateJwk;
  readonly signer: Signer;
}

const hold = (keys: readonly Ed25519PrivateJwk[]): HeldKey[] => keys.map((key) => ({ key, signer: createSigner(key) }));

/** @param keys of the node's folder when it starts, the next one last; at least one */
export function createIssuerKeys(deps: IssuerKeysDeps, keys: readonly [Ed25519PrivateJwk, ...Ed25519PrivateJwk[]]): IssuerKeys {
  const { shelf, clock } = deps;
  let held = hold(keys);
  // The admin puts the next key into the folder and publishes the bundle that names it, in either order.
  shelf.onChange(() => {
    deps.read().then((found) => {
      if (found.length > 0) held = hold(found);
    }, deps.onError);
  });

  const believed = (): HeldKey[] => {
    const { issuers, revocations } = shelf.newest().manifest;
    return held.filter(({ signer }) => issuers.some(({ x }) => x === signer.publicJwk.x) && !revocations.keys.includes(signer.thumbprint));
  };

  /** Who renewed since the key was named had the bundle first, and whose credential is older is no member any more. */
  const isDue = ({ signer }: HeldKey): boolean => {
    const namedAt = shelf.issuerNamedAt(signer.thumbprint);
    return namedAt !== undefined && clock.now() - namedAt >= CREDENTIAL_LIFETIME_MS;
  };

  const inUse = (): HeldKey => {
    const [first] = held as [HeldKey, ...HeldKey[]];
    let usable: HeldKey[];
    try {
      usable = believed();
    } catch {
      // Without a valid bundle nobody believes anything that is signed here.
      return first;
    }
    return usable.findLast((one) => isDue(one)) ?? usable[0] ?? first;
  };

  return {
    current: () => inUse().key,
    believed: () => believed().map(({ key }) => key),
    signer: {
      get publicJwk() {
        return inUse().signer.publicJwk;
      },
      get thumbprint() {
        return inUse().signer.thumbprint;
      },
      sign: (data) => inUse().signer.sign(data),
    },
  };
}
