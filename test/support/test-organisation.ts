/** A small organisation with keys and signed bundles, made in memory. */
import type { RoleProfile, SignedBundle } from "../../mesh/contract/bundle.ts";
import { signSuccession } from "../../mesh/identity/root-chain.ts";
import { guardLists, guardProfile } from "../../mesh/contract/guard-policy.ts";
import { modelPolicy } from "../../mesh/contract/model-policy.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { orgIdOf } from "../../mesh/identity/org-id.ts";
import { type BundleDraft, buildBundles } from "../../profiles/bundle/build-bundles.ts";
import type { OrganisationSources } from "../../profiles/bundle/read-sources.ts";
import { type BundleTrust, signBundle } from "../../profiles/bundle/sign-bundle.ts";
import { seededSigner } from "./seeded-keys.ts";

const profile = (role: string, skills: RoleProfile["skills"] = []): RoleProfile => ({
  role,
  title: role,
  department: role,
  level: 2,
  extensions: [{ name: "mesh", tools: ["send_task"] }],
  skills,
  guard: guardProfile.parse({ mode: "mask-and-forward" }),
  concurrency: 2,
  locale: "en-GB",
});

const HARBOUR = `
@id("ask-accruals")
permit (principal in Role::"finance", action in [Action::"task.send", Action::"task.receive"], resource == Task::"accruals")
when { context.target in Role::"marketing" };

@id("export-audit")
permit (principal in Role::"executive", action == Action::"audit.export", resource);

@id("call-the-api")
permit (principal, action == Action::"api.call", resource);
`;

/** A permit of finance for some tools, as one more policy file. */
export const toolPermit = (tools: readonly string[], annotations = ""): string =>
  `@id("tools") ${annotations}
  permit (principal in Role::"finance", action == Action::"tool.call", resource)
  when { [${tools.map((tool) => `Tool::"${tool}"`).join(", ")}].contains(resource) };`;

/** Sources with one more policy file. */
export const withPolicy = (sources: OrganisationSources, text: string): OrganisationSources => ({
  ...sources,
  policies: { ...sources.policies, "policies/more.cedar": text },
});

/** Sources of an organisation with the roles finance, marketing and executive. */
export function testSources(): OrganisationSources {
  const recipe = "recipes/marketing/accruals.yaml";
  const accruals = { id: "accruals", description: "Lists accruals.", recipe, restart: "safe", timeoutSeconds: 600, maxTurns: 30 } as const;
  const person = (id: string, role: string, manager: string | null) => ({
    id,
    title: role,
    role,
    department: role,
    manager,
    locale: "en-GB",
  });
  return {
    name: "Harbour Lamps",
    orgChart: [
      person("edward.lindqvist", "executive", null),
      person("fiona.berg", "finance", "edward.lindqvist"),
      person("marco.diaz", "marketing", "edward.lindqvist"),
    ],
    roles: ["executive", "finance", "marketing"].map((role) => ({
      profile: profile(role, role === "marketing" ? [accruals] : []),
      hints: `You work for ${role}.\n`,
    })),
    policies: { "policies/harbour.cedar": HARBOUR },
    policyTests: {},
    guardLists: guardLists.parse({ v: 1 }),
    modelPolicy: modelPolicy.parse({ v: 1 }),
    recipes: { [recipe]: 'version: "1.0.0"\ntitle: Accruals\n', "recipes/finance/close.yaml": 'version: "1.0.0"\ntitle: Close\n' },
  };
}

/** Keys of a test organisation and what signs its bundles. */
export interface TestOrganisation {
  readonly org: string;
  readonly root: Signer;
  readonly issuer: Signer;
  readonly admin: Signer;
  readonly trust: BundleTrust;
  /** A role's signed bundle. */
  sign(
    role: string,
    options: {
      version: number;
      nowMs: number;
      trust?: Partial<BundleTrust>;
      sources?: OrganisationSources;
      root?: Signer;
      retentionDays?: number;
    },
  ): SignedBundle;
}

/** The organisation of a name: its keys follow from it. */
export function createTestOrganisation(name = "harbour"): TestOrganisation {
  const [root, issuer, admin] = [seededSigner(`${name} root`), seededSigner(`${name} issuer`), seededSigner(`${name} admin`)];
  const org = orgIdOf(root.thumbprint);
  // Compiling the policies takes longer than signing.
  let usual: readonly BundleDraft[] | undefined;
  const trust: BundleTrust = {
    org,
    issuers: [issuer.publicJwk],
    admins: [admin.publicJwk],
    roster: { approvers: [], stewards: [] },
    revocations: { seq: 0, agents: [], subjects: [], keys: [] },
  };
  return {
    org,
    root,
    issuer,
    admin,
    trust,
    sign(role, options) {
      if (options.sources === undefined) usual ??= buildBundles(testSources());
      const drafts = options.sources === undefined ? usual : buildBundles(options.sources);
      const draft = drafts?.find((candidate) => candidate.role === role);
      if (draft === undefined) throw new Error(`no role ${role} in the test organisation`);
      const { version, nowMs, retentionDays } = options;
      const kept = retentionDays === undefined ? draft : { ...draft, retentionDays };
      return signBundle({ draft: kept, trust: { ...trust, ...options.trust }, version, nowMs, root: options.root ?? root });
    },
  };
}

/** What a root key and the next one sign about the change, and that as a chain of one step. */
export function successionOf({ org, root }: Pick<TestOrganisation, "org" | "root">, next: Signer) {
  const said = { v: 1, org, from: root.publicJwk, to: next.publicJwk, at: "2026-11-20T00:00:00.000Z" } as const;
  return { said, rotation: [{ old: signSuccession(said, root), new: signSuccession(said, next) }] };
}
