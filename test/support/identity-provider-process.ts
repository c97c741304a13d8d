/**
 * A real OpenID provider (oidc-provider) as a process of its own: `node identity-provider-process.ts '{"person": {claims}}'`. Prints its issuer and serves
 * until it is killed. Its sign-in page takes any password; whoever is not in the list has no claims but `sub`.
 */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

const people = JSON.parse(process.argv[2] ?? "{}") as Record<string, object>;
const native = { application_type: "native", token_endpoint_auth_method: "none", redirect_uris: ["http://127.0.0.1/callback"] };
const grants = { grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"], response_types: ["code"] };

let serve: RequestListener = (_request, response) => void response.writeHead(503).end();
const server = createServer((request, response) => serve(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: ["gaggle", "another-program"].map((client_id) => ({ client_id, ...native, ...grants })),
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
    // Most providers put what was asked for into the ID token.
    conformIdTokenClaims: false,
    features: { deviceFlow: { enabled: true } },
    cookies: { keys: ["a key of the test"] },
    findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
  });
  serve = provider.callback();
  process.stdout.write(`${issuer}\n`);
});
