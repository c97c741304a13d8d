/**
 * Revocation statements: an admin key takes trust away at once, without the root key. Who may do so is the root's word alone (the newest manifest);
 * an issuer key may not. Source: decisions 0108, 0127.
 */
import type { AuditDraft } from "../contract/audit.ts";
import type { BundleManifest, Revocations } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { sha256Hex } from "../contract/json.ts";
import {
  MAX_OPEN_REVOCATIONS,
  MAX_REVOCATION_BYTES,
  REVOCATION_PAGE,
  type RevocationStatement,
  revocationStatement,
} from "../contract/revocation.ts";
import type { Signer } from "../contract/ports.ts";
import { claimedKeyOf, signJws, verifyJws } from "./jws.ts";
import { thumbprintOf } from "./keys.ts";

const TYP = "gaggle-revocation+jws";

/** What of the root's own word decides about statements. */
export type RevocationTrust = Pick<BundleManifest, "org" | "admins" | "revocations">;

/** A statement that was checked. */
export interface SignedRevocation {
  readonly jws: string;
  /** Thumbprint of the admin key. */
  readonly admin: string;
  readonly statement: RevocationStatement;
}

/** Signs a statement with an admin key. @throws GaggleError TOO_LARGE where it names too much at once */
export function signRevocation(input: { statement: RevocationStatement; signer: Signer }): string {
  const jws = signJws({ typ: TYP, payload: input.statement, signer: input.signer });
  if (jws.length <= MAX_REVOCATION_BYTES) return jws;
  throw new GaggleError("TOO_LARGE", "Too much is revoked at once; revoke in several steps, or sign a new bundle with: gaggle org sign");
}

/**
 * Checks a statement against the root's word: signed by an admin key that the manifest names and does not revoke, for this organisation.
 * @param input `manifest`: as the root signed it, without what other statements add: admin keys can't silence each other
 * @throws GaggleError CREDENTIAL_INVALID, REVOKED (the admin key), NOT_A_MEMBER (another organisation)
 */
export function verifyRevocation(input: { jws: string; manifest: RevocationTrust }): SignedRevocation {
  const { jws, manifest } = input;
  const admin = claimedKeyOf(jws, MAX_REVOCATION_BYTES);
  const payload = verifyJws({ jws, typ: TYP, keys: manifest.admins, maxBytes: MAX_REVOCATION_BYTES });
  if (manifest.revocations.keys.includes(admin))
    throw new GaggleError("REVOKED", "The admin key that signed this revocation has been revoked itself; the root key's holder decides.");
  const parsed = revocationStatement.safeParse(payload);
  if (!parsed.success) throw new GaggleError("CREDENTIAL_INVALID", "The revocation statement lacks fields or has malformed ones.");
  if (parsed.data.org !== manifest.org) throw new GaggleError("NOT_A_MEMBER", "The revocation statement is of another organisation.");
  return { jws, admin, statement: parsed.data };
}

/**
 * What names a statement: SHA-256 of what its key signed, so that one statement has one id whatever its signature's bytes are. Its number names it not:
 * two machines with one admin key may use the same. Source: decision 0127.
 */
export const revocationId = (jws: string): string => sha256Hex(jws.slice(0, jws.lastIndexOf(".")));

/** Whether a bundle has settled a statement: what it says is then in the bundle's own list, or was undone by the root. */
export const isSettled = ({ admin, jws, statement }: SignedRevocation, { revocations }: RevocationTrust): boolean =>
  statement.seq <= (revocations.settled?.[admin] ?? 0) || revocations.settledIds?.[admin]?.includes(revocationId(jws)) === true;

/**
 * The list with statements settled: that of the next bundle. What they say has to be in it already. Of admin keys that are named no more nothing is
 * remembered: their statements are void as they are.
 */
export function withSettled({ admins, revocations }: RevocationTrust, statements: readonly SignedRevocation[]): Revocations {
  const { settledIds: before = {}, ...rest } = revocations;
  const settledIds: Record<string, string[]> = {};
  for (const admin of admins.map(thumbprintOf)) {
    const fresh = statements.filter((one) => one.admin === admin).map(({ jws }) => revocationId(jws));
    const ids = [...new Set([...(before[admin] ?? []), ...fresh])].toSorted();
    if (ids.length > 0) settledIds[admin] = ids;
  }
  return Object.keys(settledIds).length === 0 ? rest : { ...rest, settledIds };
}

/** Those of some statements that count under a manifest, in the order of their texts; what does not hold is left out. */
export function openRevocations(statements: readonly string[], manifest: RevocationTrust): SignedRevocation[] {
  return [...new Set(statements)].toSorted().flatMap((jws) => {
    try {
      const signed = verifyRevocation({ jws, manifest });
      return isSettled(signed, manifest) ? [] : signed;
    } catch (error) {
      if (error instanceof GaggleError) return [];
      throw error;
    }
  });
}

/**
 * Adds a statement to those that count.
 * @returns the new list and the statement; undefined where it says nothing new: it is there already, or a bundle has settled it
 * @throws GaggleError as {@link verifyRevocation}; TOO_LARGE where too many statements of one admin key wait for a bundle
 */
export function addRevocation(
  statements: readonly string[],
  jws: string,
  manifest: RevocationTrust,
): { statements: string[]; added: SignedRevocation } | undefined {
  if (statements.includes(jws)) return undefined;
  const added = verifyRevocation({ jws, manifest });
  if (isSettled(added, manifest)) return undefined;
  const open = openRevocations(statements, manifest);
  if (open.filter(({ admin }) => admin === added.admin).length >= MAX_OPEN_REVOCATIONS)
    throw new GaggleError("TOO_LARGE", "Too many revocations wait for a bundle; sign one with: gaggle org sign --publish URL");
  return { statements: [...open.map((one) => one.jws), jws].toSorted(), added };
}

/** The revocations of a manifest and of the statements that count under it. Statements only ever add. */
export function withRevocations(manifest: RevocationTrust, statements: readonly string[]): Revocations {
  const all = [manifest.revocations, ...openRevocations(statements, manifest).map(({ statement }) => statement)];
  const united = (list: "agents" | "subjects" | "keys"): string[] => [...new Set(all.flatMap((one) => one[list]))];
  return { ...manifest.revocations, agents: united("agents"), subjects: united("subjects"), keys: united("keys") };
}

/** Takes statements that a member brought. One that does not hold keeps out none of the others: a member with an older manifest may still believe an admin key that is revoked by now. */
export async function takeRevocations(
  to: { acceptRevocation(jws: string): Promise<unknown> },
  statements: readonly string[],
): Promise<void> {
  for (const jws of statements) {
    await to.acceptRevocation(jws).catch((error: unknown) => {
      if (!(error instanceof GaggleError)) throw error;
    });
  }
}

/** What the audit says of a statement that was taken. */
export const revocationEvent = ({ admin, statement }: SignedRevocation): Pick<AuditDraft, "action" | "target" | "result" | "details"> => ({
  action: "member.revoke",
  target: `revocation:${admin}/${statement.seq}`,
  result: "ok",
  details: {
    admin,
    seq: statement.seq,
    agents: statement.agents.join(" ").slice(0, 500),
    subjects: statement.subjects.join(" ").slice(0, 500),
    keys: statement.keys.join(" ").slice(0, 500),
  },
});

/** One name for a set of statements, so that two agents see whether they hold the same; undefined for none. */
export const revocationDigest = (statements: readonly string[]): string | undefined =>
  statements.length === 0 ? undefined : sha256Hex(statements.toSorted().join("\n"));

/**
 * The next of some statements for a member that asks for them page by page, in the order of their ids: none is left out while others come and go.
 * @param after id of the last one that it has got; undefined for the first page
 */
export function revocationPage(statements: readonly string[], after = ""): string[] {
  const rest = statements.map((jws) => ({ jws, id: revocationId(jws) })).filter(({ id }) => id > after);
  return rest
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, REVOCATION_PAGE)
    .map(({ jws }) => jws);
}
