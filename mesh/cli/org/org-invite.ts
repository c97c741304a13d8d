/** `gaggle org invite`: a one-time link that lets one person's machine join in one role. */
import { join } from "node:path";
import { verifyBundleContent } from "../../../profiles/bundle/verify.ts";
import { signedBundle } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { slug, subjectId } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import { INVITATION_LIFETIME_MS } from "../../contract/limits.ts";
import { createInvitation } from "../../identity/invitation.ts";
import type { Output } from "../output.ts";
import { nodePin } from "./node-pin.ts";
import { adminSigner, type OrgDeps, orgPaths, readJson, readOrg, readPseudonymKey } from "./org-folder.ts";

/** Options of `gaggle org invite`. */
export interface OrgInviteOptions {
  readonly dir: string;
  readonly role: string;
  /** The person's id in the org chart. */
  readonly user: string;
  /** Base URL of the bootstrap node, as the invited machine reaches it. */
  readonly url: string;
  /** Default 7 days. */
  readonly lifetimeMs?: number;
  /** Pin of the node's TLS key; false for none, left out for the one that the node left in its folder. */
  readonly pin?: string | false;
}

/**
 * Makes an invitation. It holds the pseudonym key: hand it over on a channel that only the invited person reads.
 * @throws GaggleError INVALID_INPUT, BUNDLE_MISSING before the first `gaggle org sign`, NOT_FOUND where the signed org chart lacks the
 *   person,
 *   CONFLICT where it gives them another role, INVITATION_INVALID for a bad URL
 */
export async function orgInvite(options: OrgInviteOptions, out: Output, deps: OrgDeps): Promise<string> {
  const role = parseAs(slug, options.role, "The role");
  const subject = parseAs(subjectId, options.user, "The user");
  const { org, rootFingerprint } = await readOrg(options.dir);
  await checkPlace(options.dir, { org, rootFingerprint, role, subject });
  const pseudonym = await readPseudonymKey(options.dir);
  const nowMs = deps.clock.now();
  const lifetimeMs = options.lifetimeMs ?? INVITATION_LIFETIME_MS;
  const pin = await nodePin(options);
  const link = createInvitation({
    ...(pin === undefined ? {} : { tlsPin: pin }),
    baseUrl: options.url,
    org,
    role,
    subject,
    rootFingerprint,
    pseudonymEpoch: pseudonym.epoch,
    pseudonymKey: pseudonym.key,
    signer: await adminSigner(options.dir),
    nowMs,
    random: deps.random,
    lifetimeMs,
  });
  const expiresAt = new Date(nowMs + lifetimeMs).toISOString();
  out.result({ link, role, user: subject, expiresAt });
  out.line(`For ${subject} as ${role}, once, until ${expiresAt.slice(0, 16).replace("T", " ")} UTC. Only they may see it:`);
  out.line(link);
  out.line("They run `gaggle join -` and paste it: as an argument, other users of their machine could read it.");
  return link;
}

/** The bootstrap node lets in who is on the signed org chart in that role; better to say so now than when they join. */
async function checkPlace(dir: string, who: { org: string; rootFingerprint: string; role: string; subject: string }): Promise<void> {
  const bundle = await readJson(join(orgPaths(dir).bundles, `${who.role}.json`), signedBundle);
  if (bundle === undefined) {
    throw new GaggleError(
      "BUNDLE_MISSING",
      `There is no signed bundle for the role ${who.role}. Describe it in roles/${who.role}.yaml, then run: gaggle org sign`,
    );
  }
  const place = verifyBundleContent({ ...who, bundle, minVersion: 1 }).orgChart.find(({ id }) => id === who.subject);
  if (place === undefined) {
    throw new GaggleError(
      "NOT_FOUND",
      `The signed org chart has no ${who.subject}. Add them to profiles/organisation.yaml, then run: gaggle org sign`,
    );
  }
  if (place.role !== who.role) {
    throw new GaggleError(
      "CONFLICT",
      `The signed org chart gives ${who.subject} the role ${place.role}, not ${who.role}. Invite them as ${place.role}.`,
    );
  }
}
