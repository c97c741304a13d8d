/** Plays what Vault's documentation says of the transit engine for ed25519 keys: create, read, sign. No Vault is to be had for tests. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A played Vault and what it saw. */
export interface PlayedVault {
  readonly address: string;
  readonly seen: { method: string; path: string; namespace: string | undefined; body: Record<string, unknown> }[];
  /** Makes a further version of a key, as `vault write -f transit/keys/NAME/rotate` does. */
  rotate(key: string): void;
  /** What the next answers are in place of the right ones. */
  answer?: { status: number; body: string } | undefined;
  close(): Promise<void>;
}

type Version = { readonly privateKey: KeyObject; readonly publicKey: string };

const newVersion = (): Version => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return { privateKey, publicKey: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64") };
};

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const part of request) text += String(part);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

/** Starts one. @param token the token that it lets in */
export async function playVault(token: string): Promise<PlayedVault> {
  const keys = new Map<string, Version[]>();
  const seen: PlayedVault["seen"] = [];
  const answerOf = (path: string, method: string, body: Record<string, unknown>): { status: number; body?: unknown } => {
    const [, what = "", name = ""] = /^\/v1\/transit\/(keys|sign)\/([a-z0-9-]+)$/.exec(path) ?? [];
    const versions = keys.get(name);
    if (what === "keys" && method === "POST") {
      // A key that is there stays as it is.
      if (body["type"] !== "ed25519") return { status: 400, body: { errors: ["unknown key type"] } };
      if (versions === undefined) keys.set(name, [newVersion()]);
      return { status: 200, body: { data: { name, type: "ed25519" } } };
    }
    if (versions === undefined) return { status: 404, body: { errors: [] } };
    if (what === "keys") {
      const listed = versions.map(({ publicKey }, at) => [
        String(at + 1),
        { creation_time: "2026-11-20T00:00:00Z", name: "ed25519", public_key: publicKey },
      ]);
      return {
        status: 200,
        body: { data: { name, type: "ed25519", latest_version: versions.length, keys: Object.fromEntries(listed) as object } },
      };
    }
    const at = Number(body["key_version"] ?? versions.length);
    const key = versions[at - 1];
    if (key === undefined) return { status: 400, body: { errors: ["no such version"] } };
    const signature = sign(null, Buffer.from(String(body["input"]), "base64"), key.privateKey).toString("base64");
    return { status: 200, body: { data: { signature: `vault:v${at}:${signature}`, key_version: at } } };
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, path: url, namespace: headers["x-vault-namespace"] as string | undefined, body });
      const refused = { status: 403, body: { errors: [`permission denied for ${String(headers["x-vault-token"])}`] } };
      const said = headers["x-vault-token"] === token ? answerOf(url, method, body) : refused;
      const { answer } = played;
      response.writeHead(answer?.status ?? said.status, { "content-type": "application/json" });
      response.end(answer?.body ?? JSON.stringify(said.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const played: PlayedVault = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    rotate: (key) => void keys.get(key)?.push(newVersion()),
    close: async () => void (await new Promise((resolve) => server.close(resolve))),
  };
  return played;
}
