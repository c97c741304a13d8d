/** People sign in with a real OpenID provider in a process of its own; the agent's and the node's parts are the real ones. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createBootstrapClient } from "../../../mesh/agent/bootstrap-client.ts";
import { readAgentConfig } from "../../../mesh/agent/agent-config.ts";
import { joinBySignIn, signInAgain, type SignInDeps } from "../../../mesh/agent/sign-in-organisation.ts";
import type { SignedBundle } from "../../../mesh/contract/bundle.ts";
import type { MembershipClaims } from "../../../mesh/contract/identity.ts";
import { type SignInProvider, signInProvider } from "../../../mesh/contract/sign-in.ts";
import { parseJoinTarget, createJoinLink } from "../../../mesh/identity/join-link.ts";
import { readAgentKeys } from "../../../mesh/identity/key-file.ts";
import { createSigner } from "../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../mesh/identity/membership.ts";
import { unverifiedPayloadOf } from "../../../mesh/identity/jws.ts";
import { createPerson, startIdentityProvider, type TestIdentityProvider } from "../../support/identity-provider.ts";
import { injectFetch, openTestBootstrap, type TestBootstrap } from "../../support/test-bootstrap.ts";
import { testSources } from "../../support/test-organisation.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { createWallClock } from "../../support/wall-clock.ts";

const NODE = "http://127.0.0.1";
const DAY_MS = 86_400_000;
const code = (name: string) => expect.objectContaining({ code: name });

let provider: TestIdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({
    fiona: { preferred_username: "fiona.berg", groups: ["staff", "accounting"], email: "fiona.berg@harbour.example", email_verified: true },
    marco: { preferred_username: "marco.diaz", groups: ["staff"] },
    mallory: { preferred_username: "mallory", groups: ["accounting"] },
    edward: { preferred_username: "edward.lindqvist", groups: ["board"] },
  });
}, 20_000);
afterAll(() => provider.close());

let node: TestBootstrap;
beforeEach(async () => {
  node = await openTestBootstrap({ clock: createVirtualClock(Date.now()), fetch: (...call) => fetch(...call) });
});

const section = (change: Partial<SignInProvider> = {}): SignInProvider =>
  signInProvider.parse({
    issuer: provider.issuer,
    clientId: "gaggle",
    groups: { claim: "groups", roles: { accounting: ["finance"], board: ["executive", "finance"] } },
    device: true,
    ...change,
  });

/** Publishes bundles whose organisation signs people in so. */
async function publish(version: number, signIn: SignInProvider | undefined = section(), trust = {}): Promise<void> {
  const sources = { ...testSources(), ...(signIn === undefined ? {} : { signIn }) };
  for (const role of ["finance", "marketing", "executive"]) {
    const bundle = node.organisation.sign(role, { version, nowMs: node.clock.now(), sources, trust });
    expect((await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle } })).statusCode).toBe(200);
  }
}

/** A machine whose person signs in as `login`. */
function machine(login: string | undefined) {
  const home = join(mkdtempSync(join(realpathSync(tmpdir()), "gaggle-sign-in-")), "home");
  onTestFinished(() => rmSync(join(home, ".."), { recursive: true }));
  const pages: Promise<unknown>[] = [];
  const person = createPerson(login);
  const inject = injectFetch(node.app);
  const wall = createWallClock();
  const deps: SignInDeps = {
    clock: { ...wall, after: (ms, fn) => wall.after(ms / 10, fn) },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    fetch: (input, init) =>
      new URL(input instanceof Request ? input.url : input).origin === NODE ? inject(input, init) : fetch(input, init),
    showPage: (url) => void pages.push(person.visit(url)),
    showCode: ({ completeUrl = "" }) => void pages.push(person.visit(completeUrl)),
  };
  const link = createJoinLink({ baseUrl: NODE, org: node.organisation.org, rootFingerprint: node.organisation.root.thumbprint });
  const choice = { home, listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false, gooseRoot: null, upstream: null };
  const signIn = (device = false, change: Partial<SignInDeps> = {}, target = parseJoinTarget(link)) =>
    joinBySignIn({ ...deps, ...change }, { ...choice, target, device });
  return { home, deps, pages, signIn, again: (device = false) => signInAgain(deps, home, device) };
}

describe("signing in with a real provider", () => {
  it("joins in the role that the signed org chart gives the person, with a browser", async () => {
    await publish(1);
    const laptop = machine("fiona");
    const config = await laptop.signIn();
    expect(config).toMatchObject({ subject: "fiona.berg", role: "finance", department: "finance", org: node.organisation.org });
    expect(await readAgentConfig(laptop.home)).toEqual(config);
    await expect(laptop.pages[0]).resolves.toMatchObject({ status: 200, text: expect.stringContaining("go back to the terminal") });
    await expect(laptop.signIn()).rejects.toThrow(code("ALREADY_JOINED"));
  });

  it("joins without a browser on the machine, by the device flow", { timeout: 30_000 }, async () => {
    await publish(1);
    const server = machine("fiona");
    await expect(server.signIn(true)).resolves.toMatchObject({ subject: "fiona.berg", role: "finance" });
  });

  it("by the device flow as a command, which waits for the person and ends when they have confirmed", { timeout: 40_000 }, async () => {
    await publish(1);
    const baseUrl = await node.app.listen({ host: "127.0.0.1", port: 0 });
    const link = createJoinLink({ baseUrl, org: node.organisation.org, rootFingerprint: node.organisation.root.thumbprint });
    const { home } = machine("fiona");
    const program = fileURLToPath(new URL("../../../mesh/cli/main.ts", import.meta.url));
    const words = ["join", link, "--sign-in", "--device", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"];
    const env = { ...process.env, GAGGLE_HOME: home, HOME: join(home, "..") };
    const child = spawn(process.execPath, [program, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill());
    const said: string[] = [];
    const ended = once(child, "close");
    child.stderr.on("data", (part: Buffer) => said.push(String(part)));
    const page = await new Promise<string>((resolve, reject) => {
      child.stdout.on("data", (part: Buffer) => {
        said.push(String(part));
        const [, url] = /or open (\S+user_code=\S+)/.exec(said.join("")) ?? [];
        if (url !== undefined) resolve(url);
      });
      void ended.then(() => reject(new Error(said.join(""))));
    });
    await createPerson("fiona").visit(page);
    expect([await ended, said.join("")]).toEqual([[0, null], expect.stringContaining("You are fiona.berg (finance)")]);
    expect(await readAgentConfig(home)).toMatchObject({ subject: "fiona.berg", bootstrapUrl: baseUrl });
  });

  it("needs no link where the person gives the root's fingerprint", async () => {
    await publish(1);
    const laptop = machine("fiona");
    const target = parseJoinTarget(NODE, { root: node.organisation.root.thumbprint });
    await expect(laptop.signIn(false, {}, target)).resolves.toMatchObject({ subject: "fiona.berg" });
  });

  it("takes the person's id from a verified address of the organisation's domain", async () => {
    await publish(1, section({ subject: { claim: "email", domain: "harbour.example" } }));
    await expect(machine("fiona").signIn()).resolves.toMatchObject({ subject: "fiona.berg" });
    await publish(2, section({ subject: { claim: "email", domain: "elsewhere.example" } }));
    await expect(machine("fiona").signIn()).rejects.toThrow(code("SIGN_IN_FAILED"));
  });

  it("lets nobody in whose groups don't let their role in, who is not on the org chart, or who declines", async () => {
    await publish(1);
    await expect(machine("marco").signIn()).rejects.toThrow("None of the account's groups");
    await expect(machine("mallory").signIn()).rejects.toThrow("not in the signed org chart");
    await expect(machine("nobody").signIn()).rejects.toThrow("has no preferred_username");
    await expect(machine(undefined).signIn()).rejects.toThrow("declined");
    expect((await node.app.inject({ method: "GET", url: "/healthz" })).statusCode).toBe(200);
  });

  it("lets nobody in by a code where the organisation does not allow it, and says so on the machine already", async () => {
    await publish(1, section({ device: false }));
    await expect(machine("fiona").signIn(true)).rejects.toThrow("without --device");
  });

  it("lets no new machine of somebody on the roster in: that takes an invitation", async () => {
    const key = node.organisation.admin.publicJwk;
    await publish(1, section(), { roster: { approvers: [{ subject: "edward.lindqvist", role: "executive", key }], stewards: [] } });
    await expect(machine("edward").signIn()).rejects.toThrow("by invitation alone");
    const agents = [{ subject: "fiona.berg", key: node.organisation.admin.thumbprint }];
    await publish(2, section(), { roster: { approvers: [], stewards: [], agents } });
    await expect(machine("fiona").signIn()).rejects.toThrow("by invitation alone");
  });

  it("lets nobody in who is revoked", async () => {
    await publish(1, section(), { revocations: { seq: 1, agents: [], subjects: ["fiona.berg"], keys: [] } });
    await expect(machine("fiona").signIn()).rejects.toThrow(code("REVOKED"));
  });

  it("tells people that the organisation signs nobody in", async () => {
    await node.publish(1);
    await expect(machine("fiona").signIn()).rejects.toThrow("ask an admin for an invitation");
  });

  it("believes no provider but the one that the root key names", async () => {
    await publish(1);
    const laptop = machine("fiona");
    const target = parseJoinTarget(NODE, { root: node.organisation.admin.thumbprint });
    await expect(laptop.signIn(false, {}, target)).rejects.toThrow(code("BUNDLE_SIGNATURE"));
    expect(laptop.pages, "no page was opened").toEqual([]);
  });
});

describe("a bootstrap node that lies when a sign-in ends", () => {
  type Answer = { credential: string; bundle: SignedBundle };
  /** Signs in against a node whose last answer a test alters. */
  async function altered(change: (answer: Answer, claims: MembershipClaims) => Partial<Answer>) {
    await publish(2);
    const laptop = machine("fiona");
    const fetching: typeof fetch = async (input, init) => {
      const response = await laptop.deps.fetch(input, init);
      if (!String(input instanceof Request ? input.url : input).endsWith("/sign-in/finish")) return response;
      const answer = (await response.json()) as Answer;
      return Response.json({ ...answer, ...change(answer, unverifiedPayloadOf(answer.credential) as MembershipClaims) });
    };
    return { home: laptop.home, joined: laptop.signIn(false, { fetch: fetching }) };
  }
  const issue = (claims: MembershipClaims, member: { role?: string; subject?: string; x?: string }): string =>
    issueMembership({
      org: claims.iss,
      member: {
        subject: member.subject ?? claims.sub,
        role: member.role ?? claims.role,
        department: member.role ?? claims.department,
        agentId: claims.agent,
        seal: { ...claims.seal, x: member.x ?? claims.seal.x },
      },
      signer: node.organisation.issuer,
      nowMs: Date.now(),
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    });
  const bundleOf = (role: string, version: number): SignedBundle =>
    node.organisation.sign(role, { version, nowMs: Date.now(), sources: { ...testSources(), signIn: section() } });

  it.each<[string, string, Parameters<typeof altered>[0]]>([
    [
      "a role that the org chart doesn't give",
      "CREDENTIAL_INVALID",
      (_, claims) => ({ credential: issue(claims, { role: "executive" }), bundle: bundleOf("executive", 2) }),
    ],
    ["a person who is not on the chart", "CREDENTIAL_INVALID", (_, claims) => ({ credential: issue(claims, { subject: "mallory" }) })],
    [
      "another key to seal mail to",
      "CREDENTIAL_INVALID",
      (_, claims) => ({ credential: issue(claims, { x: node.organisation.root.publicJwk.x }) }),
    ],
    ["an older bundle than it told of before", "BUNDLE_ROLLBACK", () => ({ bundle: bundleOf("finance", 1) })],
    ["a bundle of another role", "BUNDLE_MISMATCH", () => ({ bundle: bundleOf("marketing", 2) })],
  ])("gives %s: nothing is joined", async (_what, refusal, change) => {
    const { home, joined } = await altered(change);
    await expect(joined).rejects.toThrow(code(refusal));
    await expect(readAgentConfig(home)).rejects.toThrow(code("NOT_JOINED"));
  });
});

describe("a membership by sign-in", () => {
  it("ends with the sign-in, at the node and for everybody else, and goes on after the next one", async () => {
    await publish(1, section({ days: 2 }));
    const laptop = machine("fiona");
    const { agentId } = await laptop.signIn();
    const { sign } = await readAgentKeys(join(laptop.home, "keys"));
    const { random } = laptop.deps;
    const clientDeps = { signer: createSigner(sign), clock: node.clock, random, fetch: injectFetch(node.app) };
    const client = createBootstrapClient(clientDeps, { baseUrl: NODE, org: node.organisation.org });
    node.clock.jump(DAY_MS);
    const { iat, exp } = unverifiedPayloadOf(await client.renew()) as { iat: number; exp: number };
    expect(exp - iat, "no longer than the sign-in").toBe(86_400);
    node.clock.jump(DAY_MS);
    await expect(client.renew()).rejects.toThrow(code("SIGN_IN_NEEDED"));
    await expect(client.directory()).rejects.toThrow(code("SIGN_IN_NEEDED"));
    // The provider's clock can't be moved, so the node's goes back to where that is.
    node.clock.jump(-2 * DAY_MS);
    await expect(laptop.again()).resolves.toEqual({ subject: "fiona.berg", days: 2 });
    expect(unverifiedPayloadOf(await client.renew())).toMatchObject({ agent: agentId, sub: "fiona.berg" });
  });

  it("is not taken over by another person who signs in on the same machine", async () => {
    await publish(1, section({ groups: undefined }));
    const laptop = machine("fiona");
    await laptop.signIn();
    const guest = createPerson("marco");
    await expect(signInAgain({ ...laptop.deps, showPage: (url) => void guest.visit(url) }, laptop.home, false)).rejects.toThrow(
      code("CONFLICT"),
    );
  });
});
