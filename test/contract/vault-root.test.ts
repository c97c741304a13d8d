import { verify } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GaggleError } from "../../mesh/contract/errors.ts";
import { publicKeyObject } from "../../mesh/identity/keys.ts";
import { signWithRoot } from "../../mesh/identity/root-signer.ts";
import { createVaultKey, openVaultRoot, type VaultDeps, type VaultKey } from "../../mesh/identity/vault-root.ts";
import { verifyBundle } from "../../profiles/bundle/verify.ts";
import { createTestOrganisation } from "../support/test-organisation.ts";
import { type PlayedVault, playVault } from "../support/vault-transit.ts";

const TOKEN = "hvs.a-token-that-nobody-may-see";

describe("a root key in Vault's transit engine (played as its documentation says)", () => {
  let vault: PlayedVault;
  let at: VaultKey;
  const deps = (token = TOKEN): VaultDeps => ({ fetch: globalThis.fetch, token: async () => token });
  beforeEach(async () => {
    vault = await playVault(TOKEN);
    at = { kind: "vault", address: vault.address, mount: "transit", key: "gaggle-root", namespace: "team/a" };
  });
  afterEach(() => vault.close());

  it("is made once, in its namespace, not exportable, and signs what its public key verifies", async () => {
    await createVaultKey(deps(), at);
    const root = await openVaultRoot(deps(), at);
    await createVaultKey(deps(), at);
    expect((await openVaultRoot(deps(), at)).thumbprint).toBe(root.thumbprint);
    const data = Buffer.from("what is signed");
    expect(verify(null, data, publicKeyObject(root.publicJwk), await root.sign(data))).toBe(true);
    expect(vault.seen[0]).toEqual({
      method: "POST",
      path: "/v1/transit/keys/gaggle-root",
      namespace: "team/a",
      body: { type: "ed25519", exportable: false, allow_plaintext_backup: false },
    });
  });

  it("signs bundles that members take", async () => {
    await createVaultKey(deps(), at);
    const root = await openVaultRoot(deps(), at);
    const organisation = createTestOrganisation();
    const bundle = await signWithRoot(root, (signer) => organisation.sign("finance", { version: 1, nowMs: 0, root: signer }));
    const expected = { rootFingerprint: root.thumbprint, org: organisation.org, role: "finance", nowMs: 0, minVersion: 1 };
    expect(verifyBundle({ bundle, ...expected }).manifest.version).toBe(1);
  });

  it("stays the root when the key is rotated in Vault, and another key is no root", async () => {
    await createVaultKey(deps(), at);
    const { thumbprint } = await openVaultRoot(deps(), at);
    vault.rotate("gaggle-root");
    const root = await openVaultRoot(deps(), at, thumbprint);
    const data = Buffer.from("x");
    expect(verify(null, data, publicKeyObject(root.publicJwk), await root.sign(data))).toBe(true);
    expect(vault.seen.at(-1)?.body["key_version"]).toBe(1);
    await createVaultKey(deps(), { ...at, key: "another" });
    await expect(openVaultRoot(deps(), { ...at, key: "another" }, thumbprint)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it.each([
    ["a token that may not", "KEYS_LOCKED", async () => openVaultRoot(deps("hvs.wrong-token"), at)],
    ["no such key", "NOT_FOUND", async () => openVaultRoot(deps(), { ...at, key: "none" })],
    ["a sealed Vault", "UPSTREAM_FAILED", async () => said(503, '{"errors":["Vault is sealed"]}')],
    ["an answer that is no JSON", "UPSTREAM_FAILED", async () => said(200, "<html>")],
    ["a key of another type", "UPSTREAM_FAILED", async () => said(200, '{"data":{"type":"rsa-2048","keys":{}}}')],
    ["a Vault that is not there", "UPSTREAM_FAILED", async () => openVaultRoot(deps(), { ...at, address: "http://127.0.0.1:1" })],
    ["plain HTTP to another machine", "INVALID_INPUT", async () => openVaultRoot(deps(), { ...at, address: "http://vault.example.com" })],
  ] as const)("says so and never tells the token: %s", async (_, code, act) => {
    await createVaultKey(deps(), at);
    const error = await act().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code });
    const told = `${String(error)} ${JSON.stringify((error as GaggleError).details)} ${String((error as GaggleError).cause)}`;
    expect(told).not.toContain("hvs.");
  });
  const said = (status: number, body: string): Promise<unknown> => {
    vault.answer = { status, body };
    return openVaultRoot(deps(), at);
  };

  it("is not believed where what it gives is not its key's signature", async () => {
    await createVaultKey(deps(), at);
    const root = await openVaultRoot(deps(), at);
    vault.answer = { status: 200, body: JSON.stringify({ data: { signature: `vault:v1:${Buffer.alloc(64, 1).toString("base64")}` } }) };
    const signing = signWithRoot(root, (signer) => Buffer.from(signer.sign(Buffer.from("x"))).toString("hex"));
    await expect(signing).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
  });
});
