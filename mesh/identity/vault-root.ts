/**
 * The root key in the transit engine of HashiCorp Vault or OpenBao: the key never leaves it. Source: Vault's HTTP API, Transit secrets engine.
 * docs/decisions/0111-root-key.md
 */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { slug } from "../contract/ids.ts";
import { isTrustworthyUrl } from "../contract/loopback.ts";
import { thumbprintOf } from "./keys.ts";
import type { RootSigner } from "./root-signer.ts";

/** Where the key is. Nothing in it is secret; it stands in `org.json`. */
export const vaultKey = z.strictObject({
  kind: z.literal("vault"),
  /** Base URL, for example `https://vault.example.com:8200`. */
  address: z.url({ protocol: /^https?$/ }),
  /** Path of the transit engine. */
  mount: z.string().regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/),
  key: slug,
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*\/?$/)
    .optional(),
});
/** Where the key is. */
export type VaultKey = z.infer<typeof vaultKey>;

/** What signing needs of the world. */
export interface VaultDeps {
  readonly fetch: typeof globalThis.fetch;
  /** A token that may read and use the key. Read for each call, so that a renewed one counts; never told to anybody. */
  token(): Promise<string>;
}

const TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 1_048_576;
const keyAnswer = z.object({
  data: z.object({ type: z.literal("ed25519"), keys: z.record(z.string(), z.object({ public_key: z.string() })) }),
});
const signAnswer = z.object({ data: z.object({ signature: z.string().regex(/^vault:v\d+:[A-Za-z0-9+/]{86}==$/) }) });

/** Makes the key where there is none; one that is there stays. @throws GaggleError UPSTREAM_FAILED, KEYS_LOCKED (the token may not) */
export const createVaultKey = async (deps: VaultDeps, at: VaultKey): Promise<void> =>
  void (await ask(deps, at, "POST", `keys/${at.key}`, { type: "ed25519", exportable: false, allow_plaintext_backup: false }));

/**
 * The root key there. @param thumbprint the organisation's root key; left out, the newest version of the key
 * @throws GaggleError CONFLICT where no version of the key there is that root key; UPSTREAM_FAILED, KEYS_LOCKED
 */
export async function openVaultRoot(deps: VaultDeps, at: VaultKey, thumbprint?: string): Promise<RootSigner> {
  const { data } = checked(keyAnswer, await ask(deps, at, "GET", `keys/${at.key}`));
  const versions = Object.entries(data.keys).map(([version, { public_key: key }]) => ({ version: Number(version), jwk: jwkOf(key) }));
  const newestFirst = versions.toSorted((a, b) => b.version - a.version);
  const found = newestFirst.find(({ jwk }) => thumbprint === undefined || thumbprintOf(jwk) === thumbprint);
  if (found === undefined) {
    throw new GaggleError("CONFLICT", `The key ${at.key} in Vault is not this organisation's root key; name the right one in org.json.`);
  }
  const { jwk, version } = found;
  const sign = async (data: Uint8Array): Promise<Uint8Array> => {
    // Of exactly this version: the key may be rotated in Vault, which makes no new root.
    const body = { input: Buffer.from(data).toString("base64"), key_version: version };
    const { signature } = checked(signAnswer, await ask(deps, at, "POST", `sign/${at.key}`, body)).data;
    return new Uint8Array(Buffer.from(signature.split(":")[2] ?? "", "base64"));
  };
  return { publicJwk: jwk, thumbprint: thumbprintOf(jwk), sign };
}

const jwkOf = (base64: string): Ed25519Jwk => ({ kty: "OKP", crv: "Ed25519", x: Buffer.from(base64, "base64").toString("base64url") });

const failed = (problem: string, cause?: unknown): GaggleError =>
  new GaggleError("UPSTREAM_FAILED", `Vault ${problem}. Check its address, that it is unsealed, and the path of its transit engine.`, {
    cause,
  });

/** One call. Neither the token nor what Vault said about it goes into an error. */
async function ask(deps: VaultDeps, at: VaultKey, method: "GET" | "POST", path: string, body?: object): Promise<unknown> {
  const url = new URL(`v1/${at.mount}/${path}`, at.address.endsWith("/") ? at.address : `${at.address}/`);
  refusePlain(url);
  const headers: Record<string, string> = { "x-vault-token": await deps.token(), "x-vault-request": "true" };
  if (at.namespace !== undefined) headers["x-vault-namespace"] = at.namespace;
  const init = { method, headers, redirect: "error" as const, signal: AbortSignal.timeout(TIMEOUT_MS) };
  const answer = await deps.fetch(url, body === undefined ? init : { ...init, body: JSON.stringify(body) }).catch((cause: unknown) => {
    throw failed("does not answer", cause);
  });
  const text = await answer.text();
  if (answer.status === 403)
    throw new GaggleError("KEYS_LOCKED", "Vault does not let this token use the root key. Log in again, or ask for the policy.");
  if (answer.status === 404)
    throw new GaggleError("NOT_FOUND", `Vault has no key ${at.key} at ${at.mount}. Make it with: gaggle org init --vault …`);
  if (!answer.ok || text.length > MAX_ANSWER_BYTES) throw failed(`answered ${answer.status}`);
  return text === "" ? {} : parsed(text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw failed("gave no JSON");
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw failed("gave an answer of another shape than its transit engine's for an ed25519 key");
}

/** The token must not cross a network in clear. */
function refusePlain(url: URL): void {
  if (isTrustworthyUrl(url)) return;
  throw new GaggleError("INVALID_INPUT", "Vault's address must be https, or of this machine.");
}
