/** Who could be asked for a task, and why: the router of the agents over what the node knows of members, bundles and connections. */
import type { CandidateQuery, Candidates } from "../../mesh/contract/controller-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { BOOTSTRAP_ROLE, type Principal } from "../../mesh/contract/identity.ts";
import type { Clock, PolicyAsking, PolicyEngine } from "../../mesh/contract/ports.ts";
import { createIntlZones } from "../../mesh/directory/intl-zones.ts";
import { type Candidate, type Passed, rankRoutes } from "../../mesh/directory/router.ts";
import type { RoleProfile } from "../../mesh/contract/bundle.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Members } from "../members.ts";

/** Choosing does nothing yet; whoever sends the task keeps what goes with the yes. */
const LOOKING: PolicyAsking = { counts: false, keeps: ["mask", "approval"] };

/** Agents that each list of an answer names. */
const MAX_NAMED = 50;

const zones = createIntlZones();

/** What is asked. */
export interface CandidateDeps {
  readonly clock: Pick<Clock, "now">;
  readonly members: Pick<Members, "list">;
  readonly shelf: Pick<BundleShelf, "newest" | "ofRole">;
  readonly policy: PolicyEngine;
  /** Ids of the agents that are connected to the node's peer. */
  connected(): ReadonlySet<string>;
}

/** The role's profile in its newest bundle; undefined where there is no valid one. */
function profileOf(shelf: CandidateDeps["shelf"], role: string): RoleProfile | undefined {
  try {
    return shelf.ofRole(role).profile;
  } catch (error) {
    if (error instanceof GaggleError) return undefined;
    throw error;
  }
}

const plain = ({ agentId, subject, role, department }: Principal): Principal => ({ agentId, subject, role, department });
const passed = (list: readonly Passed[]) =>
  list.slice(0, MAX_NAMED).map(({ principal, because }) => ({ principal: plain(principal), because }));

/** Ranks the organisation's agents for a caller. What loads them, only agents tell each other; the node does not know it. */
export async function rankCandidates(deps: CandidateDeps, caller: Principal, query: CandidateQuery): Promise<Candidates> {
  const { orgChart } = deps.shelf.newest();
  const locales = new Map(orgChart.map(({ id, locale }) => [id, locale]));
  const online = deps.connected();
  const profiles = new Map<string, RoleProfile | undefined>();
  const known: Candidate[] = [];
  for (const member of await deps.members.list()) {
    if (member.role === BOOTSTRAP_ROLE) continue;
    if (!profiles.has(member.role)) profiles.set(member.role, profileOf(deps.shelf, member.role));
    const profile = profiles.get(member.role);
    known.push({
      principal: plain(member),
      self: member.agentId === caller.agentId,
      online: online.has(member.agentId),
      left: false,
      skills: profile?.skills.map(({ id }) => id) ?? [],
      locale: locales.get(member.subject),
      workingHours: profile?.workingHours,
      concurrency: profile?.concurrency ?? 1,
    });
  }
  const about = (to: Principal) => ({ targetRole: to.role, target: to, ...(query.skill === undefined ? {} : { resource: query.skill }) });
  const { role: targetRole, ...rest } = query;
  const routes = rankRoutes(known, { ...rest, targetRole }, deps.clock.now(), {
    denied(to) {
      const { allowed, reason } = deps.policy.decide({ action: "task.send", principal: caller, ...about(to) }, LOOKING);
      return allowed ? undefined : reason;
    },
    runsAlone: (to) =>
      query.skill !== undefined && deps.policy.decide({ action: "task.run", principal: caller, ...about(to) }, LOOKING).allowed,
    zones,
  });
  return {
    candidates: routes.ranked
      .slice(0, MAX_NAMED)
      .map(({ principal, devices, because }) => ({ principal: plain(principal), devices: devices.map(plain), because })),
    denied: passed(routes.denied),
    misfits: passed(routes.misfits),
  };
}
