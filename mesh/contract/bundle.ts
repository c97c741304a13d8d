/** The signed profile bundle and what is in it. Source: design, Trust, Profile bundle; spec O2–O5. */
import { z } from "zod";
import { guardProfile } from "./guard-policy.ts";
import { ed25519Jwk } from "./identity.ts";
import { agentId, orgId, sha256, slug, subjectId, thumbprint } from "./ids.ts";
import { RUN_MAX_TURNS, RUN_TIMEOUT_MS } from "./limits.ts";
import { rotation } from "./root-step.ts";

/** Path of a file in a bundle: relative, forward slashes, no `.` or `..` segments. */
const bundlePath = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/, "a relative path without . or .. segments");

/** Key thumbprints that carry authority. Issuer keys carry none. */
export const roster = z.strictObject({
  approvers: z.array(z.strictObject({ subject: subjectId, role: slug, key: ed25519Jwk })),
  stewards: z.array(thumbprint),
  /** Agents of people whom an issuer's word alone does not admit: everybody named here or among the approvers. `key`: the agent key's thumbprint. */
  agents: z.array(z.strictObject({ subject: subjectId, key: thumbprint })).optional(),
});
/** Key thumbprints that carry authority. */
export type Roster = z.infer<typeof roster>;

/** What is no longer trusted. `seq` grows with every change. */
export const revocations = z.strictObject({
  seq: z.int().min(0),
  agents: z.array(agentId),
  subjects: z.array(subjectId),
  keys: z.array(thumbprint),
  /** By admin key: up to which number lists of before 2026-11 had settled its statements. Kept as they left it; numbers that are used now lie above. */
  settled: z.record(thumbprint, z.int().min(1)).optional(),
  /** By admin key: its statements that this list has settled, by their ids. They count no more, so that the root has the last word. Decision 0127. */
  settledIds: z.record(thumbprint, z.array(sha256)).optional(),
});
/** What is no longer trusted. */
export type Revocations = z.infer<typeof revocations>;

/** The signed statement about a bundle: payload of a compact JWS (EdDSA, `typ` "gaggle-bundle+jws") by the org's root key, over RFC 8785 JSON. */
export const bundleManifest = z.strictObject({
  v: z.literal(1),
  org: orgId,
  orgName: z.string().min(1).max(100),
  role: slug,
  version: z.int().min(1),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  root: ed25519Jwk,
  /** How the root key came to be this one, where it was another before. */
  rotation: rotation.optional(),
  issuers: z.array(ed25519Jwk).min(1),
  admins: z.array(ed25519Jwk).min(1),
  roster,
  revocations,
  /** Days that audit events are kept, here and on the bootstrap node; {@link RETENTION_DAYS} where left out. */
  retentionDays: z.int().min(1).max(36_500).optional(),
  policyHash: sha256,
  files: z.record(bundlePath, sha256),
});
/** The signed statement about a bundle. */
export type BundleManifest = z.infer<typeof bundleManifest>;

/** A bundle as it travels: the manifest's compact JWS and each file's text. */
export const signedBundle = z.strictObject({ manifest: z.string().max(1_048_576), files: z.record(bundlePath, z.string().max(524_288)) });
/** A bundle as it travels. */
export type SignedBundle = z.infer<typeof signedBundle>;

/** What a role's agent can be asked to do: a recipe under a name. */
export const skill = z.strictObject({
  id: slug,
  description: z.string().max(300),
  /** Path of the recipe in the bundle, for example `recipes/marketing/accruals.yaml`. */
  recipe: bundlePath,
  /** Whether an interrupted run may be repeated without asking a person. */
  restart: z.enum(["safe", "ask"]),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(3_600)
    .default(RUN_TIMEOUT_MS / 1_000),
  maxTurns: z.int().min(1).max(200).default(RUN_MAX_TURNS),
});
/** What a role's agent can be asked to do. */
export type Skill = z.infer<typeof skill>;

/** When a role is at work: days from 1 (Monday) to 7, wall-clock times of an IANA time zone; `to` before `from` ends on the next day. */
export const workingHours = z.strictObject({
  timeZone: z.string().min(1).max(60),
  days: z.array(z.int().min(1).max(7)).min(1).max(7),
  from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time like 08:30"),
  to: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time like 17:00"),
});
/** When a role is at work. */
export type WorkingHours = z.infer<typeof workingHours>;

/** `profile.json` in a bundle. */
export const roleProfile = z.strictObject({
  role: slug,
  title: z.string().max(100),
  department: slug,
  /** Autonomy level 0 (suggests) to 3 (acts alone within policy). */
  level: z.int().min(0).max(3),
  extensions: z.array(z.strictObject({ name: slug, tools: z.array(z.string()).min(1) })),
  skills: z.array(skill),
  guard: guardProfile,
  concurrency: z.int().min(1).max(16),
  locale: z.string().max(20),
  /** Left out: at work at any time. */
  workingHours: workingHours.optional(),
});
/** `profile.json` in a bundle. */
export type RoleProfile = z.infer<typeof roleProfile>;

/** `org-chart.json` in a bundle: an adjacency list. */
export const orgChart = z.array(
  z.strictObject({
    id: subjectId,
    title: z.string().max(100),
    role: slug,
    department: slug,
    manager: subjectId.nullable(),
    locale: z.string().max(20),
  }),
);
/** `org-chart.json` in a bundle. */
export type OrgChart = z.infer<typeof orgChart>;

/** Actions that policy decides on. */
export const policyAction = z.enum([
  "task.send",
  "task.receive",
  "task.run",
  "approval.request",
  "approval.decide",
  "notify.send",
  "session.join",
  "session.share",
  "session.handoff",
  "tool.call",
  "guard.restore",
  "audit.export",
  /** Values of a class leave for another department unmasked; the resource is the class. */
  "data.release",
  /** A model is called; the resource is its name. */
  "model.call",
  /** A route of the bootstrap node's API is called; the resource is its name. */
  "api.call",
]);
/** Actions that policy decides on. */
export type PolicyAction = z.infer<typeof policyAction>;
