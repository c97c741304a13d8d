/** Who is known in the organisation, who of them is online and how busy, and who is meant by a target. Source: spec M3, M6, M8. */
import type { OrgChart, PolicyAction, WorkingHours } from "../contract/bundle.ts";
import type { AgentView, Target } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE, type Principal } from "../contract/identity.ts";
import { RECORD_RETENTION_MS } from "../contract/limits.ts";
import type { Clock, PolicyAsking, PolicyEngine } from "../contract/ports.ts";
import type { CardShelf, KnownAgent } from "./card-shelf.ts";
import type { Beat } from "./card-wire.ts";
import { type Candidate, type Passed, type Ranked, rankRoutes, type RouterDeps } from "./router.ts";
import type { VerifiedCard } from "./signed-card.ts";
import type { Zones } from "./working-hours.ts";

type Skills = KnownAgent["skills"];

/** Runs at a time of an agent that has not said how many. */
const UNKNOWN_CONCURRENCY = 1;
/** Choosing among candidates does nothing yet; whoever sends the task keeps what is left to a sender. */
const LOOKING_AT_TASKS: PolicyAsking = { counts: false, keeps: ["mask", "approval"] };
/** Agents that a choice or a refusal names; a company has more than anyone reads. */
const MAX_NAMED = 10;

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
  /** This agent, from the newest bundle. */
  self(): { principal: Principal; skills: Skills; concurrency: number; workingHours?: WorkingHours | undefined };
  orgChart(): OrgChart;
  /** Whether the newest bundle revokes the agent; such agents are not known any more. */
  isRevoked(principal: Principal): boolean;
  readonly policy: PolicyEngine;
  readonly peers: DirectoryPeers;
  /** Signed cards of agents, met or not. */
  readonly cards: { all(): readonly VerifiedCard[]; get(agentId: string): VerifiedCard | undefined };
  /** What an agent, this one included, last said about its load. */
  loadOf(agentId: string): Beat | undefined;
  readonly zones: Zones;
  readonly shelf: CardShelf;
  readonly clock: Clock;
  readonly log: { warn(details: object, text: string): void };
}

/** Which agents to list; all narrow. */
export interface AgentFilter {
  readonly role?: string | undefined;
  readonly skill?: string | undefined;
  readonly department?: string | undefined;
  readonly online?: boolean | undefined;
}

/** Whom a target means, and why. */
export interface Route {
  readonly to: Principal;
  /** Other agents of the same person, best first. */
  readonly devices: readonly Principal[];
  readonly because: string;
  /** The other candidates, best first, and then those that fit in a part. */
  readonly notChosen: readonly Passed[];
  /** Everybody who may be asked, best first, the chosen one included. */
  readonly ranked: readonly Ranked[];
}

/** A person of the org chart with its agents. */
export interface Seat {
  readonly id: string;
  readonly title: string;
  readonly role: string;
  readonly department: string;
  readonly manager: string | null;
  readonly agents: readonly { readonly agentId: string; readonly online: boolean; readonly self: boolean }[];
}

/** Who is known. */
export interface Directory {
  /** Known agents, this one included: online first, then by subject and agent id. */
  agents(filter?: AgentFilter): AgentView[];
  /** The signed org chart, with the agents that are known of each person. */
  seats(): Seat[];
  /**
   * Whom a target means; this agent only when asked by id. Where policy denies everyone who fits, the best of them: the caller's own question to policy
   * is what refuses, and is recorded.
   * @throws GaggleError NO_ROUTE, saying why each who nearly fits does not
   */
  route(target: Target, action?: PolicyAction): Route;
  /** The one agent of {@link Directory.route}. @throws GaggleError NO_ROUTE */
  resolve(target: Target, action?: PolicyAction): Principal;
  /** The agent of an id, or undefined. */
  find(agentId: string): AgentView | undefined;
  /** When an agent was last connected or signed a card, ms since the epoch; undefined where it is unknown. */
  lastSeenAt(agentId: string): number | undefined;
  close(): void;
}

/** An agent from whatever is known of it. */
interface Entry {
  readonly principal: Principal;
  readonly skills: Skills;
  readonly self: boolean;
  readonly card?: VerifiedCard | undefined;
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

  /** A card says more than hello, and comes anew with every change. */
  const entryOf = (agentId: string): Entry | undefined => {
    const card = deps.cards.get(agentId);
    if (card !== undefined) return { principal: card.principal, skills: [...card.skills], self: false, card };
    const met = known.get(agentId);
    return met && { principal: met.principal, skills: met.skills, self: false };
  };

  const selfEntry = (): Entry => {
    const { principal, skills } = deps.self();
    return { principal, skills, self: true, card: deps.cards.get(principal.agentId) };
  };

  const othersOf = (ids: Iterable<string>): Entry[] =>
    [...ids].flatMap((id) => entryOf(id) ?? []).filter(({ principal }) => !deps.isRevoked(principal));

  function entries(): Entry[] {
    const self = selfEntry();
    const ids = new Set([...known.keys(), ...deps.cards.all().map(({ facts }) => facts.agentId)]);
    ids.delete(self.principal.agentId);
    return [self, ...othersOf(ids)];
  }

  /** Those who can be meant at all: who is named is looked up, since most tasks that belong to others name an agent. */
  function pool({ agentId }: Target): Entry[] {
    if (agentId === undefined) return entries();
    const self = selfEntry();
    return agentId === self.principal.agentId ? [self] : othersOf([agentId]);
  }

  const lastSeenAt = (agentId: string): number | undefined =>
    online.has(agentId) ? deps.clock.now() : (known.get(agentId)?.lastSeenAt ?? deps.cards.get(agentId)?.facts.issuedAt);

  const isOnline = ({ principal, self }: Entry): boolean => self || online.has(principal.agentId);
  const hasLeft = ({ card, self }: Entry): boolean => !self && card?.facts.state === "left";
  const concurrencyOf = (entry: Entry): number =>
    entry.self ? deps.self().concurrency : (entry.card?.facts.concurrency ?? UNKNOWN_CONCURRENCY);

  function viewOf(entry: Entry, chart: OrgChart): AgentView {
    const { principal, skills, self, card } = entry;
    const seat = chart.find((node) => node.id === principal.subject);
    const load = deps.loadOf(principal.agentId);
    const seen = self ? undefined : lastSeenAt(principal.agentId);
    const locale = card?.facts.locale ?? seat?.locale;
    return {
      ...principal,
      title: seat?.title ?? principal.role,
      online: isOnline(entry),
      self,
      skills,
      ...(locale === undefined ? {} : { locale }),
      ...(seen === undefined ? {} : { lastSeenAt: new Date(seen).toISOString() }),
      ...(load === undefined ? {} : { load: { ...load, concurrency: concurrencyOf(entry) } }),
    };
  }

  function all(): AgentView[] {
    const chart = deps.orgChart();
    return entries()
      .filter((entry) => !hasLeft(entry))
      .map((entry) => viewOf(entry, chart))
      .sort(inOrder);
  }

  const candidateOf = (entry: Entry): Candidate => {
    const { principal, skills, self, card } = entry;
    return {
      principal,
      self,
      online: isOnline(entry),
      left: hasLeft(entry),
      skills: skills.map(({ id }) => id),
      locale: card?.facts.locale,
      workingHours: self ? deps.self().workingHours : card?.facts.workingHours,
      concurrency: concurrencyOf(entry),
      load: deps.loadOf(principal.agentId),
    };
  };

  const routerFor = ({ skill }: Target, action: PolicyAction): RouterDeps => {
    const principal = deps.self().principal;
    const resource = skill === undefined ? {} : { resource: skill };
    return {
      denied: (target) => {
        const question = { action, principal, target, targetRole: target.role, ...resource };
        const { allowed, reason } = deps.policy.decide(question, action === "task.send" ? LOOKING_AT_TASKS : { counts: false });
        return allowed ? undefined : reason;
      },
      runsAlone: (target) => {
        const question = { action: "task.run" as const, principal, target, targetRole: target.role, ...resource };
        return skill !== undefined && deps.policy.decide({ ...question, context: { unattended: true } }, { counts: false }).allowed;
      },
      zones: deps.zones,
    };
  };

  function route(target: Target, action: PolicyAction = "task.send"): Route {
    const { ranked, denied, misfits } = rankRoutes(pool(target).map(candidateOf), target, deps.clock.now(), routerFor(target, action));
    const [best, ...others] = ranked;
    const notChosen = [...others, ...denied, ...misfits].slice(0, MAX_NAMED).map(({ principal, because }) => ({ principal, because }));
    if (best !== undefined) return { to: best.principal, devices: best.devices, because: best.because, notChosen, ranked };
    const [refused] = denied;
    if (refused === undefined) throw noRoute(target, all(), misfits);
    return { to: refused.principal, devices: [], because: refused.because, notChosen: notChosen.slice(1), ranked };
  }

  await load();
  const stop = deps.peers.onPeerChange(onChange);
  return {
    agents: (filter = {}) => all().filter((agent) => fits(agent, filter)),
    seats() {
      const agents = all();
      return deps.orgChart().map(({ id, title, role, department, manager }) => ({
        id,
        title,
        role,
        department,
        manager,
        agents: agents
          .filter(({ subject }) => subject === id)
          .map(({ agentId, online: isThere, self }) => ({ agentId, online: isThere, self })),
      }));
    },
    route,
    resolve: (target, action) => route(target, action).to,
    find: (agentId) => all().find((agent) => agent.agentId === agentId),
    lastSeenAt,
    close: stop,
  };
}

const fits = (agent: AgentView, { role, skill, department, online }: AgentFilter): boolean =>
  (role === undefined || agent.role === role) &&
  (department === undefined || agent.department === department) &&
  (online === undefined || agent.online === online) &&
  (skill === undefined || agent.skills.some((one) => one.id === skill));

/** Plain comparison of code points: the same order on every machine, whatever its locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const inOrder = (a: AgentView, b: AgentView): number =>
  Number(b.online) - Number(a.online) || compare(a.subject, b.subject) || compare(a.agentId, b.agentId);

function noRoute(target: Target, agents: readonly AgentView[], misfits: readonly Passed[]): GaggleError {
  const wanted = [
    ...(target.agentId === undefined ? [] : [`the id ${target.agentId}`]),
    ...(target.targetRole === undefined ? [] : [`the role ${target.targetRole}`]),
    ...(target.department === undefined ? [] : [`the department ${target.department}`]),
    ...(target.skill === undefined ? [] : [`the skill ${target.skill}`]),
  ].join(" and ");
  const others = agents.filter((agent) => !agent.self);
  const list = (values: string[]): string => [...new Set(values)].sort(compare).join(", ") || "none";
  const roles = list(others.map((agent) => agent.role));
  const skills = list(others.flatMap((agent) => agent.skills.map(({ id }) => id)));
  const why = misfits.slice(0, MAX_NAMED).map(({ principal, because }) => `${principal.subject} ${because}`);
  const near = why.length === 0 ? "" : ` Nearest: ${why.join("; ")}.`;
  return new GaggleError(
    "NO_ROUTE",
    `No known agent has ${wanted}. Known roles: ${roles}; known skills: ${skills}.${near} See \`gaggle peers\`; agents are learned when they come online.`,
    { details: { known: others.length } },
  );
}
