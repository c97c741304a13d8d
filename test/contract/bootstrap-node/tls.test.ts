/** HTTPS with the node's own certificate, and agents that go by its key: over real sockets. */
import { randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BootstrapNode, createBootstrapNode } from "../../../bootstrap-node/create-bootstrap-node.ts";
import { ensureOwnCertificate, type OwnCertificate } from "../../../bootstrap-node/tls/own-certificate.ts";
import { joinOrganisation } from "../../../mesh/agent/join-organisation.ts";
import { bootstrapFetch } from "../../../mesh/agent/pinned-fetch.ts";
import { orgInit } from "../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../mesh/cli/org/org-invite.ts";
import { orgSign } from "../../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../../mesh/cli/output.ts";
import { parseInvitation } from "../../../mesh/identity/invitation.ts";
import { createWallClock } from "../../support/wall-clock.ts";

const installDir = join(import.meta.dirname, "..", "..", "..");
const out = createOutput({ write: () => undefined }, true);
const clock = createWallClock();
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const code = (name: string) => expect.objectContaining({ code: name });

let home: string;
let dir: string;
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  home = mkdtempSync(join(realpathSync(tmpdir()), "gaggle-tls-"));
  dir = join(home, "org");
  closers = [];
  await orgInit({ dir, installDir, content: "sample" }, out, { clock, random });
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(home, { recursive: true });
});

const certificate = (at = Date.now()): Promise<OwnCertificate> =>
  ensureOwnCertificate({ clock: { now: () => at }, random }, { dir: join(dir, "bootstrap"), host: "0.0.0.0" });

async function startNode(tls: OwnCertificate): Promise<BootstrapNode> {
  const config = { dir: join(dir, "bootstrap"), host: "127.0.0.1", port: 0, version: "0.0.0-test", peer: null };
  const node = await createBootstrapNode({ clock, random, log }, { ...config, tls });
  closers.push(() => node.close());
  return node;
}

/** A server between agent and node: another key, and an ear for what is sent. */
async function startImpostor(): Promise<{ url: string; heard: Buffer[] }> {
  const other = join(home, "impostor");
  const { key, cert } = await ensureOwnCertificate({ clock, random }, { dir: other, host: "127.0.0.1" });
  const heard: Buffer[] = [];
  const server: Server = createServer({ key, cert }, (socket) => {
    socket.on("data", (chunk) => heard.push(chunk));
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

describe("the node's own certificate", () => {
  it("is a good one for this machine's addresses, and keeps its key when it is made anew", async () => {
    const [first, later] = [await certificate(), await certificate(Date.now() + 300 * 86_400_000)];
    expect(later.pin).toBe(first.pin);
    expect(later.cert).not.toBe(first.cert);
    const parsed = new X509Certificate(first.cert);
    expect(parsed.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(parsed.checkHost("localhost")).toBe("localhost");
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.ca).toBe(false);
    expect(readFileSync(join(dir, "bootstrap", "tls-pin"), "utf8")).toBe(`${first.pin}\n`);
  });

  it("lets a machine join over it by the pin in the invitation, which its configuration keeps", async () => {
    await orgSign({ dir }, out, { clock, random });
    const tls = await certificate();
    const node = await startNode(tls);
    const invite = (pin?: false) =>
      orgInvite({ dir, role: "finance", user: "fiona.berg", url: node.url, ...(pin === undefined ? {} : { pin }) }, out, { clock, random });
    const link = await invite();
    expect(parseInvitation(link).secret.tlsPin).toBe(tls.pin);
    const choice = { listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false, gooseRoot: null, upstream: null };
    const unpinned = await invite(false);
    await expect(joinOrganisation({ clock, random, fetch }, { ...choice, home: join(home, "b"), invitation: unpinned })).rejects.toThrow(
      code("PEER_UNREACHABLE"),
    );
    const config = await joinOrganisation({ clock, random, fetch }, { ...choice, home: join(home, "a"), invitation: link });
    expect(config).toMatchObject({ bootstrapUrl: node.url, bootstrapPin: tls.pin });
  });

  it("still fits the pin after the node restarted", async () => {
    const first = await certificate();
    const pinned = bootstrapFetch(fetch, first.pin);
    const node = await startNode(first);
    expect((await pinned(`${node.url}/healthz`)).status).toBe(200);
    await node.close();
    const again = await startNode(await certificate(Date.now() + 300 * 86_400_000));
    const answer = await pinned(`${again.url}/healthz`);
    expect(await answer.json()).toMatchObject({ status: "ok" });
    expect(answer.headers.get("strict-transport-security")).toBe("max-age=31536000");
  });

  it("is served with TLS 1.3 and nothing older", async () => {
    const node = await startNode(await certificate());
    const old = request(`${node.url}/healthz`, { rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    const failed = once(old, "error");
    old.end();
    await expect(failed).resolves.toMatchObject([{ code: expect.stringMatching(/EPROTO|ERR_SSL|ECONNRESET/) }]);
  });
});

describe("a pinned connection", () => {
  it("sends nothing to a server with another key, and says so", async () => {
    const { pin } = await certificate();
    const impostor = await startImpostor();
    const call = bootstrapFetch(fetch, pin)(`${impostor.url}/api/v1/join`, {
      method: "POST",
      body: '{"invitation":"secret"}',
      signal: AbortSignal.timeout(5_000),
    });
    await expect(call).rejects.toThrow(code("TLS_PIN_MISMATCH"));
    expect(Buffer.concat(impostor.heard).length).toBe(0);
  });

  it("goes by the pin alone, so it never falls back to plain HTTP or to authorities", async () => {
    const { pin } = await certificate();
    await expect(bootstrapFetch(fetch, pin)("http://127.0.0.1:9/healthz")).rejects.toThrow(code("INVALID_INPUT"));
    expect(bootstrapFetch(fetch, undefined)).toBe(fetch);
  });

  it("ends with the caller's signal, and tells that nobody is there", async () => {
    const { pin } = await certificate();
    const pinned = bootstrapFetch(fetch, pin);
    const impostor = await startImpostor();
    await expect(pinned(impostor.url, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    await expect(pinned("https://127.0.0.1:9/healthz")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
