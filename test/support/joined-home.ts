/** The home of an agent that has joined, as `gaggle join` leaves it, without a bootstrap node. */
import { join } from "node:path";
import { type AgentConfig, homePaths, writeAgentConfig } from "../../mesh/agent/agent-config.ts";
import { testPort } from "./test-port.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../mesh/identity/keys.ts";
import { issueMembership } from "../../mesh/identity/membership.ts";
import { writePrivateFile } from "../../mesh/store/private-file.ts";
import { openBundleStore } from "../../profiles/bundle/bundle-store.ts";
import { readSources } from "../../profiles/bundle/read-sources.ts";
import { seededRandom, seededSigner } from "./seeded-keys.ts";
import { createTestOrganisation, type TestOrganisation } from "./test-organisation.ts";

/** Repository root, which is also an install folder. */
export const INSTALL_DIR = join(import.meta.dirname, "..", "..");

/** Read once a test file: parsing the sample's profiles and recipes costs more than signing them. */
let sample: ReturnType<typeof readSources> | undefined;

/** Writes a fresh membership credential, as the daemon does. `lifetimeMs`: shorter where a sign-in ends before it. */
export function writeCredential({ home, config, organisation }: JoinedHome, lifetimeMs?: number): Promise<void> {
  const { org, subject, role, department, agentId } = config;
  const member = { subject, role, department, agentId, seal: publicJwkOf(generateAgentKeys(seededRandom("fiona")).seal) };
  const signer = organisation.issuer;
  const jwt = issueMembership({
    org,
    member,
    signer,
    nowMs: Date.now(),
    random: seededRandom("credential"),
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  });
  return writePrivateFile(homePaths(home).credential, jwt);
}

/** A joined home and its organisation. */
export interface JoinedHome {
  readonly home: string;
  readonly config: AgentConfig;
  readonly organisation: TestOrganisation;
}

/** Makes the home of `fiona.berg`, finance of the sample organisation, in a folder; `change` alters its `config.json`. */
export async function joinedHome(home: string, change: Partial<AgentConfig> = {}): Promise<JoinedHome> {
  const organisation = createTestOrganisation();
  const config: AgentConfig = {
    v: 2,
    org: organisation.org,
    subject: "fiona.berg",
    role: "finance",
    department: "finance",
    agentId: agentIdOf(seededSigner("fiona").publicJwk),
    bootstrapUrl: "http://127.0.0.1:9",
    bootstrapPeers: [],
    rootFingerprint: organisation.root.thumbprint,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    mdns: false,
    gatewayPort: await testPort(),
    upstreams: { default: { protocol: "openai", baseUrl: "http://127.0.0.1:9/v1", local: false, model: "m" } },
    gooseRoot: null,
    ...change,
  };
  await writeAgentConfig(home, config);
  sample ??= readSources(join(INSTALL_DIR, "profiles", "sample"), join(INSTALL_DIR, "recipes"));
  const sources = await sample;
  const { org, role, rootFingerprint } = config;
  const store = await openBundleStore({ clock: Date }, { dir: homePaths(home).bundle, org, role, rootFingerprint });
  await store.accept(organisation.sign("finance", { version: 3, nowMs: Date.now(), sources }));
  return { home, config, organisation };
}
