/** What comes of ID tokens, codes and providers that are not what they should be. The node is the real one; the provider lies. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { generateKeyPair } from "jose";
import type { BootstrapResponse } from "../../../mesh/contract/bootstrap-api.ts";
import type { GaggleError } from "../../../mesh/contract/errors.ts";
import { type SignInGrant, type SignInProvider, signInProvider } from "../../../mesh/contract/sign-in.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { signInNonce } from "../../../mesh/identity/sign-in.ts";
import { type LyingProvider, startLyingProvider } from "../../support/lying-provider.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";
import { testSources } from "../../support/test-organisation.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const code = (name: string) => expect.objectContaining({ code: name });
const REFUSED = code("SIGN_IN_FAILED");

let provider: LyingProvider;
let node: TestBootstrap;
let laptop: TestAgent;
beforeAll(async () => {
  provider = await startLyingProvider();
});
afterAll(() => provider.close());
beforeEach(async () => {
  provider.calls.length = 0;
  provider.redirectTo = undefined;
  provider.metadata = { id_token_signing_alg_values_supported: ["ES256", "HS256", "none"] };
  node = await openTestBootstrap({ clock: createVirtualClock(Date.now()), fetch: (...call) => fetch(...call) });
  laptop = node.agent("laptop");
  await publish(1);
});

async function publish(version: number, change: Partial<SignInProvider> = {}): Promise<void> {
  const groups = { claim: "groups", roles: { accounting: ["finance"] } };
  const signIn = signInProvider.parse({ issuer: provider.issuer, clientId: "gaggle", groups, device: true, ...change });
  for (const role of ["finance", "marketing"]) {
    const bundle = node.organisation.sign(role, { version, nowMs: node.clock.now(), sources: { ...testSources(), signIn } });
    expect((await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle } })).statusCode).toBe(200);
  }
}

const CODE: SignInGrant = { type: "code", code: "c", verifier: "v".repeat(43), redirectUri: "http://127.0.0.1:4/callback" };

type Finished = Promise<BootstrapResponse<"signInFinish">>;
const finish = (agent: TestAgent, challenge: string, grant: SignInGrant = CODE): Finished =>
  agent.client.signInFinish({ challenge, grant, seal: publicJwkOf(agent.keys.seal) });

/** One whole sign-in of the laptop, with an ID token that a test changes. */
async function signIn(
  claims: Record<string, unknown> = {},
  header: Parameters<LyingProvider["token"]>[1] = {},
  grant: SignInGrant = CODE,
): Finished {
  const { challenge } = await laptop.client.signInBegin();
  const nonce = grant.type === "code" ? { nonce: signInNonce(challenge, laptop.agentId) } : {};
  provider.idToken = await provider.token({ ...nonce, ...claims }, header);
  return finish(laptop, challenge, grant);
}

/** Seconds since the epoch, `offset` from now. */
const at = (offset: number): number => Math.floor(Date.now() / 1000) + offset;

describe("an ID token", () => {
  it("lets its person in where all of it is right", async () => {
    await expect(signIn()).resolves.toMatchObject({ status: "signed-in" });
  });

  it.each([
    ["of another issuer", { iss: "https://accounts.example" }],
    ["for another client", { aud: "another-program" }],
    ["for several clients, without an authorised party", { aud: ["gaggle", "another-program"] }],
    ["for several clients, authorised for another", { aud: ["gaggle", "another-program"], azp: "another-program" }],
    ["with another authorised party", { azp: "another-program" }],
    ["that has expired", { iat: at(-600), exp: at(-130) }],
    ["that is from the future", { iat: at(600), exp: at(900) }],
    ["that is older than a sign-in can be", { iat: at(-3_600), exp: at(3_600) }],
    ["without a nonce", { nonce: null }],
    ["with another nonce", { nonce: "0".repeat(64) }],
    ["without an expiry", { exp: null }],
    ["without a subject", { sub: null }],
  ])("is refused %s", async (_what, claims) => {
    await expect(signIn(claims)).rejects.toThrow(REFUSED);
  });

  it("is refused with `alg` none, and signed with the public key or the client's id as a secret", async () => {
    const { challenge } = await laptop.client.signInBegin();
    const good = await provider.token({ nonce: signInNonce(challenge, laptop.agentId) });
    provider.idToken = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${good.split(".")[1]}.`;
    await expect(finish(laptop, challenge)).rejects.toThrow(REFUSED);
    const publicKey = new TextEncoder().encode(JSON.stringify(provider.publicJwk));
    await expect(signIn({}, { alg: "HS256", key: publicKey })).rejects.toThrow(REFUSED);
    await expect(signIn({}, { alg: "HS256", key: new TextEncoder().encode("gaggle".repeat(8)) })).rejects.toThrow(REFUSED);
  });

  it("is refused with an algorithm that the signed section does not list", async () => {
    await publish(2, { algorithms: ["RS256"] });
    await expect(signIn()).rejects.toThrow(REFUSED);
  });

  it("is refused by a key that is not the provider's, also under the name of one that is", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    await expect(signIn({}, { key: privateKey })).rejects.toThrow(REFUSED);
    await expect(signIn({}, { key: privateKey, kid: "key-2" })).rejects.toThrow(REFUSED);
  });

  it("is refused with one bit flipped in any part", async () => {
    for (const part of [0, 1, 2]) {
      const { challenge } = await laptop.client.signInBegin();
      const parts = (await provider.token({ nonce: signInNonce(challenge, laptop.agentId) })).split(".");
      const bytes = Buffer.from(parts[part] ?? "", "base64url");
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      parts[part] = bytes.toString("base64url");
      provider.idToken = parts.join(".");
      const { code: refusal } = await finish(laptop, challenge).then(
        () => ({ code: "none" }),
        (error: GaggleError) => error,
      );
      expect(["SIGN_IN_FAILED", "UPSTREAM_FAILED"], `part ${part}`).toContain(refusal);
    }
  });

  it("of a flow with a nonce is refused in the device flow, which has none", async () => {
    const device: SignInGrant = { type: "device", deviceCode: "d" };
    await expect(signIn({ nonce: "0".repeat(64) }, {}, device)).rejects.toThrow(REFUSED);
    await expect(signIn({}, {}, device)).resolves.toMatchObject({ status: "signed-in" });
  });

  it("names nobody by an address that the provider did not verify, nor from another tenant", async () => {
    const byMail = { subject: { claim: "email", domain: "harbour.example" }, require: { hd: "harbour.example" } };
    await publish(2, byMail);
    const mail = { email: "fiona.berg@harbour.example", email_verified: true, hd: "harbour.example" };
    await expect(signIn({ ...mail, email_verified: false })).rejects.toThrow(REFUSED);
    await expect(signIn({ ...mail, email_verified: null })).rejects.toThrow(REFUSED);
    await expect(signIn({ ...mail, hd: null })).rejects.toThrow("does not have the hd");
    await expect(signIn({ ...mail, email: "fiona.berg@harbour.example@evil.example" })).rejects.toThrow(REFUSED);
    await expect(signIn({ ...mail, email: "fiona.berg@evil.example" })).rejects.toThrow(REFUSED);
    await expect(signIn(mail)).resolves.toMatchObject({ status: "signed-in" });
  });

  it("gives no role by its groups: they have to let in the one that the org chart gives", async () => {
    for (const groups of [[], ["board"], null, "boards", { accounting: true }, ["toString"], [["accounting"]]])
      await expect(signIn({ groups })).rejects.toThrow(REFUSED);
    await expect(signIn({ groups: "accounting" })).resolves.toMatchObject({ status: "signed-in" });
  });
});

describe("a sign-in", () => {
  it("can't be ended by another machine than the one that began it", async () => {
    const thief = node.agent("thief");
    const mine = await laptop.client.signInBegin();
    const theirs = await thief.client.signInBegin();
    provider.idToken = await provider.token({ nonce: signInNonce(mine.challenge, laptop.agentId) });
    await expect(finish(thief, mine.challenge), "the challenge").rejects.toThrow(REFUSED);
    await expect(finish(thief, theirs.challenge), "the code or token").rejects.toThrow(REFUSED);
    await expect(finish(laptop, mine.challenge)).resolves.toMatchObject({ status: "signed-in" });
  });

  it("ends once: the same again, also at the same moment, is refused", async () => {
    const { challenge } = await laptop.client.signInBegin();
    provider.idToken = await provider.token({ nonce: signInNonce(challenge, laptop.agentId) });
    const both = await Promise.allSettled([finish(laptop, challenge), finish(laptop, challenge)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(finish(laptop, challenge)).rejects.toThrow(REFUSED);
    expect(
      provider.calls.filter(({ path }) => path === "/token"),
      "asked for one token",
    ).toHaveLength(1);
  });

  it("is over after a quarter of an hour, and after a refused try", async () => {
    const late = await laptop.client.signInBegin();
    node.clock.jump(900_000);
    await expect(finish(laptop, late.challenge)).rejects.toThrow("took too long");
    node.clock.jump(-900_000);
    const { challenge } = await laptop.client.signInBegin();
    provider.idToken = await provider.token({ nonce: "0" });
    await expect(finish(laptop, challenge)).rejects.toThrow(REFUSED);
    provider.idToken = await provider.token({ nonce: signInNonce(challenge, laptop.agentId) });
    await expect(finish(laptop, challenge)).rejects.toThrow("begin again");
  });

  it("hands the provider the code with its PKCE verifier, and no answer of another provider", async () => {
    await signIn();
    const form = provider.calls.find(({ path }) => path === "/token")?.form;
    expect(form?.get("code_verifier")).toBe(CODE.type === "code" ? CODE.verifier : "");
    expect(form?.get("redirect_uri")).toBe("http://127.0.0.1:4/callback");
    provider.calls.length = 0;
    await expect(signIn({}, {}, { ...CODE, iss: "https://accounts.example" })).rejects.toThrow(REFUSED);
    expect(
      provider.calls.filter(({ path }) => path === "/token"),
      "nothing was redeemed",
    ).toEqual([]);
  });

  it("with a code is refused where the signed section does not allow it, whatever the agent thinks", async () => {
    await publish(2, { device: false });
    await expect(signIn({}, {}, { type: "device", deviceCode: "d" })).rejects.toThrow("does not allow signing in with a code");
    expect(provider.calls, "the provider was not asked").toEqual([]);
  });

  it("needs a proof of the agent's key", async () => {
    expect((await node.app.inject({ method: "POST", url: "/api/v1/sign-in", payload: {} })).json()).toMatchObject({
      code: "CREDENTIAL_INVALID",
    });
  });
});

describe("a provider that lies about itself", () => {
  it.each([
    ["a metadata service", { token_endpoint: "http://169.254.169.254/latest/meta-data" }],
    ["another machine without TLS", { token_endpoint: "http://10.0.0.1/token" }],
    ["another spelling of a link-local address", { token_endpoint: "https://[::ffff:a9fe:a9fe]/token" }],
    ["a file", { token_endpoint: "file:///etc/passwd" }],
    ["keys elsewhere without TLS", { jwks_uri: "http://10.0.0.1/jwks" }],
  ])("can't make the node call %s", async (_what, metadata) => {
    const called: string[] = [];
    const spying: typeof fetch = (input, init) => {
      called.push(new URL(input instanceof Request ? input.url : input).host);
      return fetch(input, init);
    };
    node = await openTestBootstrap({ clock: createVirtualClock(Date.now()), fetch: spying });
    laptop = node.agent("laptop");
    await publish(1);
    provider.metadata = { ...provider.metadata, ...metadata };
    await expect(signIn()).rejects.toThrow(code("UPSTREAM_FAILED"));
    expect(new Set(called)).toEqual(new Set([new URL(provider.issuer).host]));
  });

  it("can't redirect the node, nor call itself another issuer", async () => {
    provider.redirectTo = `${provider.issuer}/jwks`;
    await expect(signIn()).rejects.toThrow(code("UPSTREAM_FAILED"));
    expect(provider.calls.some(({ path }) => path === "/jwks")).toBe(false);
    await publish(2, { issuer: provider.issuer.replace("127.0.0.1", "localhost") });
    await expect(signIn()).rejects.toThrow(code("UPSTREAM_FAILED"));
  });

  it("can't fill the node's memory, nor put its words into an error", async () => {
    provider.metadata = { padding: "x".repeat(2_000_000) };
    await expect(signIn()).rejects.toThrow(code("UPSTREAM_FAILED"));
    provider.metadata = {};
    const error: unknown = await signIn({ preferred_username: "\u001b[31mmallory" }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "SIGN_IN_FAILED" });
    expect(String(error)).not.toContain("mallory");
    expect(String(error)).not.toContain("\u001b");
  });
});
