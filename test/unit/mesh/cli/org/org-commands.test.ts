import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { convertPolicy } from "../../../../../mesh/cli/org/convert-policy.ts";
import { orgApprover } from "../../../../../mesh/cli/org/org-approver.ts";
import { type OrgInitOptions, orgInit } from "../../../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../../../mesh/cli/org/org-invite.ts";
import { orgRevoke } from "../../../../../mesh/cli/org/org-revoke.ts";
import { orgRotatePseudonyms } from "../../../../../mesh/cli/org/org-rotate.ts";
import { orgSign } from "../../../../../mesh/cli/org/org-sign.ts";
import { orgSteward } from "../../../../../mesh/cli/org/org-steward.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { signedBundle } from "../../../../../mesh/contract/bundle.ts";
import { BUNDLE_LIFETIME_MS } from "../../../../../mesh/contract/limits.ts";
import { parseInvitation, verifyInvitation } from "../../../../../mesh/identity/invitation.ts";
import { agentIdOf } from "../../../../../mesh/identity/keys.ts";
import { addPseudonymKey, readPseudonymKeys } from "../../../../../mesh/identity/pseudonym-keys.ts";
import { verifyBundle, type VerifiedBundle } from "../../../../../profiles/bundle/verify.ts";
import { seededRandom, seededSigner } from "../../../../support/seeded-keys.ts";
import { createVirtualClock, type VirtualClock } from "../../../../support/virtual-clock.ts";

const installDir = fileURLToPath(new URL("../../../../../", import.meta.url));
const code = (name: string, message = "") => expect.objectContaining({ code: name, message: expect.stringContaining(message) });
const url = "http://127.0.0.1:4870";

describe("gaggle org", () => {
  let home: string;
  let dir: string;
  let said: string;
  let clock: VirtualClock;
  const stream = {
    write(text: string) {
      said += text;
    },
  };
  const out = createOutput(stream, false);
  const deps = () => ({ clock, random: seededRandom(`cli ${clock.now()}`) });
  const init = (change: Partial<OrgInitOptions> = {}) => orgInit({ dir, installDir, content: "sample", ...change }, out, deps());
  const sign = () => orgSign({ dir }, out, deps());
  const text = (path: string) => readFile(join(dir, path), "utf8");
  const bundle = async (role: string, folder = "bundles"): Promise<VerifiedBundle> => {
    const org = JSON.parse(await text("org.json")) as { org: string; rootFingerprint: string };
    const signed = signedBundle.parse(JSON.parse(await text(`${folder}/${role}.json`)));
    return verifyBundle({ ...org, bundle: signed, role, nowMs: clock.now(), minVersion: 1 });
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "gaggle-org-"));
    dir = join(home, "org");
    said = "";
    clock = createVirtualClock();
  });
  afterEach(() => rm(home, { recursive: true }));

  it("init makes keys that only the admin can read, and everything the node needs", async () => {
    const { org } = await init();
    expect(said).toContain(org);
    for (const path of ["root/root.json", "admin/admin.json", "admin/pseudonym.json", "bootstrap/keys/issuer.json"]) {
      expect((await stat(join(dir, path))).mode & 0o777).toBe(0o600);
    }
    expect(JSON.parse(await text("bootstrap/node.json"))).toMatchObject({ org });
    expect(await readdir(join(dir, "profiles"))).toEqual(["guard.yaml", "models.yaml", "organisation.yaml", "policies", "roles"]);
    expect(await readdir(join(dir, "recipes"))).toContain("finance");
  });

  it("init again changes nothing, and after a crash completes with the same keys", async () => {
    const first = await init();
    const root = await text("root/root.json");
    expect(await init()).toEqual(first);
    await rm(join(dir, "org.json"));
    expect(await init()).toEqual(first);
    expect(await text("root/root.json")).toBe(root);
  });

  it("init refuses keys that others can read", async () => {
    await init();
    await rm(join(dir, "org.json"));
    await chmod(join(dir, "root/root.json"), 0o644);
    await expect(init()).rejects.toThrow(code("CREDENTIAL_INVALID", "chmod 600"));
  });

  it("init with a name writes it and keeps the comments", async () => {
    await init({ name: "Harbour Lamps" });
    const organisation = await text("profiles/organisation.yaml");
    expect(organisation).toContain("name: Harbour Lamps");
    expect(organisation).toMatch(/^#/);
    await sign();
    expect((await bundle("finance")).manifest.orgName).toBe("Harbour Lamps");
  });

  it("init makes an empty organisation that can be signed", async () => {
    await init({ content: "empty", name: "Fresh" });
    expect((await sign()).roles).toEqual(["executive"]);
    expect(said).toContain(`gaggle org invite --dir ${dir} --role ROLE`);
    expect(await readdir(join(dir, "recipes"))).toEqual([]);
  });

  it("an empty organisation's policy lets colleagues of one department ask each other, and nobody else, and runs nothing alone", async () => {
    await init({ content: "empty" });
    await writeFile(join(dir, "profiles/roles/clerk.yaml"), (await text("profiles/roles/executive.yaml")).replaceAll("executive", "clerk"));
    const says = (who: string, action: string, target: string, expected: string): string =>
      JSON.stringify({
        name: `${who} ${action} ${target}`,
        who: { role: who },
        action,
        target: { role: target },
        resource: "audit",
        expect: expected,
      });
    const tests = [
      says("clerk", "task.send", "clerk", "allow"),
      says("clerk", "task.receive", "clerk", "allow"),
      says("clerk", "task.send", "executive", "deny"),
      says("executive", "task.receive", "clerk", "deny"),
      says("clerk", "task.run", "clerk", "deny"),
    ];
    await writeFile(join(dir, "profiles/policies/tests/mine.yaml"), `tests: [${tests.join(", ")}]\n`);
    expect((await sign()).roles).toEqual(["clerk", "executive"]);
  });

  it("sign gives every role a bundle for 30 days, one version up each time, and the node the same ones", async () => {
    await init();
    const first = await sign();
    expect(first).toMatchObject({ version: 1, expiresAt: new Date(clock.now() + BUNDLE_LIFETIME_MS).toISOString() });
    expect(first.roles).toHaveLength(8);
    expect((await sign()).version).toBe(2);
    const finance = await bundle("finance");
    expect(finance.manifest.version).toBe(2);
    expect(finance.text("recipes/finance/month-end-close.yaml")).toBe(
      await readFile(join(installDir, "recipes/finance/month-end-close.yaml"), "utf8"),
    );
    expect((await bundle("finance", "bootstrap/bundles")).manifest).toEqual(finance.manifest);
  });

  it("sign refuses sources that contradict each other, and signs nothing then", async () => {
    await init();
    await sign();
    await writeFile(join(dir, "profiles/policies/mine.cedar"), "permit (principal, action, resource);\n");
    await expect(sign()).rejects.toThrow(code("INVALID_INPUT", "policies/mine.cedar, line 1"));
    expect((await bundle("finance")).manifest.version).toBe(1);
  });

  it("sign refuses a policy whose test fails, and signs nothing then", async () => {
    await init();
    await sign();
    const policy = '@id("mine") permit (principal in Role::"sales", action == Action::"audit.export", resource);\n';
    await writeFile(join(dir, "profiles/policies/mine.cedar"), policy);
    await expect(sign()).rejects.toThrow(code("INVALID_INPUT", '"Sales does not export the audit": expected deny'));
    expect((await bundle("finance")).manifest.version).toBe(1);
  });

  it("convert-policy rewrites the allow-list of an earlier version, once, and sign then takes it", async () => {
    await init({ content: "empty" });
    const rules = "v: 1\nallow:\n  # Everybody may ask everybody.\n  - id: ask\n    actions: [task.send]\ndeny: []\n";
    await writeFile(join(dir, "profiles/policy.yaml"), rules);
    await expect(sign()).rejects.toThrow(code("INVALID_INPUT", "gaggle org convert-policy"));
    await rm(join(dir, "profiles/policies/tests"), { recursive: true });
    await convertPolicy(dir, out);
    await sign();
    expect((await bundle("executive")).policy.policies.find(({ id }) => id === "ask")?.words).toBe("Everybody may ask everybody.");
    await expect(convertPolicy(dir, out)).rejects.toThrow(code("NOT_FOUND", "nothing to convert"));
  });

  it("sign leaves no bundle of a role that is gone", async () => {
    await init({ content: "empty" });
    await writeFile(join(dir, "profiles/roles/clerk.yaml"), (await text("profiles/roles/executive.yaml")).replaceAll("executive", "clerk"));
    await sign();
    expect(await readdir(join(dir, "bundles"))).toEqual(["clerk.json", "executive.json"]);
    await rm(join(dir, "profiles/roles/clerk.yaml"));
    await sign();
    expect(await readdir(join(dir, "bootstrap/bundles"))).toEqual(["executive.json"]);
  });

  it("sign and the rest say so where there is no organisation, or the revocations are lost", async () => {
    await expect(sign()).rejects.toThrow(code("NOT_FOUND", "gaggle org init"));
    await init();
    await rm(join(dir, "revocations.json"));
    await expect(sign()).rejects.toThrow(code("NOT_FOUND", "revocations.json"));
  });

  it("rotate-pseudonyms makes the next epoch, keeps the old one as retired, and gives it to the steward's home and to invitations", async () => {
    await init();
    await sign();
    const [first] = (await readPseudonymKeys(join(dir, "admin/pseudonym.json"))) ?? [];
    const stewardKeys = join(home, "steward", "keys", "pseudonym.json");
    await addPseudonymKey(stewardKeys, { epoch: 1, key: first?.key ?? "" }, 0);
    await clock.advance(1_000);
    await orgRotatePseudonyms({ dir, stewardKeys }, out, { clock, random: seededRandom("rotate") });
    const [second, ...older] = (await readPseudonymKeys(join(dir, "admin/pseudonym.json"))) ?? [];
    expect(second).toMatchObject({ epoch: 2, validFrom: clock.now() });
    expect(second?.key).not.toBe(first?.key);
    expect(older).toEqual([{ ...first, retiredAt: clock.now() }]);
    expect((await readPseudonymKeys(stewardKeys))?.map(({ epoch, key }) => [epoch, key])).toEqual([
      [2, second?.key],
      [1, first?.key],
    ]);
    const link = await orgInvite({ dir, role: "finance", user: "fiona.berg", url }, out, deps());
    expect(parseInvitation(link).secret).toMatchObject({ pseudonymEpoch: 2, pseudonymKey: second?.key });
    expect(said).not.toContain(second?.key);
  });

  it("never replaces a pseudonym key", async () => {
    await init();
    const other = Buffer.alloc(32, 1).toString("base64url");
    await expect(addPseudonymKey(join(dir, "admin/pseudonym.json"), { epoch: 1, key: other }, 0)).rejects.toThrow(code("CONFLICT"));
  });

  it("steward puts an agent's key on the roster, once", async () => {
    await init();
    const agent = agentIdOf(seededSigner("steward").publicJwk);
    for (let i = 0; i < 2; i += 1) await orgSteward({ dir, agent }, out);
    await sign();
    expect((await bundle("finance")).manifest.roster.stewards).toEqual([seededSigner("steward").thumbprint]);
    await expect(orgSteward({ dir, agent: "nobody" }, out)).rejects.toThrow(code("INVALID_INPUT"));
  });

  it("invite gives a link that an admin key of the bundle signed", async () => {
    await init();
    await sign();
    const link = await orgInvite({ dir, role: "finance", user: "fiona.berg", url }, out, deps());
    const { secret, baseUrl } = parseInvitation(link);
    const { manifest } = await bundle("finance");
    expect(baseUrl).toBe(url);
    expect(verifyInvitation({ jws: secret.jws, manifest, nowMs: clock.now() })).toMatchObject({ sub: "fiona.berg", role: "finance" });
    expect(secret.pseudonymKey).toBe((await readPseudonymKeys(join(dir, "admin/pseudonym.json")))?.[0]?.key);
    const again = await orgInvite({ dir, role: "finance", user: "fiona.berg", url }, out, { clock, random: seededRandom("again") });
    expect(parseInvitation(again).claims.jti).not.toBe(parseInvitation(link).claims.jti);
  });

  it.each([
    ["nobody on the org chart", { user: "mallory" }, "NOT_FOUND"],
    ["the wrong role", { role: "executive" }, "CONFLICT"],
    ["a role without a bundle", { role: "pirate" }, "BUNDLE_MISSING"],
    ["plain http to another machine", { url: "http://gaggle.example" }, "INVITATION_INVALID"],
    ["a malformed user", { user: "Fiona Berg" }, "INVALID_INPUT"],
  ])("invite refuses %s", async (_, change, expected) => {
    await init();
    await sign();
    await expect(orgInvite({ dir, role: "finance", user: "fiona.berg", url, ...change }, out, deps())).rejects.toThrow(code(expected));
  });

  it("approver puts a key on the roster of the next bundle, once", async () => {
    await init();
    const approver = { dir, subject: "edward.lindqvist", role: "executive", key: JSON.stringify(seededSigner("edward").publicJwk) };
    await orgApprover(approver, out);
    await orgApprover(approver, out);
    await sign();
    expect((await bundle("marketing")).manifest.roster.approvers).toEqual([
      { subject: "edward.lindqvist", role: "executive", key: seededSigner("edward").publicJwk },
    ]);
  });

  it("approver refuses a person or role that is not on the org chart, another's key, and a mere thumbprint", async () => {
    await init();
    const key = seededSigner("edward").publicJwk;
    await orgApprover({ dir, subject: "edward.lindqvist", role: "executive", key }, out);
    await expect(orgApprover({ dir, subject: "mallory", role: "executive", key }, out)).rejects.toThrow(code("NOT_FOUND"));
    await expect(orgApprover({ dir, subject: "fiona.berg", role: "executive", key }, out)).rejects.toThrow(code("CONFLICT"));
    await expect(orgApprover({ dir, subject: "amelie.garnier", role: "executive", key }, out)).rejects.toThrow(
      code("CONFLICT", "key of their own"),
    );
    const thumbprint = seededSigner("amelie").thumbprint;
    await expect(orgApprover({ dir, subject: "amelie.garnier", role: "executive", key: thumbprint }, out)).rejects.toThrow(
      code("INVALID_INPUT", "JWK"),
    );
  });

  it("revoke counts the sequence up for something new only, and the next bundle says so", async () => {
    await init();
    const agent = agentIdOf(seededSigner("laptop").publicJwk);
    expect(await orgRevoke({ dir, agent, user: "marco.diaz" }, out, deps())).toMatchObject({
      seq: 1,
      agents: [agent],
      subjects: ["marco.diaz"],
    });
    expect((await orgRevoke({ dir, agent }, out, deps())).seq).toBe(1);
    expect((await orgRevoke({ dir, key: seededSigner("k").thumbprint }, out, deps())).seq).toBe(2);
    await expect(orgRevoke({ dir }, out, deps())).rejects.toThrow(code("INVALID_INPUT"));
    await expect(orgRevoke({ dir, agent: "someone" }, out, deps())).rejects.toThrow(code("INVALID_INPUT"));
    await sign();
    expect((await bundle("hr")).manifest.revocations.seq).toBe(2);
  });

  it("gives programs one JSON document, and never a key", async () => {
    const json = createOutput(stream, true);
    await orgInit({ dir, installDir, content: "sample" }, json, deps());
    expect(JSON.parse(said)).toMatchObject({ version: 0 });
    expect(said).not.toContain('"d"');
  });
});
