/** An identity provider that answers whatever a test wants, over real HTTP, with real keys: for the attacks that an honest provider does not make. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

/** The provider. */
export interface LyingProvider {
  readonly issuer: string;
  /** What the next token requests are answered with. */
  idToken: string | undefined;
  /** Endpoints and the like that its metadata name instead of its own. */
  metadata: Record<string, unknown>;
  /** Addresses that were called, with the form that came. */
  readonly calls: { readonly path: string; readonly form: URLSearchParams }[];
  /** Where `/redirect` sends on to. */
  redirectTo: string | undefined;
  /** A good ID token, with what a test changes. `null` leaves a claim out. */
  token(claims: Record<string, unknown>, header?: { alg?: string; kid?: string; key?: CryptoKey | Uint8Array }): Promise<string>;
  /** Its public key, for those who would use it as a secret. */
  readonly publicJwk: JWK;
  close(): Promise<void>;
}

/** Starts it on a free port of this machine. */
export async function startLyingProvider(): Promise<LyingProvider> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "ES256", use: "sig" };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      self.calls.push({ path, form: new URLSearchParams(Buffer.concat(chunks).toString()) });
      if (self.redirectTo !== undefined && path === "/token") {
        response.writeHead(307, { location: self.redirectTo }).end();
        return;
      }
      const body = answerOf(path);
      response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(body ?? {}));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answerOf = (path: string): object | undefined => {
    if (path === "/.well-known/openid-configuration") {
      const endpoints = { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` };
      return {
        issuer,
        ...endpoints,
        response_types_supported: ["code"],
        id_token_signing_alg_values_supported: undefined,
        ...self.metadata,
      };
    }
    if (path === "/jwks") return { keys: [publicJwk] };
    if (path === "/token")
      return { access_token: "x", token_type: "bearer", ...(self.idToken === undefined ? {} : { id_token: self.idToken }) };
    return undefined;
  };

  const self: LyingProvider = {
    issuer,
    idToken: undefined,
    metadata: { id_token_signing_alg_values_supported: ["ES256", "HS256", "none"] },
    calls: [],
    redirectTo: undefined,
    publicJwk,
    token: (claims, { alg = "ES256", kid = "key-1", key = privateKey } = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const good = {
        iss: issuer,
        aud: "gaggle",
        sub: "1",
        iat: now,
        exp: now + 300,
        preferred_username: "fiona.berg",
        groups: ["accounting"],
      };
      const payload = Object.fromEntries(Object.entries({ ...good, ...claims }).filter(([, value]) => value !== null)) as JWTPayload;
      return new SignJWT(payload).setProtectedHeader({ alg, kid, typ: "JWT" }).sign(key);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return self;
}
