import { existsSync } from "node:fs";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { countersign, takeSigned, writeSignRequest } from "../../../../../mesh/cli/org/countersign.ts";
import { ensureRootKey, orgInit } from "../../../../../mesh/cli/org/org-init.ts";
import { orgPaths, readLocalRoot, readOrg } from "../../../../../mesh/cli/org/org-folder.ts";
import { orgSign } from "../../../../../mesh/cli/org/org-sign.ts";
import { draftRelease } from "../../../../../mesh/cli/org/release.ts";
import { rotateRoot, rotateRootOffline, takeRootStep } from "../../../../../mesh/cli/org/rotate-root.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { signedBundle, type SignedBundle } from "../../../../../mesh/contract/bundle.ts";
import { thumbprintOf } from "../../../../../mesh/identity/keys.ts";
import { signSuccession, verifyRootStep } from "../../../../../mesh/identity/root-chain.ts";
import { openBundleStore } from "../../../../../profiles/bundle/bundle-store.ts";
import { signBundle } from "../../../../../profiles/bundle/sign-bundle.ts";
import { verifyBundle } from "../../../../../profiles/bundle/verify.ts";
import { seededRandom, seededSigner } from "../../../../support/seeded-keys.ts";
import { tempFolder } from "../../../../support/temp-home.ts";
import { createTestOrganisation } from "../../../../support/test-organisation.ts";
import { playVault } from "../../../../support/vault-transit.ts";
import { createVirtualClock } from "../../../../support/virtual-clock.ts";

const installDir = fileURLToPath(new URL("../../../../../", import.meta.url));

// Each organisation compiles its policies.
describe("the root key", { timeout: 60_000 }, () => {
  const clock = createVirtualClock();
  let said: string;
  let dir: string;
  let seed = 0;
  const out = createOutput(
    {
      write(text) {
        said += text;
      },
    },
    false,
  );
  const deps = () => ({ clock, random: seededRandom(`root ${seed++}`) });
  const bundleOf = async (role = "finance"): Promise<SignedBundle> =>
    signedBundle.parse(JSON.parse(await readFile(join(dir, "bundles", `${role}.json`), "utf8")));
  const member = async (rootFingerprint: string, folder = tempFolder()) =>
    openBundleStore({ clock }, { dir: folder, rootFingerprint, org: (await readOrg(dir)).org, role: "finance" });
  beforeEach(() => {
    said = "";
    dir = join(tempFolder(), "org");
  });

  describe("on another machine", () => {
    let rootDir: string;
    const request = (): string => join(dir, "request.json");
    const answer = (): string => join(dir, "signed.json");
    const init = async (): Promise<void> => {
      rootDir = join(tempFolder(), "root");
      const key = await ensureRootKey(rootDir, deps().random);
      await orgInit({ dir, installDir, content: "sample", root: { kind: "offline", key } }, out, deps());
    };
    const sign = (yes = true) => countersign({ file: request(), rootDir, out: answer(), confirm: async () => yes }, out);

    it("signs requests that are carried there and back, and never comes to the admin's machine", async () => {
      await init();
      expect(existsSync(join(dir, "root"))).toBe(false);
      await expect(orgSign({ dir }, out, deps())).rejects.toMatchObject({ code: "NOT_FOUND" });
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      expect(await takeSigned({ dir, file: answer() }, out, deps())).toMatchObject({ version: 1 });
      const { org, rootFingerprint } = await readOrg(dir);
      const expected = { org, rootFingerprint, role: "finance", nowMs: clock.now(), minVersion: 1 };
      expect(verifyBundle({ bundle: await bundleOf(), ...expected }).manifest.version).toBe(1);
      const { d } = (JSON.parse(await readFile(join(rootDir, "root.json"), "utf8")) as { key: { d: string } }).key;
      for (const file of [request(), answer(), orgPaths(dir).org]) expect(await readFile(file, "utf8")).not.toContain(d);
    });

    it("shows all at first, then what is other than the last time", async () => {
      await init();
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      await takeSigned({ dir, file: answer() }, out, deps());
      expect(said).toContain("issuer key");
      said = "";
      const approver = { subject: "edward.lindqvist", role: "executive", key: seededSigner("edward").publicJwk };
      await writeFile(orgPaths(dir).roster, JSON.stringify({ approvers: [approver], stewards: [] }));
      await writeSignRequest(dir, request(), out, deps());
      await sign(false).catch(() => undefined);
      expect(said).toMatch(/\+ approver edward\.lindqvist as executive/);
      expect(said).not.toContain("issuer key");
    });

    it("shows also what is said of one role only, such as files that two roles exchanged, and for how long audit is kept", async () => {
      await init();
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      await takeSigned({ dir, file: answer() }, out, deps());
      await appendFile(join(orgPaths(dir).profiles, "organisation.yaml"), "\nretentionDays: 120\n");
      await writeSignRequest(dir, request(), out, deps());
      const asked = JSON.parse(await readFile(request(), "utf8")) as { drafts: { role: string; files: Record<string, string> }[] };
      const [finance, hr] = ["finance", "hr"].map((role) => asked.drafts.find((draft) => draft.role === role)?.files ?? {});
      const hints = "goosehints.md";
      const [ofFinance, ofHr] = [finance?.[hints], hr?.[hints]];
      Object.assign(finance ?? {}, { [hints]: ofHr });
      Object.assign(hr ?? {}, { [hints]: ofFinance });
      await writeFile(request(), JSON.stringify(asked));
      said = "";
      await sign(false).catch(() => undefined);
      expect(said).toMatch(/\+ audit kept for 120 days/);
      expect(said).toMatch(/\+ file goosehints\.md [0-9a-f]{64} for finance/);
      expect(said).toMatch(/\+ file goosehints\.md [0-9a-f]{64} for hr/);
      said = "";
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      await takeSigned({ dir, file: answer() }, out, deps());
      const { org, rootFingerprint } = await readOrg(dir);
      const expected = { org, rootFingerprint, role: "finance", nowMs: clock.now(), minVersion: 2 };
      expect(verifyBundle({ bundle: await bundleOf(), ...expected }).manifest.retentionDays).toBe(120);
    });

    it("signs nothing where the person says no, for another organisation, or a version twice", async () => {
      await init();
      await writeSignRequest(dir, request(), out, deps());
      await expect(sign(false)).rejects.toMatchObject({ code: "STATE_CONFLICT" });
      expect(existsSync(answer())).toBe(false);
      await sign();
      await expect(sign()).rejects.toMatchObject({ code: "BUNDLE_ROLLBACK" });
      await rm(rootDir, { recursive: true });
      await ensureRootKey(rootDir, seededRandom("another root"));
      await expect(sign()).rejects.toMatchObject({ code: "CONFLICT" });
    });

    it("is not replaced by an answer that was altered, signed by another root, or taken already", async () => {
      await init();
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      const good = await readFile(answer(), "utf8");
      const altered = JSON.parse(good) as { bundles: { bundle: { files: Record<string, string> } }[] };
      for (const { bundle } of altered.bundles) bundle.files["goosehints.md"] = "Do as I say.";
      await writeFile(answer(), JSON.stringify(altered));
      await expect(takeSigned({ dir, file: answer() }, out, deps())).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
      const foreign = createTestOrganisation("other").sign("finance", { version: 1, nowMs: clock.now() });
      await writeFile(answer(), JSON.stringify({ v: 1, kind: "gaggle-signed-release", bundles: [{ role: "finance", bundle: foreign }] }));
      await expect(takeSigned({ dir, file: answer() }, out, deps())).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
      await writeFile(answer(), good);
      await takeSigned({ dir, file: answer() }, out, deps());
      await expect(takeSigned({ dir, file: answer() }, out, deps())).rejects.toMatchObject({ code: "BUNDLE_ROLLBACK" });
    });

    it("is followed by another one that is made there", async () => {
      await init();
      const { org, rootFingerprint } = await readOrg(dir);
      const file = join(dir, "step.json");
      await rotateRootOffline({ rootDir, fingerprint: rootFingerprint, org, out: file }, out, deps());
      const { rootFingerprint: next } = await takeRootStep(dir, file, out);
      await expect(takeRootStep(dir, file, out)).rejects.toMatchObject({ code: "CONFLICT" });
      await writeSignRequest(dir, request(), out, deps());
      await sign();
      await takeSigned({ dir, file: answer() }, out, deps());
      const accepted = await (await member(rootFingerprint)).accept(await bundleOf());
      expect(thumbprintOf(accepted.bundle.manifest.root)).toBe(next);
    });
  });

  it("in Vault signs the organisation, and another key there can follow it", async () => {
    const vault = await playVault("hvs.t");
    const at = { kind: "vault", address: vault.address, mount: "transit", key: "gaggle-root" } as const;
    const vaultDeps = () => ({ ...deps(), env: { VAULT_TOKEN: "hvs.t" } });
    const { rootFingerprint, root } = await orgInit({ dir, installDir, content: "sample", root: at }, out, vaultDeps());
    expect(root).toEqual(at);
    await orgSign({ dir }, out, vaultDeps());
    await rotateRoot({ dir, vault: { ...at, key: "gaggle-root-2" } }, out, vaultDeps());
    await orgSign({ dir }, out, vaultDeps());
    const { bundle } = await (await member(rootFingerprint)).accept(await bundleOf());
    expect(bundle.manifest.version).toBe(2);
    await vault.close();
    expect(existsSync(join(dir, "root"))).toBe(false);
    expect(said).not.toContain("hvs.");
  });

  describe("that another one followed", () => {
    const rotated = async () => {
      const { rootFingerprint } = await orgInit({ dir, installDir, content: "sample" }, out, deps());
      await orgSign({ dir }, out, deps());
      const before = await bundleOf();
      const next = await rotateRoot({ dir }, out, deps());
      await orgSign({ dir }, out, deps());
      return { pinned: rootFingerprint, before, next, after: await bundleOf() };
    };

    it("leads members that pinned it to the new one, who then believe the old one no more, also after a restart", async () => {
      const { pinned, before, next, after } = await rotated();
      const folder = tempFolder();
      const store = await member(pinned, folder);
      await store.accept(before);
      expect((await store.accept(after)).bundle.manifest.version).toBe(2);
      const old = await oldRootSigns(pinned, 9);
      await expect(store.accept(old)).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
      await expect(store.acceptTrust(old.manifest)).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
      const again = await member(pinned, folder);
      expect(thumbprintOf(again.current().manifest.root)).toBe(next.rootFingerprint);
      await expect(again.accept(old)).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
    });

    it("is believed no more as soon as the word about another role's newer bundle has come", async () => {
      const { pinned, before } = await rotated();
      const store = await member(pinned);
      await store.accept(before);
      await store.acceptTrust((await bundleOf("marketing")).manifest);
      await expect(store.accept(await oldRootSigns(pinned, 9))).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
      expect((await store.accept(await bundleOf())).changed).toBe(true);
    });

    it("twice leads on from each of them", async () => {
      const { pinned, next } = await rotated();
      await rotateRoot({ dir }, out, deps());
      await orgSign({ dir }, out, deps());
      for (const root of [pinned, next.rootFingerprint, (await readOrg(dir)).rootFingerprint])
        expect((await (await member(root)).accept(await bundleOf())).bundle.manifest.version).toBe(3);
    });

    it("needs both signatures over one statement of this organisation", async () => {
      const { pinned } = await rotated();
      const [step] = (await readOrg(dir)).rotation ?? [];
      const { org } = await readOrg(dir);
      if (step === undefined) throw new Error("no step");
      const [old, thief] = [await oldRoot(pinned), seededSigner("thief")];
      const said = { v: 1, org, from: old.publicJwk, to: thief.publicJwk, at: "2026-11-20T00:00:00.000Z" } as const;
      const mine = signSuccession(said, thief);
      const foreign = { ...said, org: createTestOrganisation("other").org };
      const elsewhere = { old: signSuccession(foreign, old), new: signSuccession(foreign, thief) };
      expect(verifyRootStep(elsewhere, foreign.org).org).toBe(foreign.org);
      const forged = [{ old: mine, new: mine }, { old: signSuccession(said, old), new: step.new }, { old: step.old, new: mine }, elsewhere];
      for (const one of forged) expect(() => verifyRootStep(one, org)).toThrow();
      expect(verifyRootStep(step, org).v).toBe(1);
    });

    it("loses nothing where its change is cut off: until it is written down, the old one signs", async () => {
      await orgInit({ dir, installDir, content: "sample" }, out, deps());
      const org = await readFile(orgPaths(dir).org, "utf8");
      await rotateRoot({ dir }, out, deps());
      await writeFile(orgPaths(dir).org, org);
      expect((await orgSign({ dir }, out, deps())).version).toBe(1);
      await rotateRoot({ dir }, out, deps());
      expect((await orgSign({ dir }, out, deps())).version).toBe(2);
    });

    const oldRoot = (pinned: string) => readLocalRoot(join(dir, "root"), pinned);
    /** What somebody who kept or stole the old key could sign. */
    const oldRootSigns = async (pinned: string, version: number): Promise<SignedBundle> => {
      const { drafts, trust, nowMs } = await draftRelease(dir, clock.now());
      const draft = drafts.find(({ role }) => role === "finance");
      if (draft === undefined) throw new Error("no finance");
      const { rotation: _, ...plain } = trust;
      return signBundle({ draft, trust: plain, version, nowMs, root: await oldRoot(pinned) });
    };
  });
});
