/**
 * Compact JWS (RFC 7515) with EdDSA (RFC 8037), as strict as we can be: the header holds exactly `alg`, `typ` and `kid`, base64url is
 * canonical,
 * the key is one the caller named. Synchronous (docs/decisions/0012-jws.md says why this is not jose).
 */
import { verify } from "node:crypto";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { thumbprint } from "../contract/ids.ts";
import { canonicalJson, isTooDeep, jsonText } from "../contract/json.ts";
import { MAX_FRAME_BYTES } from "../contract/limits.ts";
import type { Signer } from "../contract/ports.ts";
import { thumbprintOf, type VerifyingKey, verifyingKeyOf } from "./keys.ts";

/** Bytes of an Ed25519 signature. */
const SIGNATURE_BYTES = 64;

/** Types of what Gaggle signs: the header's `typ`, so that a signature for one purpose is never taken for another. */
export type JwsType =
  | "gaggle-bundle+jws"
  | "gaggle-head+jws"
  | "gaggle-log+jws"
  | "gaggle-approval+jws"
  | "gaggle-handoff+jws"
  | "gaggle-envelope+jws"
  | "gaggle-invitation+jws"
  | "gaggle-membership+jwt"
  | "gaggle-proof+jwt"
  | "gaggle-peer+jws"
  | "gaggle-export+jws"
  | "gaggle-acknowledgement+jws"
  | "gaggle-deposit+jws"
  | "gaggle-seal-key+jws"
  | "gaggle-revocation+jws"
  | "gaggle-sign-in+jws"
  | "gaggle-root+jws"
  /** Agent cards and nothing else: what A2A wants their signatures to be typed as. */
  | "JOSE";

const header = z.strictObject({ alg: z.literal("EdDSA"), typ: z.string().max(60), kid: thumbprint });

const invalid = (problem: string): GaggleError => new GaggleError("CREDENTIAL_INVALID", `The signed object is not valid: ${problem}.`);

/**
 * Signs a payload.
 * @param input `typ` goes into the header; `payload` is written as RFC 8785 JSON; `signer` names itself by its thumbprint in `kid`
 * @returns a compact JWS
 */
export function signJws(input: { typ: JwsType; payload: unknown; signer: Signer }): string {
  return signText(input, canonicalJson(input.payload));
}

/**
 * Signs a payload whose text nobody has to make again: its keys stay in the order in which they were made, which is much quicker. The signature is over
 * the bytes either way.
 * @returns a compact JWS
 */
export function signJwsAsMade(input: { typ: JwsType; payload: unknown; signer: Signer }): string {
  return signText(input, jsonText(input.payload));
}

function signText(input: { typ: JwsType; signer: Signer }, payload: string): string {
  // In the order of RFC 8785.
  const head = jsonText({ alg: "EdDSA", kid: input.signer.thumbprint, typ: input.typ });
  const signed = `${base64url(head)}.${base64url(payload)}`;
  return `${signed}.${Buffer.from(input.signer.sign(Buffer.from(signed))).toString("base64url")}`;
}

/**
 * Checks a compact JWS and gives its payload (JSON, still to be checked against a schema).
 * @param input exactly one of `key` and `keys`: whom to believe; `maxBytes` bounds the whole text (default: one frame)
 * @throws GaggleError CREDENTIAL_INVALID for anything but a well-formed, well-signed object of this `typ` by one of these keys
 */
export function verifyJws(input: {
  jws: string;
  typ: JwsType;
  key?: Ed25519Jwk;
  keys?: readonly Ed25519Jwk[];
  maxBytes?: number;
}): unknown {
  const parts = readJws(input.jws, input.maxBytes);
  const candidates = input.key === undefined ? (input.keys ?? []) : [input.key];
  const key = candidates.find((candidate) => thumbprintOf(candidate) === parts.header.kid);
  checkParts(parts, input.typ, key && verifyingKeyOf(key));
  return parts.payload;
}

/** A compact JWS that was taken apart and is believed by nobody yet. */
export interface UnverifiedJws {
  /** Only for finding out which key to check it with. */
  readonly payload: unknown;
  /** @throws GaggleError CREDENTIAL_INVALID unless it is of this `typ` and well signed by exactly this key */
  assertSigned(typ: JwsType, key: VerifyingKey): void;
}

/**
 * Takes a compact JWS apart once, for callers that learn from its payload whose key it must be signed by.
 * @throws GaggleError CREDENTIAL_INVALID for what is no JWS of ours
 */
export function openJws(jws: string, maxBytes?: number): UnverifiedJws {
  const parts = readJws(jws, maxBytes);
  return { payload: parts.payload, assertSigned: (typ, key) => checkParts(parts, typ, key) };
}

/**
 * Thumbprint of the key that a JWS says it is signed by. Says nothing about whether it is.
 * @throws GaggleError CREDENTIAL_INVALID for what is no JWS of ours
 */
export const claimedKeyOf = (jws: string, maxBytes?: number): string => readJws(jws, maxBytes).header.kid;

/**
 * Payload of a JWS **before any check of its signature**: only for finding out which key to check it with.
 * @throws GaggleError CREDENTIAL_INVALID for what is no JWS of ours
 */
export const unverifiedPayloadOf = (jws: string, maxBytes?: number): unknown => readJws(jws, maxBytes).payload;

/** A JWS taken apart. `signed`: the bytes under the signature. */
interface JwsParts {
  readonly header: z.infer<typeof header>;
  readonly payload: unknown;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** The one place where a signature is believed. @param key undefined where none of the trusted keys is the one that the header names */
function checkParts({ header: { typ, kid }, signed, signature }: JwsParts, expected: JwsType, key: VerifyingKey | undefined): void {
  if (typ !== expected) throw invalid(`it is not of type ${expected}`);
  if (key?.thumbprint !== kid) throw invalid("its key is not one that is trusted here");
  if (!verify(null, signed, key.object, signature)) throw invalid("the signature does not match, so it was altered or forged");
}

/** Takes a compact JWS apart; strict about form, silent about trust. */
function readJws(jws: string, maxBytes = MAX_FRAME_BYTES): JwsParts {
  if (typeof jws !== "string" || jws.length > maxBytes) throw invalid(`it is larger than ${maxBytes} bytes`);
  const [head, body, mac, ...rest] = jws.split(".");
  if (head === undefined || body === undefined || mac === undefined || rest.length > 0) throw invalid("it does not have three parts");
  const parsed = header.safeParse(parsePart(head, "header"));
  if (!parsed.success) throw invalid("its header is not exactly alg EdDSA, typ and kid");
  const signature = decode(mac, "signature");
  if (signature.length !== SIGNATURE_BYTES) throw invalid("its signature has the wrong length");
  return { header: parsed.data, payload: parsePart(body, "payload"), signed: Buffer.from(`${head}.${body}`), signature };
}

const base64url = (text: string): string => Buffer.from(text).toString("base64url");

/** Decodes base64url and refuses every spelling but the canonical one, so that one object has one text. */
function decode(text: string, part: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw invalid(`its ${part} is not canonical base64url`);
  return bytes;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parsePart(text: string, part: string): unknown {
  const bytes = decode(text, part);
  let json: string;
  try {
    json = UTF8.decode(bytes);
  } catch {
    throw invalid(`its ${part} is not JSON`);
  }
  if (isTooDeep(json)) throw invalid(`its ${part} is nested too deeply`);
  try {
    return JSON.parse(json);
  } catch {
    // Without the cause: the parser's message quotes the input.
    throw invalid(`its ${part} is not JSON`);
  }
}
