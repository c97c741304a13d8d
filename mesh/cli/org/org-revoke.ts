/** `gaggle org revoke`: takes trust from an agent, a person or a key. It counts once the next bundle is signed. */
import type { z } from "zod";
import type { Revocations } from "../../contract/bundle.ts";
import { GaggleError } from "../../contract/errors.ts";
import { agentId, subjectId, thumbprint } from "../../contract/ids.ts";
import { parseAs } from "../../contract/json.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg, readRevocations, writeJson } from "./org-folder.ts";

/** Options of `gaggle org revoke`: at least one of `agent`, `user`, `key`. */
export interface OrgRevokeOptions {
  readonly dir: string;
  /** An agent id: one machine of a person. */
  readonly agent?: string;
  /** A person with all their agents and approvals. */
  readonly user?: string;
  /** Thumbprint of an agent, approval, issuer or admin key. */
  readonly key?: string;
}

/**
 * Adds to `revocations.json` and counts its `seq` up; what is revoked already changes nothing.
 * @throws GaggleError INVALID_INPUT where nothing is named or an id is malformed
 */
export async function orgRevoke(options: OrgRevokeOptions, out: Output): Promise<Revocations> {
  const { dir, agent, user, key } = options;
  await readOrg(dir);
  if (agent === undefined && user === undefined && key === undefined) {
    throw new GaggleError("INVALID_INPUT", "Say what to revoke: --agent ID, --user NAME or --key THUMBPRINT.");
  }
  const before = await readRevocations(dir);
  const agents = added(before.agents, agent, agentId, "The agent");
  const subjects = added(before.subjects, user, subjectId, "The user");
  const keys = added(before.keys, key, thumbprint, "The key");
  const grown = agents.length + subjects.length + keys.length > before.agents.length + before.subjects.length + before.keys.length;
  const after = grown ? { seq: before.seq + 1, agents, subjects, keys } : before;
  if (grown) await writeJson(orgPaths(dir).revocations, after);
  out.result(after);
  out.line(
    grown ? `Revoked. It counts after: gaggle org sign --dir ${dir} --publish URL` : "That was revoked already; nothing was changed.",
  );
  return after;
}

const added = (list: readonly string[], value: string | undefined, schema: z.ZodType<string>, what: string): string[] =>
  value === undefined || list.includes(value) ? [...list] : [...list, parseAs(schema, value, what)];
