/** `gaggle org approver`: puts a person's approval key on the roster. It counts once the next bundle is signed. */
import type { z } from "zod";
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import type { Roster } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { type Ed25519Jwk, ed25519Jwk } from "../../contract/identity.ts";
import { slug, subjectId, thumbprint } from "../../contract/ids.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { thumbprintOf } from "../../identity/keys.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg, readRoster, writeJson } from "./org-folder.ts";
import { isPinned, pinAgent } from "./org-pin.ts";

type Approver = Roster["approvers"][number];

/** Options of `gaggle org approver`. */
export interface OrgApproverOptions {
  readonly dir: string;
  readonly subject: string;
  readonly role: string;
  /** The public approval key: JWK, or its JSON text. */
  readonly key: string | Ed25519Jwk;
  /** The person's agent, which is pinned with it: colleagues believe no other agent of an approver. */
  readonly agent?: string;
}

/**
 * Adds an approver to `roster.json`; the same one again changes nothing.
 * @throws GaggleError INVALID_INPUT, NOT_FOUND (not in the org chart), CONFLICT (another role in the org chart, or the key is another
 *   person's)
 */
export async function orgApprover(options: OrgApproverOptions, out: Output): Promise<Approver> {
  const { dir } = options;
  await readOrg(dir);
  const approver = {
    subject: check(subjectId, options.subject, "The subject"),
    role: check(slug, options.role, "The role"),
    key: readKey(options.key),
  };
  await checkPlace(dir, approver);
  const roster = await readRoster(dir);
  const id = thumbprintOf(approver.key);
  const holder = roster.approvers.find(({ key }) => thumbprintOf(key) === id);
  if (holder !== undefined && (holder.subject !== approver.subject || holder.role !== approver.role)) {
    throw new GaggleError(
      "CONFLICT",
      `This key is on the roster for ${holder.subject} (${holder.role}) already; each person needs a key of their own.`,
    );
  }
  if (holder === undefined) await writeJson(orgPaths(dir).roster, { ...roster, approvers: [...roster.approvers, approver] });
  if (options.agent !== undefined) await pinAgent(dir, approver.subject, options.agent);
  out.result(approver);
  out.line(`${approver.subject} approves as ${approver.role} with the key ${id}. It counts after: gaggle org sign --dir ${dir}`);
  if (options.agent === undefined && !(await isPinned(dir, approver.subject)))
    out.line(`Colleagues believe no agent of theirs until it is named: gaggle org pin --user ${approver.subject} --agent ID`);
  return approver;
}

const check = (schema: z.ZodType<string>, value: string, what: string): string => parseAs(schema, value, what);

function readKey(key: string | Ed25519Jwk): Ed25519Jwk {
  if (typeof key !== "string") return parseAs(ed25519Jwk, key, "The approval key");
  if (thumbprint.safeParse(key).success) {
    throw new GaggleError(
      "INVALID_INPUT",
      "A thumbprint names a key but does not hold it; give the public key as JWK, as gaggle approval-key shows it.",
    );
  }
  return parseAs(ed25519Jwk, parseJson(key, "The approval key"), "The approval key");
}

async function checkPlace(dir: string, { subject, role }: Approver): Promise<void> {
  const { profiles, recipes } = orgPaths(dir);
  const place = (await readSources(profiles, recipes)).orgChart.find(({ id }) => id === subject);
  if (place === undefined)
    throw new GaggleError("NOT_FOUND", `The org chart has no ${subject}. Add them to profiles/organisation.yaml first.`);
  if (place.role !== role) throw new GaggleError("CONFLICT", `The org chart gives ${subject} the role ${place.role}, not ${role}.`);
}
