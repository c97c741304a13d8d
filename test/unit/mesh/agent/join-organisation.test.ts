/** Joining a real bootstrap node over HTTP on loopback, and one that lies. */
import { existsSync, mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BootstrapNode, createBootstrapNode } from "../../../../bootstrap-node/create-bootstrap-node.ts";
import { homePaths, readAgentConfig } from "../../../../mesh/agent/agent-config.ts";
import { joinOrganisation } from "../../../../mesh/agent/join-organisation.ts";
import { readPseudonymKeys } from "../../../../mesh/identity/pseudonym-keys.ts";
import { systemRandom } from "../../../../mesh/agent/system.ts";
import { orgInit } from "../../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../../mesh/cli/org/org-invite.ts";
import { orgPaths, readOrg } from "../../../../mesh/cli/org/org-folder.ts";
import { orgRevoke } from "../../../../mesh/cli/org/org-revoke.ts";
import { orgSign } from "../../../../mesh/cli/org/org-sign.ts";
import type { BootstrapResponse } from "../../../../mesh/contract/bootstrap-api.ts";
import { createInvitation } from "../../../../mesh/identity/invitation.ts";
import { readAgentKeys, readSigningKey } from "../../../../mesh/identity/key-file.ts";
import { agentIdOf, createSigner, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { captureOutput } from "../../../support/captured-output.ts";
import { INSTALL_DIR } from "../../../support/joined-home.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import { createWallClock } from "../../../support/wall-clock.ts";

const DAY_MS = 86_400_000;
const { out } = captureOutput();
const clock = createWallClock();
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

const folder = realpathSync(mkdtempSync(join(tmpdir(), "gaggle-")));
let dir: string;
let node: BootstrapNode;

beforeAll(async () => {
  dir = join(folder, "org");
  const deps = { clock, random: systemRandom };
  await orgInit({ dir, installDir: INSTALL_DIR, content: "sample" }, out, deps);
  await orgSign({ dir }, out, deps);
  const config = { dir: join(dir, "bootstrap"), host: "127.0.0.1", port: 0, version: "0.0.0-test", peer: null };
  node = await createBootstrapNode({ ...deps, log }, config);
});
afterAll(async () => {
  await node?.close();
  await rm(folder, { recursive: true });
});

const invite = (user = "fiona.berg", role = "finance"): Promise<string> =>
  orgInvite({ dir, role, user, url: node.url }, out, { clock, random: systemRandom });
const joinWith = (home: string, invitation: string, fetch: typeof globalThis.fetch = globalThis.fetch) =>
  joinOrganisation(
    { clock, random: systemRandom, fetch },
    { home, invitation, listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false, gooseRoot: null, upstream: null },
  );

/** `fetch` to a node that changes its answer to a join. */
const lying =
  (change: (answer: BootstrapResponse<"join">) => Promise<object> | object): typeof globalThis.fetch =>
  async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    return Response.json(await change((await answer.json()) as BootstrapResponse<"join">));
  };

describe("joining", () => {
  it("makes this machine a member: configuration, key, credential, bundle and pseudonym key, as the invitation says", async () => {
    const home = join(tempFolder(), "home");
    const config = await joinWith(home, await invite());
    expect(await readAgentConfig(home)).toEqual(config);
    const { sign } = await readAgentKeys(homePaths(home).keys);
    expect(config).toMatchObject({
      subject: "fiona.berg",
      role: "finance",
      department: "finance",
      agentId: agentIdOf(publicJwkOf(sign)),
      rootFingerprint: (await readOrg(dir)).rootFingerprint,
      bootstrapUrl: node.url,
    });
    expect(config.gatewayPort).toBeGreaterThan(0);
    const [ours] = (await readPseudonymKeys(orgPaths(dir).pseudonym)) ?? [];
    expect(await readPseudonymKeys(homePaths(home).pseudonymKey)).toEqual([{ ...ours, validFrom: 0 }]);
    expect(existsSync(join(homePaths(home).bundle, "bundle.json"))).toBe(true);
  });

  it("that lost the node's answer can be repeated with the same invitation, and is the same agent", async () => {
    const home = join(tempFolder(), "home");
    const invitation = await invite();
    const losing: typeof globalThis.fetch = async (input, init) => {
      await globalThis.fetch(input, init);
      throw new TypeError("the connection was lost");
    };
    await expect(joinWith(home, invitation, losing)).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(existsSync(homePaths(home).config)).toBe(false);
    const { sign } = await readAgentKeys(homePaths(home).keys);
    expect((await joinWith(home, invitation)).agentId).toBe(agentIdOf(publicJwkOf(sign)));
  });

  it("that was cut off before its last file can be repeated too", async () => {
    const home = join(tempFolder(), "home");
    const invitation = await invite();
    const { agentId } = await joinWith(home, invitation);
    await rm(homePaths(home).config);
    expect((await joinWith(home, invitation)).agentId).toBe(agentId);
  });

  it("twice at once in one home lets one in, and the other's invitation stays good", async () => {
    const home = join(tempFolder(), "home");
    const invitations = [await invite("nils.ekstrom", "sales"), await invite("carmen.ortega", "sales")];
    const ends = await Promise.allSettled(invitations.map((invitation) => joinWith(home, invitation)));
    const lost = ends.findIndex(({ status }) => status === "rejected");
    expect(ends[lost]).toMatchObject({ reason: { code: "ALREADY_JOINED" } });
    expect(ends[1 - lost]).toMatchObject({ value: await readAgentConfig(home) });
    await joinWith(join(tempFolder(), "home"), invitations[lost] ?? "");
  });

  it("a second time is refused, names who is there, and changes nothing", async () => {
    const home = join(tempFolder(), "home");
    const config = await joinWith(home, await invite());
    await expect(joinWith(home, await invite("marco.diaz", "marketing"))).rejects.toMatchObject({
      code: "ALREADY_JOINED",
      message: expect.stringContaining("fiona.berg"),
    });
    expect(await readAgentConfig(home)).toEqual(config);
  });
});

describe("an invitation", () => {
  it("that another machine has used is refused", async () => {
    const invitation = await invite();
    await joinWith(join(tempFolder(), "first"), invitation);
    const second = join(tempFolder(), "second");
    await expect(joinWith(second, invitation)).rejects.toMatchObject({ code: "INVITATION_USED" });
    expect(existsSync(homePaths(second).config)).toBe(false);
  });

  it("that nobody of the organisation signed is refused", async () => {
    const { org, rootFingerprint } = await readOrg(dir);
    const forged = createInvitation({
      baseUrl: node.url,
      org,
      role: "finance",
      subject: "fiona.berg",
      rootFingerprint,
      pseudonymEpoch: 1,
      pseudonymKey: Buffer.alloc(32, 1).toString("base64url"),
      signer: seededSigner("thief"),
      nowMs: clock.now(),
      random: systemRandom,
    });
    await expect(joinWith(join(tempFolder(), "home"), forged)).rejects.toMatchObject({ code: "INVITATION_INVALID" });
  });

  it("that is cut short or no link at all is refused before anything is made", async () => {
    const home = join(tempFolder(), "home");
    const good = await invite();
    for (const bad of [good.slice(0, -40), "https://example.com/", "hello", ""])
      await expect(joinWith(home, bad)).rejects.toMatchObject({ code: "INVITATION_INVALID" });
    expect(existsSync(home)).toBe(false);
  });

  it("of a person who has been revoked since is refused", async () => {
    const invitation = await invite("nils.ekstrom", "sales");
    await orgRevoke({ dir, user: "nils.ekstrom" }, out, { clock, random: systemRandom });
    await orgSign({ dir, publish: node.url }, out, { clock, random: systemRandom, fetch: globalThis.fetch });
    await expect(joinWith(join(tempFolder(), "home"), invitation)).rejects.toMatchObject({ code: "REVOKED" });
  });

  it("that has expired is refused", async () => {
    const invitation = await invite();
    clock.shift(8 * DAY_MS);
    try {
      await expect(joinWith(join(tempFolder(), "home"), invitation)).rejects.toMatchObject({ code: "INVITATION_INVALID" });
    } finally {
      clock.shift(-8 * DAY_MS);
    }
  });
});

describe("a node that lies to who joins", () => {
  /** A credential by the organisation's own issuer for this very agent, as a taken-over node can make it. */
  const issueFor = async (home: string, subject: string, role: string): Promise<string> => {
    const { sign, seal } = await readAgentKeys(homePaths(home).keys);
    const member = { subject, role, department: role, agentId: agentIdOf(publicJwkOf(sign)), seal: publicJwkOf(seal) };
    const signer = createSigner(await readSigningKey(orgPaths(dir).issuerKey, "issuer key"));
    return issueMembership({ org: (await readOrg(dir)).org, member, signer, nowMs: clock.now(), random: systemRandom });
  };
  const otherAgents = async (): Promise<string> => {
    const home = join(tempFolder(), "other");
    await joinWith(home, await invite());
    return readFileSync(homePaths(home).credential, "utf8");
  };
  type Answer = BootstrapResponse<"join">;
  const lies: [name: string, code: string, lie: (answer: Answer, home: string) => Promise<object> | object][] = [
    [
      "with another person's membership",
      "CREDENTIAL_INVALID",
      async (a, home) => ({ ...a, credential: await issueFor(home, "marco.diaz", "finance") }),
    ],
    ["with another role", "CREDENTIAL_INVALID", async (a, home) => ({ ...a, credential: await issueFor(home, "fiona.berg", "executive") })],
    ["with another agent's membership", "CREDENTIAL_INVALID", async (a) => ({ ...a, credential: await otherAgents() })],
    [
      "with a bundle that nobody signed",
      "BUNDLE_SIGNATURE",
      (a) => ({ ...a, bundle: { ...a.bundle, manifest: `${a.bundle.manifest.split(".").slice(0, 2).join(".")}.` } }),
    ],
    [
      "with an altered bundle",
      "BUNDLE_SIGNATURE",
      (a) => ({ ...a, bundle: { ...a.bundle, files: { ...a.bundle.files, "policy.json": "{}" } } }),
    ],
    [
      "with another role's bundle",
      "BUNDLE_MISMATCH",
      (a) => ({ ...a, bundle: JSON.parse(readFileSync(join(orgPaths(dir).bundles, "hr.json"), "utf8")) as object }),
    ],
    ["with something else", "UPSTREAM_FAILED", () => ({ welcome: true })],
  ];

  it.each(lies)("%s is found out with %s, and this machine is no member", async (_, code, lie) => {
    const home = join(tempFolder(), "home");
    const invitation = await invite();
    await expect(
      joinWith(
        home,
        invitation,
        lying((answer) => lie(answer, home)),
      ),
    ).rejects.toMatchObject({ code });
    await expect(readAgentConfig(home)).rejects.toMatchObject({ code: "NOT_JOINED" });
    expect(existsSync(homePaths(home).credential)).toBe(false);
    // Nor is anything spoilt: the honest node lets it in.
    expect((await joinWith(home, invitation)).subject).toBe("fiona.berg");
  });
});
