/** `statements.json` of the organisation's folder: the revocations that admin keys have signed and no bundle has settled. Source: decisions 0108, 0127. */
import { z } from "zod";
import type { Revocations } from "../../contract/bundle.ts";
import { revocationJws } from "../../contract/revocation.ts";
import { openRevocations, type RevocationTrust, withRevocations, withSettled } from "../../identity/revocation.ts";
import { orgPaths, readJson, readOrg, readRevocations, writeJson } from "./org-folder.ts";

const statementsFile = z.strictObject({ v: z.literal(1), statements: z.array(revocationJws) });

/** The statements in the folder: compact JWS. */
export const readStatements = async (dir: string): Promise<readonly string[]> =>
  (await readJson(orgPaths(dir).statements, statementsFile))?.statements ?? [];

/** Replaces them. */
export const writeStatements = (dir: string, statements: readonly string[]): Promise<void> =>
  writeJson(orgPaths(dir).statements, { v: 1, statements: [...new Set(statements)] });

/** The number for an admin key's next statement: the time in ms, and higher than any that is known of it. So no two machines have to know each other's. */
export function nextSeq(admin: string, known: readonly string[], trust: RevocationTrust, nowMs: number): number {
  const { settled = {}, settledIds: _, ...list } = trust.revocations;
  // Also those that are settled: what says the same under the same number would be the same statement, and count no more.
  const own = openRevocations(known, { ...trust, revocations: list }).filter((one) => one.admin === admin);
  return Math.max(settled[admin] ?? 0, nowMs, ...own.map(({ statement }) => statement.seq)) + 1;
}

/** Puts statements into the list that the next bundle carries, and settles them there. Of an admin key that the list itself revokes nothing is taken. */
export function foldStatements(statements: readonly string[], trust: RevocationTrust): Revocations {
  const before = trust.revocations;
  const merged = withRevocations(trust, statements);
  const grown =
    merged.agents.length + merged.subjects.length + merged.keys.length > before.agents.length + before.subjects.length + before.keys.length;
  const list = { ...merged, seq: grown ? before.seq + 1 : before.seq };
  return withSettled({ ...trust, revocations: list }, openRevocations(statements, trust));
}

/**
 * The list for the next bundle: the folder's own with all statements folded in, on the disk too.
 * @throws GaggleError NOT_FOUND where the list is lost
 */
export async function foldRevocations(dir: string): Promise<Revocations> {
  const { org, admins } = await readOrg(dir);
  const trust = { org, admins, revocations: await readRevocations(dir) };
  const statements = await readStatements(dir);
  const folded = foldStatements(statements, trust);
  await writeJson(orgPaths(dir).revocations, folded);
  // Those that this bundle settles stay until the next: it may never get signed.
  if (statements.length > 0)
    await writeStatements(
      dir,
      openRevocations(statements, trust).map(({ jws }) => jws),
    );
  return folded;
}
