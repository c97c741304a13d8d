/**
 * `gaggle org rotate-issuer`: replaces the issuer key in steps that nobody notices. The next key is named by a bundle, is used by the node 36 hours later, and the
 * old one leaves when nothing that it signed is of use any more. Run it again and again: it does what is due, and says when the next step is. Source: decision 0109.
 */
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GaggleError } from "../../contract/errors.ts";
import { ed25519Jwk } from "../../contract/identity.ts";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS, ENVELOPE_LIFETIME_MS } from "../../contract/limits.ts";
import { readSigningKey, writeSigningKey } from "../../identity/key-file.ts";
import { generateSigningKey, publicJwkOf, thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { type OrgDeps, orgPaths, readJson, readOrg, writeJson } from "./org-folder.ts";

/** From the bundle that names the next key to its use: whoever holds a good credential then had that bundle when it was issued. */
const UNTIL_USED_MS = CREDENTIAL_LIFETIME_MS;
/** From its use to the old key's end: mail may wait for 14 days under the old key's stamp and credential. */
const UNTIL_OLD_ENDS_MS = ENVELOPE_LIFETIME_MS + CREDENTIAL_LIFETIME_MS + CLOCK_LEEWAY_MS;

/** `issuer-rotation.json`: a rotation under way. `signedAt`: when a bundle first named the next key. */
const rotationFile = z.strictObject({
  v: z.literal(1),
  next: ed25519Jwk,
  begunAt: z.iso.datetime(),
  signedAt: z.iso.datetime().optional(),
});

/** Where a rotation stands, and when its next step is due. */
export interface IssuerRotation {
  readonly step: "begun" | "waiting-for-signature" | "overlapping" | "finished";
  /** Thumbprint of the next key, or of the only one. */
  readonly issuer: string;
  readonly usedFrom?: string;
  readonly oldEndsAt?: string;
}

const rotationPath = (dir: string): string => join(dir, "issuer-rotation.json");
const nextKeyPath = (dir: string): string => join(dirname(orgPaths(dir).issuerKey), "issuer-next.json");
const readRotation = (dir: string) => readJson(rotationPath(dir), rotationFile);

/** Notes that bundles were signed: a next issuer key that they name counts from now on. Called by `gaggle org sign`. */
export async function noteIssuersSigned(dir: string, nowMs: number): Promise<void> {
  const rotation = await readRotation(dir);
  if (rotation === undefined || rotation.signedAt !== undefined) return;
  await writeJson(rotationPath(dir), { ...rotation, signedAt: new Date(nowMs).toISOString() });
}

/**
 * Takes the step that is due.
 * @param options `now`: the old key leaves at once, which ends its credentials and the mail under them; for a key that may be stolen
 * @throws GaggleError NOT_FOUND where the folder is no organisation or lacks its issuer key
 */
export async function orgRotateIssuer(
  options: { readonly dir: string; readonly now?: boolean },
  out: Output,
  deps: OrgDeps,
): Promise<IssuerRotation> {
  const { dir } = options;
  const underWay = await readRotation(dir);
  const begun = underWay === undefined ? await begin(dir, deps) : undefined;
  const rotation = underWay ?? (options.now === true ? await readRotation(dir) : undefined);
  const result = rotation === undefined ? begun : await goOn(rotation, options, deps.clock.now());
  if (result === undefined) throw new GaggleError("INTERNAL", "The rotation that was begun is not on the disk.");
  out.result(result);
  tell(result, dir, out);
  return result;
}

async function begin(dir: string, { random, clock }: OrgDeps): Promise<IssuerRotation> {
  const org = await readOrg(dir);
  await readSigningKey(orgPaths(dir).issuerKey, "issuer key");
  const key = generateSigningKey(random);
  const next = publicJwkOf(key);
  // The key is on the disk before anything names it.
  await rm(nextKeyPath(dir), { force: true });
  await writeSigningKey(nextKeyPath(dir), key);
  await writeJson(rotationPath(dir), { v: 1, next, begunAt: new Date(clock.now()).toISOString() });
  await writeJson(orgPaths(dir).org, { ...org, issuers: [...org.issuers, next] });
  return { step: "begun", issuer: thumbprintOf(next) };
}

async function goOn(
  { next, signedAt }: z.infer<typeof rotationFile>,
  { dir, now = false }: { readonly dir: string; readonly now?: boolean },
  nowMs: number,
): Promise<IssuerRotation> {
  const issuer = thumbprintOf(next);
  if (now) return finish(dir, next);
  if (signedAt === undefined) return { step: "waiting-for-signature", issuer };
  const usedFromMs = Date.parse(signedAt) + UNTIL_USED_MS;
  const oldEndsMs = usedFromMs + UNTIL_OLD_ENDS_MS;
  if (nowMs >= oldEndsMs) return finish(dir, next);
  return { step: "overlapping", issuer, usedFrom: new Date(usedFromMs).toISOString(), oldEndsAt: new Date(oldEndsMs).toISOString() };
}

/** The next key takes the place of the old one. Cut short, it is run again: the rotation's file goes last. */
async function finish(dir: string, next: z.infer<typeof ed25519Jwk>): Promise<IssuerRotation> {
  const { issuerKey } = orgPaths(dir);
  const inPlace = await readSigningKey(issuerKey, "issuer key").then(({ x }) => x === next.x);
  if (!inPlace) {
    const key = await readSigningKey(nextKeyPath(dir), "next issuer key");
    await rename(issuerKey, join(dirname(issuerKey), "issuer-before.json"));
    await writeSigningKey(issuerKey, key);
  }
  await writeJson(orgPaths(dir).org, { ...(await readOrg(dir)), issuers: [next] });
  for (const path of [nextKeyPath(dir), join(dirname(issuerKey), "issuer-before.json"), rotationPath(dir)]) await rm(path, { force: true });
  return { step: "finished", issuer: thumbprintOf(next) };
}

function tell({ step, issuer, usedFrom, oldEndsAt }: IssuerRotation, dir: string, out: Output): void {
  const sign = `gaggle org sign --dir ${dir} --publish URL`;
  const copy = `Where the node is on another machine, copy ${nextKeyPath(dir)} into its folder bootstrap/keys first.`;
  const lines = {
    begun: [`The next issuer key is ${issuer}. ${copy}`, `It counts after: ${sign}`],
    "waiting-for-signature": [`The next issuer key, ${issuer}, is not in a bundle yet. Run: ${sign}`],
    overlapping: [
      `Both issuer keys count. The node uses the next one, ${issuer}, from ${usedFrom}.`,
      `Run this again after ${oldEndsAt}: the old key then leaves.`,
    ],
    finished: [`${issuer} is the only issuer key. It is so for everybody after: ${sign}`],
  } as const;
  for (const line of lines[step]) out.line(line);
}
