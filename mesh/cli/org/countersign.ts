/**
 * Signing with a root key that is on another machine: this one writes a request, that one shows it in words and signs it, this one takes the answer.
 * docs/decisions/0111-root-key.md
 */
import { join } from "node:path";
import { z } from "zod";
import { verifyBundleContent } from "../../../profiles/bundle/verify.ts";
import { bundleManifest } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { slug, thumbprint } from "../../contract/ids.ts";
import { canonicalHash, canonicalJson, parseAs, parseJson } from "../../contract/json.ts";
import { signInProvider } from "../../contract/sign-in.ts";
import { thumbprintOf } from "../../identity/keys.ts";
import { readPrivateText, writePrivateFile } from "../../store/private-file.ts";
import { asSeen, type Output, paint } from "../output.ts";
import { readJson, readLocalRoot, readOrg, writeJson } from "./org-folder.ts";
import { finishRelease, type SignDeps, type SignedRelease } from "./org-sign.ts";
import { draftRelease, releaseBundles, type ReleaseDraft, signRelease } from "./release.ts";

const MAX_BYTES = 268_435_456;
const request = z.strictObject({
  v: z.literal(1),
  kind: z.literal("gaggle-sign-request"),
  /** Thumbprint of the root key that shall sign. */
  root: thumbprint,
  version: z.int().min(1),
  nowMs: z.int().min(0),
  trust: bundleManifest.pick({ org: true, issuers: true, admins: true, roster: true, revocations: true, rotation: true }),
  drafts: z
    .array(
      z.strictObject({
        role: slug,
        orgName: z.string().min(1).max(100),
        policyHash: z.string(),
        files: z.record(z.string(), z.string()),
        signIn: signInProvider.optional(),
        retentionDays: bundleManifest.shape.retentionDays,
      }),
    )
    .min(1),
});
const answer = z.strictObject({ v: z.literal(1), kind: z.literal("gaggle-signed-release"), bundles: releaseBundles });
/** What the machine with the root key remembers: what it has signed last, in words. Nothing secret. */
const memory = z.strictObject({ v: z.literal(1), version: z.int(), words: z.array(z.string()) });

/** `gaggle org sign --request FILE`: writes what is to be signed. @throws GaggleError INVALID_INPUT naming what is wrong in the sources */
export async function writeSignRequest(dir: string, file: string, out: Output, deps: SignDeps): Promise<void> {
  const draft = await draftRelease(dir, deps.clock.now());
  const { rootFingerprint: root } = await readOrg(dir);
  const content = parseAs(request, { v: 1, kind: "gaggle-sign-request", root, ...draft }, "The request");
  await writePrivateFile(file, `${JSON.stringify(content)}\n`);
  out.result({ file, version: draft.version });
  out.line(`Wrote the request for version ${draft.version} to ${file}. On the machine with the root key:`);
  out.line(`  gaggle org countersign ${file} --root FOLDER --out signed.json`);
  out.line("Then here: gaggle org sign --signed signed.json");
}

/** What the person at the machine with the root key decides on. */
export interface CountersignOptions {
  readonly file: string;
  /** Folder that holds the root key, `root/` as `gaggle org init` makes it. */
  readonly rootDir: string;
  readonly out: string;
  /** Asked after everything was shown. */
  confirm(): Promise<boolean>;
}

/**
 * `gaggle org countersign`: shows in words what is to be signed and what is other than the last time, and signs it.
 * @throws GaggleError INVALID_INPUT for what is no request, BUNDLE_MISMATCH for another organisation's, BUNDLE_ROLLBACK for a version that was signed
 *   already, STATE_CONFLICT where the person said no
 */
export async function countersign({ file, rootDir, out: target, confirm }: CountersignOptions, out: Output): Promise<void> {
  const { v: _v, kind: _kind, root: fingerprint, ...asked } = await readSigned(file, request, "The request");
  const draft = asked as ReleaseDraft;
  const root = await readLocalRoot(rootDir, fingerprint);
  const remembered = join(rootDir, "signed", "last.json");
  const before = await readJson(remembered, memory);
  if (before !== undefined && draft.version <= before.version) {
    throw new GaggleError(
      "BUNDLE_ROLLBACK",
      `Version ${before.version} was signed here already; write a new request, of a higher version.`,
    );
  }
  const words = wordsOf(draft);
  showRequest(out, draft, words, before?.words, root.thumbprint);
  if (!(await confirm())) throw new GaggleError("STATE_CONFLICT", "Nothing was signed.");
  const bundles = await signRelease(draft, root);
  // Agents would refuse what is incomplete; better to see it here.
  for (const { role, bundle } of bundles)
    verifyBundleContent({ bundle, role, org: draft.trust.org, rootFingerprint: root.thumbprint, minVersion: draft.version });
  // Remembered before the answer is there: a version is never signed with two contents.
  await writeJson(remembered, { v: 1, version: draft.version, words });
  await writePrivateFile(target, `${JSON.stringify({ v: 1, kind: "gaggle-signed-release", bundles })}\n`);
  out.result({ file: target, version: draft.version });
  out.line(`Signed version ${draft.version} into ${target}. Carry it back: gaggle org sign --signed ${target}`);
}

/** Everything that the root key is to say, a line each, so that two releases can be compared. */
function wordsOf({ trust, drafts }: ReleaseDraft): string[] {
  const { roster, revocations, rotation = [] } = trust;
  return [
    ...trust.issuers.map((key) => `issuer key ${thumbprintOf(key)}`),
    ...trust.admins.map((key) => `admin key ${thumbprintOf(key)}`),
    ...roster.approvers.map(({ subject, role, key }) => `approver ${subject} as ${role}, key ${thumbprintOf(key)}`),
    ...Object.entries(roster)
      .filter(([name]) => name !== "approvers")
      .flatMap(([name, list]) => (Array.isArray(list) ? list.map((one) => `roster ${name}: ${canonicalJson(one)}`) : [])),
    ...Object.entries(revocations).flatMap(([name, list]) =>
      Array.isArray(list) ? list.map((one) => `revoked ${name}: ${String(one)}`) : [],
    ),
    ...rotation.map((step, at) => `root key change ${at + 1}: ${canonicalHash(step)}`),
    ...forRoles(drafts, wordsOfRole),
    ...drafts.map(({ role }) => `role ${role}`),
  ].toSorted();
}

/** What a role's bundle says by itself, a line each. */
const wordsOfRole = ({ orgName, signIn, retentionDays, files }: ReleaseDraft["drafts"][number]): string[] => [
  `organisation ${orgName}`,
  ...(signIn === undefined ? [] : [`sign-in by ${canonicalJson(signIn)}`]),
  ...(retentionDays === undefined ? [] : [`audit kept for ${retentionDays} days`]),
  ...Object.entries(files).map(([path, text]) => `file ${path} ${canonicalHash(text)}`),
];

/** Each line with the roles whose bundles say it: that two roles' files were exchanged must show. */
function forRoles(drafts: ReleaseDraft["drafts"], words: (draft: ReleaseDraft["drafts"][number]) => string[]): string[] {
  const said = drafts.flatMap((draft) => words(draft).map((line) => ({ line, role: draft.role })));
  return [...Map.groupBy(said, ({ line }) => line)].map(([line, roles]) =>
    roles.length === drafts.length ? line : `${line} for ${roles.map(({ role }) => role).join(", ")}`,
  );
}

function showRequest(
  out: Output,
  draft: ReleaseDraft,
  words: readonly string[],
  before: readonly string[] | undefined,
  root: string,
): void {
  const [first] = draft.drafts;
  out.line(
    `${paint.strong(asSeen(first?.orgName ?? ""))} (${draft.trust.org}), version ${draft.version}, issued ${new Date(draft.nowMs).toISOString()}`,
  );
  out.line(`to be signed by the root key ${root}. Whoever has what is signed decides by it for 30 days.`);
  if (before === undefined) {
    out.line(paint.warn("Nothing was signed on this machine before, so all of it is new:"));
    for (const line of words) out.line(`  ${asSeen(line)}`);
    return;
  }
  const added = words.filter((line) => !before.includes(line));
  const gone = before.filter((line) => !words.includes(line));
  if (added.length + gone.length === 0) out.line("It says the same as the last that was signed here.");
  for (const line of gone) out.line(paint.bad(`  - ${asSeen(line)}`));
  for (const line of added) out.line(paint.good(`  + ${asSeen(line)}`));
}

/**
 * `gaggle org sign --signed FILE`: takes what was signed on the other machine.
 * @throws GaggleError BUNDLE_SIGNATURE, BUNDLE_MISMATCH, BUNDLE_ROLLBACK where that version is out already
 */
export async function takeSigned(
  { dir, file, publish }: { dir: string; file: string; publish?: string },
  out: Output,
  deps: SignDeps,
): Promise<SignedRelease> {
  const { bundles } = await readSigned(file, answer, "The signed release");
  const { org, rootFingerprint, version } = await readOrg(dir);
  const verified = bundles.map(({ role, bundle }) => verifyBundleContent({ bundle, role, org, rootFingerprint, minVersion: version + 1 }));
  const [{ manifest }] = verified as [(typeof verified)[0]];
  if (verified.some(({ manifest: other }) => other.version !== manifest.version))
    throw new GaggleError("BUNDLE_MISMATCH", "The signed release holds bundles of several versions; sign one request as a whole.");
  const draft = { version: manifest.version, nowMs: Date.parse(manifest.issuedAt), trust: manifest };
  return finishRelease(publish === undefined ? { dir } : { dir, publish }, draft, bundles, out, deps);
}

async function readSigned<T>(file: string, schema: z.ZodType<T>, what: string): Promise<T> {
  const text = await readPrivateText(file);
  if (text === undefined) throw new GaggleError("NOT_FOUND", `There is no ${file}.`);
  if (text.length > MAX_BYTES) throw new GaggleError("TOO_LARGE", `${what} is larger than any can be.`);
  return parseAs(schema, parseJson(text, what), what);
}
