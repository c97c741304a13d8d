/** Turns an organisation's sources into the files of one bundle per role. docs/decisions/0011-bundle-format.md */
import type { OrgChart, RoleProfile } from "../../mesh/contract/bundle.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { GuardLists } from "../../mesh/contract/guard-policy.ts";
import { canonicalJson, sha256Hex } from "../../mesh/contract/json.ts";
import type { ModelPolicy } from "../../mesh/contract/model-policy.ts";
import type { SignInProvider } from "../../mesh/contract/sign-in.ts";
import { compilePattern } from "../../mesh/contract/safe-pattern.ts";
import type { OrganisationSources, RoleSource } from "./read-sources.ts";
import { checkedPolicies } from "./checked-policies.ts";
import { MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES } from "./verify.ts";

/** A role's bundle before it is signed. */
export interface BundleDraft {
  readonly role: string;
  readonly orgName: string;
  /** SHA-256 of `policy.json`, the same for every role. */
  readonly policyHash: string;
  /** Text of each file by its path. */
  readonly files: Readonly<Record<string, string>>;
  /** Who signs people in; signed apart, since strangers must read it. */
  readonly signIn?: SignInProvider;
  /** Days that audit events are kept; 90 where left out. */
  readonly retentionDays?: number;
}

const wrong = (problem: string): GaggleError => new GaggleError("INVALID_INPUT", `${problem} Mend it, then run: gaggle org sign`);

/**
 * Builds every role's bundle.
 * @throws GaggleError INVALID_INPUT where the sources contradict each other, TOO_LARGE
 */
export function buildBundles(sources: OrganisationSources): BundleDraft[] {
  checkChart(sources.orgChart, new Set(sources.roles.map(({ profile }) => profile.role)));
  checkLists(sources.guardLists);
  checkModels(sources.modelPolicy);
  checkSignIn(sources);
  const policy = canonicalJson(checkedPolicies(sources));
  const shared = {
    "org-chart.json": canonicalJson(sources.orgChart),
    "policy.json": policy,
    ...sources.policies,
    "guard.json": canonicalJson(sources.guardLists),
    "models.json": canonicalJson(sources.modelPolicy),
  };
  return sources.roles.map((role) => {
    const files = { ...shared, ...roleFiles(role), ...recipesOf(role.profile, sources.recipes) };
    checkSize(role.profile.role, files);
    return {
      role: role.profile.role,
      orgName: sources.name,
      policyHash: sha256Hex(policy),
      files,
      ...signInOf(sources),
      ...retentionOf(sources),
    };
  });
}

function checkLists({ patterns }: GuardLists): void {
  for (const [i, { pattern }] of patterns.entries()) {
    try {
      compilePattern(pattern, `Pattern ${i + 1} of guard.yaml`);
    } catch (error) {
      throw error instanceof GaggleError ? wrong(error.message) : error;
    }
  }
}

function checkModels({ routes, budgets }: ModelPolicy): void {
  for (const [what, ids] of Object.entries({ route: routes, budget: budgets })) {
    const names = ids.map(({ id }) => id);
    if (new Set(names).size !== names.length) throw wrong(`models.yaml names a ${what} twice.`);
  }
}

const retentionOf = ({ retentionDays }: OrganisationSources): Pick<BundleDraft, "retentionDays"> =>
  retentionDays === undefined ? {} : { retentionDays };

const signInOf = ({ signIn }: OrganisationSources): Pick<BundleDraft, "signIn"> => (signIn === undefined ? {} : { signIn });

function checkSignIn({ signIn, roles }: OrganisationSources): void {
  const known = new Set(roles.map(({ profile }) => profile.role));
  for (const role of Object.values(signIn?.groups?.roles ?? {}).flat()) {
    if (!known.has(role)) throw wrong(`signIn.groups of organisation.yaml names the role ${role}, and there is no roles/${role}.yaml.`);
  }
}

const roleFiles = ({ profile, hints }: RoleSource): Record<string, string> => ({
  "profile.json": canonicalJson(profile),
  "goosehints.md": hints,
});

/** The recipes of the role's department and those of its skills, byte for byte. */
function recipesOf(profile: RoleProfile, recipes: Readonly<Record<string, string>>): Record<string, string> {
  const ids = profile.skills.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) throw wrong(`The role ${profile.role} names a skill twice.`);
  for (const { id, recipe } of profile.skills) {
    if (!Object.hasOwn(recipes, recipe))
      throw wrong(`The skill ${id} of the role ${profile.role} names ${recipe}, and there is no such recipe.`);
  }
  const wanted = new Set(profile.skills.map(({ recipe }) => recipe));
  return Object.fromEntries(
    Object.entries(recipes).filter(([path]) => path.startsWith(`recipes/${profile.department}/`) || wanted.has(path)),
  );
}

function checkChart(chart: OrgChart, roles: ReadonlySet<string>): void {
  const managers = new Map(chart.map(({ id, manager }) => [id, manager]));
  if (managers.size !== chart.length) throw wrong("The org chart names a person twice.");
  for (const { id, role, manager } of chart) {
    if (!roles.has(role)) throw wrong(`The org chart gives ${id} the role ${role}, and there is no roles/${role}.yaml.`);
    if (manager !== null && !managers.has(manager)) throw wrong(`The manager of ${id} is not in the org chart.`);
    if (reportsToSelf(id, managers)) throw wrong(`The org chart goes in a circle at ${id}.`);
  }
}

/** Walks up from a person; more steps than people means a circle. */
function reportsToSelf(id: string, managers: ReadonlyMap<string, string | null>): boolean {
  let at = managers.get(id) ?? null;
  for (let steps = 0; at !== null; steps++) {
    if (steps > managers.size) return true;
    at = managers.get(at) ?? null;
  }
  return false;
}

function checkSize(role: string, files: Readonly<Record<string, string>>): void {
  const paths = Object.keys(files);
  const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (paths.length > MAX_BUNDLE_FILES || bytes > MAX_BUNDLE_BYTES) {
    throw new GaggleError(
      "TOO_LARGE",
      `The bundle of the role ${role} is larger than ${MAX_BUNDLE_FILES} files or ${MAX_BUNDLE_BYTES} bytes.`,
    );
  }
  // Where file names ignore case, two such recipes would overwrite each other.
  if (new Set(paths.map((path) => path.toLowerCase())).size !== paths.length)
    throw wrong(`Two recipes of the role ${role} differ only in letter case.`);
}
