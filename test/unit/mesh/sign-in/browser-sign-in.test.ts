import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signInProvider } from "../../../../mesh/contract/sign-in.ts";
import { signInWithBrowser } from "../../../../mesh/sign-in/browser-sign-in.ts";
import { type LyingProvider, startLyingProvider } from "../../../support/lying-provider.ts";

const clock = { now: () => Date.now() };
const code = (name: string) => expect.objectContaining({ code: name });

let provider: LyingProvider;
beforeAll(async () => {
  provider = await startLyingProvider();
});
afterAll(() => provider.close());

/** A sign-in whose browser does what a test says with the provider's page and the address to come back to. */
function signIn(browse: (page: URL, back: URL) => Promise<void>) {
  const section = signInProvider.parse({ issuer: provider.issuer, clientId: "gaggle" });
  const browsed: Promise<void>[] = [];
  const show = (url: string): void => {
    const page = new URL(url);
    browsed.push(browse(page, new URL(page.searchParams.get("redirect_uri") ?? "")));
  };
  const grant = signInWithBrowser({ clock, fetch, show }, section, "the nonce");
  return { grant, browsed };
}

/** Comes back with parameters; `state` is the right one unless said otherwise. */
async function comeBack(page: URL, back: URL, parameters: Record<string, string>): Promise<number> {
  const state = page.searchParams.get("state") ?? "";
  back.search = new URLSearchParams({ state, ...parameters }).toString();
  return (await fetch(back)).status;
}

describe("signing in with a browser", () => {
  it("asks with PKCE, state and the nonce, on a loopback port of its own, and takes the code", async () => {
    let asked: URL | undefined;
    const { grant } = signIn(async (page, back) => {
      asked = page;
      await comeBack(page, back, { code: "abc", iss: provider.issuer });
    });
    const got = await grant;
    expect(got).toMatchObject({ type: "code", code: "abc", iss: provider.issuer });
    const query = Object.fromEntries(asked?.searchParams ?? []);
    expect(query).toMatchObject({ response_type: "code", client_id: "gaggle", nonce: "the nonce", code_challenge_method: "S256" });
    expect(query["state"]?.length).toBeGreaterThanOrEqual(32);
    expect(query["redirect_uri"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect(got.type === "code" && got.verifier).not.toBe(query["code_challenge"]);
  });

  it("looks at nothing that lacks this sign-in's state, comes by another path, or is posted", async () => {
    const statuses: number[] = [];
    const { grant, browsed } = signIn(async (page, back) => {
      statuses.push(await comeBack(page, back, { state: "another", code: "evil" }));
      statuses.push(await comeBack(page, back, { state: "", code: "evil" }));
      statuses.push(await comeBack(page, new URL("/elsewhere", back), { code: "evil" }));
      back.search = page.search;
      statuses.push((await fetch(back, { method: "POST" })).status);
      statuses.push(await comeBack(page, back, { code: "good" }));
    });
    await expect(grant).resolves.toMatchObject({ code: "good" });
    await Promise.all(browsed);
    expect(statuses).toEqual([404, 404, 404, 404, 200]);
  });

  it("sends nothing on where the answer is another provider's, an error, or has no code", async () => {
    for (const answer of [{ code: "abc", iss: "https://accounts.example" }, { error: "access_denied" }, { error: "server_error" }, {}]) {
      const { grant } = signIn(async (page, back) => void (await comeBack(page, back, answer)));
      await expect(grant, JSON.stringify(answer)).rejects.toThrow(code("SIGN_IN_FAILED"));
    }
  });

  it("shows no page that is not the provider's by https, and puts no text of an answer into its errors", async () => {
    for (const page of ["http://10.0.0.1/authorize", "https://169.254.169.254/", "file:///etc/passwd", "https://user@evil.example/"]) {
      provider.metadata = { authorization_endpoint: page };
      const { grant, browsed } = signIn(async () => undefined);
      await expect(grant, page).rejects.toThrow(code("UPSTREAM_FAILED"));
      expect(browsed, "no page was opened").toEqual([]);
    }
    provider.metadata = {};
    const { grant } = signIn(
      async (page, back) => void (await comeBack(page, back, { error: "x", error_description: "call 555 to mend" })),
    );
    const error: unknown = await grant.catch((caught: unknown) => caught);
    expect(String(error)).not.toContain("555");
  });
});
