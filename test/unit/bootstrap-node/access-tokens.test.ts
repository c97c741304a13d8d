import { createHmac, createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createAccessTokens } from "../../../bootstrap-node/access-tokens.ts";
import type { Member } from "../../../bootstrap-node/members.ts";
import { ACCESS_TOKEN_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import { agentIdOf, generateAgentKeys, generateSigningKey, publicJwkOf, thumbprintOf } from "../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../mesh/identity/membership.ts";
import { seededRandom, seededSigner } from "../../support/seeded-keys.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const ORG = `org_${"a".repeat(26)}`;
const clock = createVirtualClock();
const [issuer, other] = ["issuer", "other"].map((name) => generateSigningKey(seededRandom(name)));
if (issuer === undefined || other === undefined) throw new Error("no keys");
const keys = generateAgentKeys(seededRandom("laptop"));
const member: Member = {
  agentId: agentIdOf(publicJwkOf(keys.sign)),
  subject: "fiona.berg",
  role: "finance",
  department: "finance",
  title: "Head",
  seal: publicJwkOf(keys.seal),
  credential: "",
};
const tokensOf = (key: typeof issuer, org = ORG) =>
  createAccessTokens({ clock, random: seededRandom("jti"), issuers: { current: () => key, believed: () => [key] } }, { org });
const tokens = tokensOf(issuer);
const invalid = expect.objectContaining({ code: "CREDENTIAL_INVALID" });

/** A token with another header, signed by HMAC with a secret, or not at all. */
async function withHeader(header: object, secret?: Buffer | string): Promise<string> {
  const [, body] = (await tokens.issue(member)).token.split(".");
  const signed = `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${body}`;
  return `${signed}.${secret === undefined ? "" : createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

describe("an access token", () => {
  const kid = thumbprintOf(publicJwkOf(issuer));

  it("is believed for half an hour, and never by another organisation or another node", async () => {
    const { token } = await tokens.issue(member);
    await expect(tokens.verify(token)).resolves.toMatchObject({ sub: "fiona.berg", agent: member.agentId });
    await expect(tokensOf(issuer, `org_${"b".repeat(26)}`).verify(token)).rejects.toThrow(invalid);
    await expect(tokensOf(other).verify(token)).rejects.toThrow(invalid);
    clock.jump(ACCESS_TOKEN_LIFETIME_MS + 1_000);
    await expect(tokens.verify(token)).rejects.toThrow(expect.objectContaining({ code: "CREDENTIAL_EXPIRED" }));
    clock.jump(-ACCESS_TOKEN_LIFETIME_MS - 1_000);
  });

  it("is refused with `alg` none in any spelling", async () => {
    for (const alg of ["none", "None", "NONE", ""])
      await expect(tokens.verify(await withHeader({ alg, typ: "at+jwt", kid })), alg).rejects.toThrow(invalid);
  });

  it("is refused where the public key was taken for a secret, in any of its forms", async () => {
    const jwk = publicJwkOf(issuer);
    const spki = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const secrets = [jwk.x, Buffer.from(jwk.x, "base64url"), JSON.stringify(jwk), spki.export({ format: "pem", type: "spki" }), ""];
    for (const secret of secrets)
      await expect(tokens.verify(await withHeader({ alg: "HS256", typ: "at+jwt", kid }, secret))).rejects.toThrow(invalid);
  });

  it("is refused where it brings its own key, or is of another kind that the same key signed", async () => {
    const jwk = publicJwkOf(other);
    await expect(
      tokens.verify(await withHeader({ alg: "EdDSA", typ: "at+jwt", kid, jwk, jku: "https://evil.example" }, "x")),
    ).rejects.toThrow(invalid);
    const signer = seededSigner("issuer");
    const membership = issueMembership({ org: ORG, member, signer, nowMs: clock.now(), random: seededRandom("m") });
    await expect(tokens.verify(membership)).rejects.toThrow(invalid);
    for (const text of ["", "x", "a.b.c", "..", "é.é.é"]) await expect(tokens.verify(text)).rejects.toThrow(invalid);
  });
});
