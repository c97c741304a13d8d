/**
 * How one root key follows another: a statement signed by both travels in every bundle, so that whoever pinned the old root finds the new one, and
 * whoever has seen the new one never goes back. docs/decisions/0111-root-key.md
 */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { ed25519Jwk } from "../contract/identity.ts";
import { orgId } from "../contract/ids.ts";
import type { RootStep } from "../contract/root-step.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, unverifiedPayloadOf, verifyJws } from "./jws.ts";
import { thumbprintOf } from "./keys.ts";

const TYP = "gaggle-root+jws";
const MAX_BYTES = 4_096;

/** What both roots sign. */
const succession = z.strictObject({ v: z.literal(1), org: orgId, from: ed25519Jwk, to: ed25519Jwk, at: z.iso.datetime() });
/** What both roots sign. */
export type Succession = z.infer<typeof succession>;

/** One root's half of a step: its signature over who follows whom. */
export const signSuccession = (payload: Succession, signer: Signer): string =>
  signJws({ typ: TYP, payload: succession.parse(payload), signer });

/**
 * Checks one step.
 * @throws GaggleError BUNDLE_SIGNATURE unless the old and the new root have signed the same statement of this organisation
 */
export function verifyRootStep(step: RootStep, org: string): Succession {
  try {
    const said = succession.parse(unverifiedPayloadOf(step.old, MAX_BYTES));
    const halves = [
      verifyJws({ jws: step.old, typ: TYP, key: said.from, maxBytes: MAX_BYTES }),
      verifyJws({ jws: step.new, typ: TYP, key: said.to, maxBytes: MAX_BYTES }),
    ].map((half) => JSON.stringify(succession.parse(half)));
    if (halves[0] !== halves[1] || said.org !== org) throw new Error("the halves differ");
    return said;
  } catch (cause) {
    throw new GaggleError("BUNDLE_SIGNATURE", "The change of the root key is not signed by the old and the new root key.", { cause });
  }
}

/**
 * The root that counts for whoever pinned one, after all steps that lead on from it. Steps before it are not looked at.
 * @param pinned thumbprint of a root key
 * @returns thumbprints: the pinned one, and each that followed it
 * @throws GaggleError BUNDLE_SIGNATURE for a step on the way that is not signed by both
 */
export function rootsAfter(pinned: string, steps: readonly RootStep[], org: string): readonly [string, ...string[]] {
  const roots: [string, ...string[]] = [pinned];
  let at = pinned;
  for (const step of steps) {
    if (claimedOld(step) !== at) continue;
    at = thumbprintOf(verifyRootStep(step, org).to);
    // A circle would let an old root come back.
    if (roots.includes(at)) throw new GaggleError("BUNDLE_SIGNATURE", "The change of the root key leads back to an older one.");
    roots.push(at);
  }
  return roots;
}

function claimedOld(step: RootStep): string | undefined {
  try {
    return thumbprintOf(succession.parse(unverifiedPayloadOf(step.old, MAX_BYTES)).from);
  } catch {
    return undefined;
  }
}
