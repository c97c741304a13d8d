/** `gaggle org revoke`: takes trust from an agent, a person or a key. The admin key is enough: it counts as soon as somebody has heard it. */
import { existsSync } from "node:fs";
import type { z } from "zod";
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import type { Revocations } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { agentId, subjectId, thumbprint } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import type { RevocationStatement } from "../../contract/revocation.ts";
import { type RevocationTrust, signRevocation, withRevocations } from "../../identity/revocation.ts";
import { type Output, paint } from "../output.ts";
import { adminSigner, findRevocations, type OrgDeps, orgPaths, readOrg, writeJson } from "./org-folder.ts";
import { nextSeq, readStatements, writeStatements } from "./revocation-file.ts";

/** Options of `gaggle org revoke`: at least one of `agent`, `user`, `key`. */
export interface OrgRevokeOptions {
  /** A folder with `org.json` and the admin key; nothing else of the organisation is needed. */
  readonly dir: string;
  /** An agent id: one machine of a person. */
  readonly agent?: string;
  /** A person with all their agents and approvals. */
  readonly user?: string;
  /** Thumbprint of an agent, approval, issuer or admin key. */
  readonly key?: string;
}

/** Someone to tell a revocation: a bootstrap node, or the daemon of this machine. */
export interface RevocationListener {
  /** As it is shown, for example a URL. */
  readonly name: string;
  /** The statements that it knows; none where it can't say. */
  known(): Promise<readonly string[]>;
  /** The newest list of the root key that it knows; left out where it can't say. */
  list?(): Promise<Revocations>;
  /** @returns `taken`: whether it says something new there @throws GaggleError where it refuses or can't be reached */
  tell(statement: string): Promise<{ readonly taken: boolean }>;
}

/**
 * Signs a revocation statement with the admin key and tells it; what is revoked already is only told again.
 * @returns all that is revoked as far as this folder knows
 * @throws GaggleError INVALID_INPUT where nothing is named or an id is malformed, CONFLICT where the folder's admin key is not the organisation's,
 *   PEER_UNREACHABLE and its like where nobody could be told: run it again
 */
export async function orgRevoke(
  options: OrgRevokeOptions,
  out: Output,
  deps: OrgDeps & { readonly listeners?: readonly RevocationListener[] },
): Promise<Revocations> {
  const { dir } = options;
  const named = readNamed(options);
  const listeners = deps.listeners ?? [];
  const lists = (await Promise.all(listeners.map(async (one) => one.list?.().catch(() => undefined)))).filter((one) => one !== undefined);
  const trust = await readTrust(dir, lists);
  const heard = await Promise.all(listeners.map((one) => one.known().catch(() => [])));
  const statements = [...new Set([...(await readStatements(dir)), ...heard.flat()])];
  const missing = without(named, withRevocations(trust, statements));
  const isNew = missing.agents.length + missing.subjects.length + missing.keys.length > 0;
  const fresh = isNew ? await sign(dir, missing, { statements, trust, deps }) : undefined;
  const known = fresh === undefined ? statements : [...statements, fresh];
  if (isNew) await writeStatements(dir, known);
  if (isNew) await keepInList(dir, missing);
  const after = withRevocations(await readTrust(dir, lists), known);
  out.result(after);
  out.line(isNew ? "Revoked, signed with the admin key." : "That was revoked already.");
  for (const user of await strangersIn(dir, named.subjects)) {
    out.line(
      paint.warn(`The org chart here has no ${user}. If that is a slip of the pen, nobody has been cut off: revoke the right person.`),
    );
  }
  await tellAll(listeners, { known, fresh }, out);
  return after;
}

type Named = Pick<Revocations, "agents" | "subjects" | "keys">;

function readNamed({ agent, user, key }: OrgRevokeOptions): Named {
  if (agent === undefined && user === undefined && key === undefined)
    throw new GaggleError("INVALID_INPUT", "Say what to revoke: --agent ID, --user NAME or --key THUMBPRINT.");
  const list = (schema: z.ZodType<string>, value: string | undefined, what: string): string[] =>
    value === undefined ? [] : [parseAs(schema, value, what)];
  return { agents: list(agentId, agent, "The agent"), subjects: list(subjectId, user, "The user"), keys: list(thumbprint, key, "The key") };
}

/**
 * People whom the org chart of this folder does not have. Revoking one is no mistake by itself, since who has left may be off the chart already, but a
 * misspelt name cuts off nobody. None where the folder has no chart, as an admin's other machine.
 */
async function strangersIn(dir: string, subjects: readonly string[]): Promise<readonly string[]> {
  const { profiles, recipes } = orgPaths(dir);
  if (subjects.length === 0 || !existsSync(profiles)) return [];
  // A chart that is being edited and can't be read must hold up no revocation.
  const sources = await readSources(profiles, recipes).catch(() => undefined);
  return sources === undefined ? [] : subjects.filter((one) => !sources.orgChart.some(({ id }) => id === one));
}

const without = (named: Named, { agents, subjects, keys }: Named): Named => ({
  agents: named.agents.filter((one) => !agents.includes(one)),
  subjects: named.subjects.filter((one) => !subjects.includes(one)),
  keys: named.keys.filter((one) => !keys.includes(one)),
});

const NOTHING: Revocations = { seq: 0, agents: [], subjects: [], keys: [] };

/**
 * What is known of whom to believe. An admin's machine need not have the list that the root's holder keeps, or has an old one: without the newest it would
 * take for revoked whom the root has taken back since.
 * @param lists of the root key, as listeners have them
 */
async function readTrust(dir: string, lists: readonly Revocations[]): Promise<RevocationTrust> {
  const { org, admins } = await readOrg(dir);
  const all = [(await findRevocations(dir)) ?? NOTHING, ...lists];
  return {
    org,
    admins,
    revocations: united(
      all.reduce((best, one) => (one.seq > best.seq ? one : best)),
      all,
    ),
  };
}

/** A list with what any of them has settled: settling is never undone. */
function united(newest: Revocations, all: readonly Revocations[]): Revocations {
  const settled: Record<string, number> = {};
  const settledIds: Record<string, string[]> = {};
  for (const [admin, seq] of all.flatMap((one) => Object.entries(one.settled ?? {}))) settled[admin] = Math.max(settled[admin] ?? 0, seq);
  for (const [admin, ids] of all.flatMap((one) => Object.entries(one.settledIds ?? {})))
    settledIds[admin] = [...new Set([...(settledIds[admin] ?? []), ...ids])];
  const some = <T extends object>(value: T): T | undefined => (Object.keys(value).length === 0 ? undefined : value);
  return { ...newest, ...(some(settled) && { settled }), ...(some(settledIds) && { settledIds }) };
}

async function sign(
  dir: string,
  missing: Named,
  { statements, trust, deps }: { statements: readonly string[]; trust: RevocationTrust; deps: OrgDeps },
): Promise<string> {
  const signer = await adminSigner(dir);
  if (!trust.admins.some(({ x }) => x === signer.publicJwk.x))
    throw new GaggleError("CONFLICT", `The key in ${orgPaths(dir).adminKey} is no admin key of this organisation; restore the right one.`);
  if (trust.revocations.keys.includes(signer.thumbprint))
    throw new GaggleError("CONFLICT", `The admin key is revoked itself. Make a new one with: gaggle org replace-admin --dir ${dir}`);
  const nowMs = deps.clock.now();
  const seq = nextSeq(signer.thumbprint, statements, trust, nowMs);
  const statement: RevocationStatement = { v: 1, org: trust.org, seq, issuedAt: new Date(nowMs).toISOString(), ...missing };
  return signRevocation({ statement, signer });
}

/** In the list of the root's holder too, where it is here, so that it is in the next bundle whatever becomes of the statement. */
async function keepInList(dir: string, { agents, subjects, keys }: Named): Promise<void> {
  const before = await findRevocations(dir);
  if (before === undefined) return;
  const grown = { agents: [...before.agents, ...agents], subjects: [...before.subjects, ...subjects], keys: [...before.keys, ...keys] };
  await writeJson(orgPaths(dir).revocations, { ...before, ...grown, seq: before.seq + 1 });
}

/**
 * Tells everybody all that is known, so that a second run makes up for a first that reached nobody. One who was told is enough: it spreads from there.
 * @param all `fresh`: signed just now, so that the first who hears it has to take it
 */
async function tellAll(
  listeners: readonly RevocationListener[],
  { known, fresh }: { readonly known: readonly string[]; readonly fresh: string | undefined },
  out: Output,
): Promise<void> {
  let problem: GaggleError | undefined;
  const told: string[] = [];
  for (const listener of listeners) {
    try {
      for (const statement of known) {
        const { taken } = await listener.tell(statement);
        if (statement === fresh && !taken && told.length === 0) throw countsNowhere(listener.name);
      }
      told.push(listener.name);
    } catch (error) {
      if (!(error instanceof GaggleError)) throw error;
      problem ??= error;
    }
  }
  if (problem?.code === "CONFLICT") throw problem;
  if (told.length > 0) out.line(`Told ${told.join(" and ")}: connected members cut it off within seconds.`);
  else if (problem !== undefined) throw problem;
  else out.line("Nobody has been told yet. Run it again with --publish URL, or on the machine of an agent that is up.");
}

const countsNowhere = (name: string): GaggleError =>
  new GaggleError(
    "CONFLICT",
    `The revocation does not count for ${name}: it holds it for settled already. Remove it from statements.json, set this machine's clock right and run it again with --publish URL, or sign a bundle with: gaggle org sign --publish URL`,
  );
