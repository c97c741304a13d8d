/** Who is known in the organisation, who of them is online, and who is meant by a target. Source: spec M3, M6. */
import type { OrgChart } from "../contract/bundle.ts";
import type { AgentView, Target } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE, type Principal } from "../contract/identity.ts";
import { RECORD_RETENTION_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import type { CardShelf, KnownAgent } from "./card-shelf.ts";

type Skills = KnownAgent["skills"];

/** What the directory needs to hear of a connected member. */
export interface DirectoryMember {
  readonly principal: Principal;
  readonly card: { readonly skills: readonly { readonly id: string; readonly description: string }[] };
}

/** Members that come and go; the peer node is one. A new listener first hears of those connected already. */
export interface DirectoryPeers {
  onPeerChange(listener: (change: { type: "connected" | "disconnected"; member: DirectoryMember }) => void): () => void;
}

/** What the directory needs. */
export interface DirectoryDeps {
  /** This agent and its skills, from the newest bundle. */
  self(): { principal: Principal; skills: Skills };
  orgChart(): OrgChart;
  /** Whether the newest bundle revokes the agent; such agents are not known any more. */
  isRevoked(principal: Principal): boolean;
  readonly peers: DirectoryPeers;
  readonly shelf: CardShelf;
  readonly clock: Clock;
  readonly log: { warn(details: object, text: string): void };
}

/** Which agents to list; both narrow. */
export interface AgentFilter {
  readonly role?: string | undefined;
  readonly skill?: string | undefined;
}

/** Who is known. */
export interface Directory {
  /** Known agents, this one included: online first, then by subject and agent id. */
  agents(filter?: AgentFilter): AgentView[];
  /**
   * The one agent that a target means: an online one before an offline one, then by subject and agent id; this agent only when asked by id.
   * @throws GaggleError NO_ROUTE, naming the roles and skills that are known
   */
  resolve(target: Target): Principal;
  /** The agent of an id, or undefined. */
  find(agentId: string): AgentView | undefined;
  /** When an agent was last connected, ms since the epoch; undefined where it is unknown. */
  lastSeenAt(agentId: string): number | undefined;
  close(): void;
}

/** A directory that has read its shelf and listens to the peer node. */
export async function createDirectory(deps: DirectoryDeps): Promise<Directory> {
  const known = new Map<string, KnownAgent>();
  const online = new Set<string>();

  const keep = (work: Promise<void>): void => {
    work.catch((error: unknown) => deps.log.warn({ code: errorCode(error) }, "the directory could not be saved; it is learned again"));
  };

  async function load(): Promise<void> {
    for (const agent of await deps.shelf.load()) {
      const { agentId } = agent.principal;
      if (agent.lastSeenAt < deps.clock.now() - RECORD_RETENTION_MS) keep(deps.shelf.remove(agentId));
      else known.set(agentId, agent);
    }
  }

  function onChange(change: { type: "connected" | "disconnected"; member: DirectoryMember }): void {
    const { principal, card } = change.member;
    if (principal.role === BOOTSTRAP_ROLE) return;
    const agent = { principal, skills: card.skills.map(({ id, description }) => ({ id, description })), lastSeenAt: deps.clock.now() };
    known.set(principal.agentId, agent);
    if (change.type === "connected") online.add(principal.agentId);
    else online.delete(principal.agentId);
    keep(deps.shelf.save(agent));
  }

  function viewOf({ principal, skills }: { principal: Principal; skills: Skills }, self: boolean): AgentView {
    const title = deps.orgChart().find((node) => node.id === principal.subject)?.title ?? principal.role;
    return { ...principal, title, online: self || online.has(principal.agentId), self, skills };
  }

  function all(): AgentView[] {
    const self = deps.self();
    const others = [...known.values()].filter(
      ({ principal }) => principal.agentId !== self.principal.agentId && !deps.isRevoked(principal),
    );
    return [viewOf(self, true), ...others.map((agent) => viewOf(agent, false))].sort(inOrder);
  }

  await load();
  const stop = deps.peers.onPeerChange(onChange);
  return {
    agents: (filter = {}) => all().filter((agent) => fits(agent, filter)),
    resolve(target) {
      const agents = all();
      const named =
        target.agentId === undefined ? agents.filter((agent) => !agent.self) : agents.filter((a) => a.agentId === target.agentId);
      const chosen = named.find((agent) => fits(agent, { role: target.targetRole, skill: target.skill }));
      if (chosen === undefined) throw noRoute(target, agents);
      const { agentId, subject, role, department } = chosen;
      return { agentId, subject, role, department };
    },
    find: (agentId) => all().find((agent) => agent.agentId === agentId),
    lastSeenAt: (agentId) => (online.has(agentId) ? deps.clock.now() : known.get(agentId)?.lastSeenAt),
    close: stop,
  };
}

const fits = (agent: AgentView, { role, skill }: AgentFilter): boolean =>
  (role === undefined || agent.role === role) && (skill === undefined || agent.skills.some((one) => one.id === skill));

/** Plain comparison of code points: the same order on every machine, whatever its locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const inOrder = (a: AgentView, b: AgentView): number =>
  Number(b.online) - Number(a.online) || compare(a.subject, b.subject) || compare(a.agentId, b.agentId);

function noRoute(target: Target, agents: readonly AgentView[]): GaggleError {
  const wanted = [
    ...(target.agentId === undefined ? [] : [`the id ${target.agentId}`]),
    ...(target.targetRole === undefined ? [] : [`the role ${target.targetRole}`]),
    ...(target.skill === undefined ? [] : [`the skill ${target.skill}`]),
  ].join(" and ");
  const others = agents.filter((agent) => !agent.self);
  const list = (values: string[]): string => [...new Set(values)].sort(compare).join(", ") || "none";
  const roles = list(others.map((agent) => agent.role));
  const skills = list(others.flatMap((agent) => agent.skills.map(({ id }) => id)));
  return new GaggleError(
    "NO_ROUTE",
    `No known agent has ${wanted}. Known roles: ${roles}; known skills: ${skills}. See \`gaggle peers\`; agents are learned when they come online.`,
    { details: { known: others.length } },
  );
}
