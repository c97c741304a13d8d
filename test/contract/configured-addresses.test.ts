/** Addresses that somebody configures, or that a link brings: they lead to no metadata service, and nobody is led on by a redirect. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ensureOwnCertificate } from "../../bootstrap-node/tls/own-certificate.ts";
import { homePaths, readAgentConfig } from "../../mesh/agent/agent-config.ts";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { bootstrapFetch } from "../../mesh/agent/pinned-fetch.ts";
import { checkBaseUrl, parseInvitation } from "../../mesh/identity/invitation.ts";
import { parseJoinTarget } from "../../mesh/identity/join-link.ts";
import { joinedHome } from "../support/joined-home.ts";
import { seededRandom, seededSigner } from "../support/seeded-keys.ts";
import { tempFolder } from "../support/temp-home.ts";

const ORG = `org_${"a".repeat(26)}`;
const code = (name: string) => expect.objectContaining({ code: name });
const METADATA = [
  "https://169.254.169.254",
  "https://[fe80::1]",
  "https://[::ffff:169.254.169.254]",
  "https://metadata.google.internal",
  "https://2852039166",
  "https://[64:ff9b::a9fe:a9fe]",
];

async function listen(listener: RequestListener, tls?: { key: string; cert: string }): Promise<string> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http${tls === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that sends every caller on to another one, which notes what it is told. */
async function startRedirector(tls?: { key: string; cert: string }): Promise<{ url: string; heard: IncomingHttpHeaders[] }> {
  const heard: IncomingHttpHeaders[] = [];
  const other = await listen((request, response) => {
    heard.push(request.headers);
    response.end("{}");
  });
  const url = await listen((request, response) => void response.writeHead(307, { location: other + (request.url ?? "") }).end(), tls);
  return { url, heard };
}

const clientOf = (baseUrl: string, fetching: typeof fetch) =>
  createBootstrapClient(
    { signer: seededSigner("laptop"), clock: Date, random: seededRandom("calls"), fetch: fetching },
    { baseUrl, org: ORG },
  );

describe("the bootstrap node's address", () => {
  it.each(METADATA)("is not %s", (url) => {
    expect(() => checkBaseUrl(url)).toThrow(code("INVITATION_INVALID"));
    expect(() => parseInvitation(`${url}/join#e30`)).toThrow(code("INVITATION_INVALID"));
    expect(() => parseJoinTarget(url, { root: "r".repeat(43) })).toThrow(code("INVITATION_INVALID"));
  });

  it("leads no further: a redirect is no answer, and the proof of the agent key goes nowhere else", async () => {
    const { url, heard } = await startRedirector();
    const client = clientOf(url, fetch);
    await expect(client.token()).rejects.toThrow(code("PEER_UNREACHABLE"));
    await expect(client.health()).rejects.toThrow(code("PEER_UNREACHABLE"));
    expect(heard).toEqual([]);
  });

  it("leads no further with a pinned key either", async () => {
    const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
    const tls = await ensureOwnCertificate({ clock: Date, random }, { dir: tempFolder(), host: "127.0.0.1" });
    const { url, heard } = await startRedirector(tls);
    await expect(clientOf(url, bootstrapFetch(fetch, tls.pin)).token()).rejects.toThrow(code("PEER_UNREACHABLE"));
    expect(heard).toEqual([]);
  });
});

describe("the address of a collector of spans", () => {
  it("is none of a metadata service, with a user in it, or of a file, also in a configuration that somebody edited", async () => {
    const home = join(tempFolder(), "home");
    await joinedHome(home);
    const path = homePaths(home).config;
    const config = JSON.parse(readFileSync(path, "utf8")) as object;
    const write = (traces: string): void => writeFileSync(path, JSON.stringify({ ...config, telemetry: { traces } }));
    for (const url of [...METADATA, "https://user:secret@traces.example", "file:///etc/passwd"]) {
      write(`${url}/v1/traces`);
      await expect(readAgentConfig(home), url).rejects.toThrow(code("INVALID_INPUT"));
    }
    write("http://127.0.0.1:4318/v1/traces");
    expect((await readAgentConfig(home)).telemetry?.traces).toBe("http://127.0.0.1:4318/v1/traces");
  });
});

describe("a model server's address", () => {
  it.each([...METADATA, "https://user:secret@models.example", "file:///etc/passwd"])(
    "is not %s, also in a configuration that somebody edited",
    async (url) => {
      const home = join(tempFolder(), "home");
      await joinedHome(home);
      const path = homePaths(home).config;
      const text = readFileSync(path, "utf8").replace("http://127.0.0.1:9/v1", `${url}/v1`);
      writeFileSync(path, text);
      await expect(readAgentConfig(home)).rejects.toThrow(code("INVALID_INPUT"));
    },
  );
});
