/** Reads what an admin edits: `organisation.yaml`, `roles/<role>.yaml`, `policies/`, `guard.yaml`, `models.yaml`, and the recipes. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { bundleManifest, type OrgChart, orgChart, type RoleProfile, roleProfile } from "../../mesh/contract/bundle.ts";
import { type PolicyTestCase, policyTestFile } from "../../guard/policy/policy-tests.ts";
import { GaggleError, systemCode } from "../../mesh/contract/errors.ts";
import { type GuardLists, guardLists } from "../../mesh/contract/guard-policy.ts";
import { parseAs } from "../../mesh/contract/json.ts";
import { type ModelPolicy, modelPolicy } from "../../mesh/contract/model-policy.ts";
import { type SignInProvider, signInProvider } from "../../mesh/contract/sign-in.ts";

/** Largest source file, in bytes. */
const MAX_SOURCE_BYTES = 524_288;

const organisation = z.strictObject({
  name: z.string().min(1).max(100),
  orgChart,
  signIn: signInProvider.optional(),
  retentionDays: bundleManifest.shape.retentionDays,
});
const roleSource = z.strictObject({ ...roleProfile.shape, hints: z.string().max(20_000) });
const FOLDER_NAME = /^[a-z][a-z0-9-]{0,63}$/;
const POLICY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.cedar$/;
const RECIPE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.yaml$/;

/** Stands for an optional source that is not there: everything in it has a default. */
const NOTHING = { v: 1 };

/** One role as its source has it. */
export interface RoleSource {
  readonly profile: RoleProfile;
  /** Text of `.goosehints`. */
  readonly hints: string;
}

/** All that bundles are built from. */
export interface OrganisationSources {
  readonly name: string;
  readonly orgChart: OrgChart;
  readonly roles: readonly RoleSource[];
  /** Text of each policy file by its path in the bundle, for example `policies/month-end-close.cedar`. */
  readonly policies: Readonly<Record<string, string>>;
  /** Tests of the policies by file, for example `policies/tests/close.yaml`; they are run before anything is signed. */
  readonly policyTests: Readonly<Record<string, readonly PolicyTestCase[]>>;
  /** The organisation's own lists for the guard; empty where there is no `guard.yaml`. */
  readonly guardLists: GuardLists;
  /** Routes, prices and budgets; empty where there is no `models.yaml`. */
  readonly modelPolicy: ModelPolicy;
  /** Who signs people in; left out where members join by invitation alone. */
  readonly signIn?: SignInProvider;
  /** Days that audit events are kept; 90 where left out. */
  readonly retentionDays?: number;
  /** Text of each recipe by its path in the bundle, for example `recipes/finance/month-end-close.yaml`. */
  readonly recipes: Readonly<Record<string, string>>;
}

/**
 * Reads an organisation's sources.
 * @param dir folder with `organisation.yaml`, `policies/` and `roles/`; `guard.yaml` and `models.yaml` may be there
 * @param recipesDir folder with one folder of recipes per department
 * @throws GaggleError NOT_FOUND, INVALID_INPUT naming the file, TOO_LARGE
 */
export async function readSources(dir: string, recipesDir: string): Promise<OrganisationSources> {
  const { name, orgChart: chart, signIn, retentionDays } = await readYaml(join(dir, "organisation.yaml"), organisation);
  const { policies, policyTests } = await readPolicies(dir);
  const lists = await readYaml(join(dir, "guard.yaml"), guardLists, NOTHING);
  const models = await readYaml(join(dir, "models.yaml"), modelPolicy, NOTHING);
  const roles = await Promise.all((await plainFiles(join(dir, "roles"), ".yaml")).map(readRole));
  if (roles.length === 0) throw new GaggleError("NOT_FOUND", `There is no role in ${join(dir, "roles")}; add one as <role>.yaml.`);
  const recipes = await readRecipes(recipesDir);
  return {
    name,
    orgChart: chart,
    roles,
    policies,
    policyTests,
    guardLists: lists,
    modelPolicy: models,
    recipes,
    ...(signIn === undefined ? {} : { signIn }),
    ...(retentionDays === undefined ? {} : { retentionDays }),
  };
}

/** The policy files and their tests. */
async function readPolicies(dir: string): Promise<Pick<OrganisationSources, "policies" | "policyTests">> {
  const folder = join(dir, "policies");
  await checkConverted(dir, folder);
  // A policy that is left out silently might be a forbid.
  const astray = (await listFolder(folder)).find((entry) => !entry.isFile() && entry.name !== "tests");
  if (astray !== undefined) {
    throw new GaggleError(
      "INVALID_INPUT",
      `${join(folder, astray.name)} is no plain file; policies lie in ${folder} itself, as <name>.cedar.`,
    );
  }
  const policies: Record<string, string> = {};
  for (const path of await plainFiles(folder, ".cedar")) {
    if (POLICY_NAME.test(basename(path))) policies[`policies/${basename(path)}`] = await readSource(path);
    else throw new GaggleError("INVALID_INPUT", `${path} has a name with other signs than letters, digits, dot, dash and underscore.`);
  }
  if (Object.keys(policies).length === 0) throw new GaggleError("NOT_FOUND", `There is no policy in ${folder}; add one as <name>.cedar.`);
  const tests = await plainFiles(join(folder, "tests"), ".yaml").catch(ifThere);
  const policyTests: Record<string, readonly PolicyTestCase[]> = {};
  for (const path of tests ?? []) policyTests[`policies/tests/${basename(path)}`] = (await readYaml(path, policyTestFile)).tests;
  return { policies, policyTests };
}

/** Organisations made before 2026-12 have an allow-list in `policy.yaml`; to leave it out silently would change what is allowed. */
async function checkConverted(dir: string, folder: string): Promise<void> {
  const old = join(dir, "policy.yaml");
  if ((await readSource(old).catch(ifThere)) === undefined) return;
  throw new GaggleError(
    "INVALID_INPUT",
    `${old} is no longer read: policies are Cedar now. Write its rules as ${join(folder, "*.cedar")} with: gaggle org convert-policy`,
  );
}

async function readRole(path: string): Promise<RoleSource> {
  const { hints, ...profile } = await readYaml(path, roleSource);
  if (`${profile.role}.yaml` !== basename(path)) {
    throw new GaggleError("INVALID_INPUT", `${path} is for the role ${profile.role}; name the file ${profile.role}.yaml.`);
  }
  return { profile, hints };
}

async function readRecipes(dir: string): Promise<Record<string, string>> {
  const recipes: Record<string, string> = {};
  for (const department of await listFolder(dir)) {
    if (!department.isDirectory() || !FOLDER_NAME.test(department.name)) continue;
    for (const path of await plainFiles(join(dir, department.name), ".yaml")) {
      if (RECIPE_NAME.test(basename(path))) recipes[`recipes/${department.name}/${basename(path)}`] = await readSource(path);
    }
  }
  return recipes;
}

const listFolder = async (dir: string) => {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new GaggleError("NOT_FOUND", `There is no folder ${dir}; name the right one or make it with: gaggle org init`, { cause });
  }
};

/**
 * Paths of a folder's plain files of an ending, sorted, so that every machine builds the same. Links are left out: they could point anywhere.
 */
const plainFiles = async (dir: string, ending: string): Promise<string[]> =>
  (await listFolder(dir))
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(dir, entry.name))
    .sort();

async function readSource(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > MAX_SOURCE_BYTES) {
      throw new GaggleError("TOO_LARGE", `${path} is larger than ${MAX_SOURCE_BYTES} bytes.`);
    }
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new GaggleError("NOT_FOUND", `There is no ${path}; make it, or name the right folder.`, { cause });
  }
}

/** Lets a missing file through as undefined; every other fault stays one. */
function ifThere(error: unknown): undefined {
  if (!(error instanceof GaggleError) || error.code !== "NOT_FOUND") throw error;
}

/** @param missing what stands for the file where it is not there; left out, it must be there */
async function readYaml<T>(path: string, schema: z.ZodType<T>, missing?: unknown): Promise<T> {
  const text = missing === undefined ? await readSource(path) : await readSource(path).catch(ifThere);
  if (text === undefined) return parseAs(schema, missing, path);
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", `${path} is not valid YAML.`, { cause });
  }
  return parseAs(schema, value, path);
}
