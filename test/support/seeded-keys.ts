/** Keys and randomness that follow from a name, so that tests repeat exactly. */
import { createHash } from "node:crypto";
import type { Random, Signer } from "../../mesh/contract/ports.ts";
import { createSigner, generateSigningKey } from "../../mesh/identity/keys.ts";
import { createSeededRandom } from "./seeded-random.ts";

/** The randomness of a name. */
export const seededRandom = (name: string): Random => createSeededRandom(createHash("sha256").update(name).digest().readUInt32BE());

/** The signing key of a name. */
export const seededSigner = (name: string): Signer => createSigner(generateSigningKey(seededRandom(name)));
