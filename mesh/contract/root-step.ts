/** One change of the organisation's root key, as it travels in bundles. docs/decisions/0111-root-key.md */
import { z } from "zod";

const jws = z.string().max(4_096);
/** The same statement signed by the old and by the new root key (compact JWS, EdDSA, `typ` "gaggle-root+jws"). */
export const rootStep = z.strictObject({ old: jws, new: jws });
/** The same statement signed by the old and by the new root key. */
export type RootStep = z.infer<typeof rootStep>;
/** All changes so far, the oldest first. */
export const rotation = z.array(rootStep).max(32);
