import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyIdToken } from "../../../../bootstrap-node/sign-in/verify-id-token.ts";
import { signInProvider } from "../../../../mesh/contract/sign-in.ts";

const NOW = Date.UTC(2026, 9, 31, 8);
const provider = signInProvider.parse({ issuer: "https://id.harbour.example", clientId: "gaggle" });
const refused = expect.objectContaining({ code: "SIGN_IN_FAILED" });

let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let keys: ReturnType<typeof createLocalJWKSet>;
beforeAll(async () => {
  pair = await generateKeyPair("ES256");
  keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: "ES256", use: "sig" }] });
});

const seconds = (offset: number): number => NOW / 1000 + offset;
async function verify(change: Record<string, unknown> = {}, nonce: string | undefined = "n"): Promise<JWTPayload> {
  const good = { iss: provider.issuer, aud: "gaggle", sub: "1", nonce: "n", iat: seconds(0), exp: seconds(300) };
  const claims = Object.fromEntries(Object.entries({ ...good, ...change }).filter(([, value]) => value !== undefined)) as JWTPayload;
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(pair.privateKey);
  return verifyIdToken(token, { provider, keys, nowMs: NOW, nonce });
}

describe("an ID token", () => {
  it("is believed where everything fits, with clocks up to two minutes apart", async () => {
    await expect(verify()).resolves.toMatchObject({ sub: "1" });
    await expect(verify({ iat: seconds(110) })).resolves.toBeDefined();
    await expect(verify({ iat: seconds(-290), exp: seconds(-110) })).resolves.toBeDefined();
    await expect(verify({ aud: ["gaggle", "b"], azp: "gaggle" })).resolves.toBeDefined();
    await expect(verifyIdToken(await device(), { provider, keys, nowMs: NOW, nonce: undefined })).resolves.toBeDefined();
  });

  it.each([
    ["issuer", { iss: "https://id.harbour.example/" }],
    ["audience", { aud: "b" }],
    ["audience that is missing", { aud: undefined }],
    ["authorised party", { azp: "b" }],
    ["several audiences without a party", { aud: ["gaggle", "b"] }],
    ["nonce", { nonce: "m" }],
    ["nonce that is missing", { nonce: undefined }],
    ["expiry", { exp: seconds(-130) }],
    ["expiry that is missing", { exp: undefined }],
    ["time of issue", { iat: seconds(130) }],
    ["age", { iat: seconds(-430) }],
    ["time of issue that is missing", { iat: undefined }],
    ["time before which it does not count", { nbf: seconds(130) }],
    ["subject that is missing", { sub: undefined }],
  ])("is refused for its %s", async (_what, change) => {
    await expect(verify(change)).rejects.toThrow(refused);
  });

  it("is refused where it has a nonce and none was sent", async () => {
    await expect(verifyIdToken(await device({ nonce: "n" }), { provider, keys, nowMs: NOW, nonce: undefined })).rejects.toThrow(refused);
  });
});

const device = (change: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ iss: provider.issuer, aud: "gaggle", sub: "1", iat: seconds(0), exp: seconds(300), ...change })
    .setProtectedHeader({ alg: "ES256" })
    .sign(pair.privateKey);
