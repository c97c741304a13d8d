/** `gaggle peers`: who is in the organisation, as a table in words or as a drawn org chart. */
import type { AgentView, DaemonResult } from "../contract/daemon-api.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import { asSeen, duration, type Output, paint, table } from "./output.ts";

/** Which agents, and how they are shown. */
export interface PeersOptions {
  readonly role?: string;
  readonly skill?: string;
  readonly department?: string;
  readonly online?: boolean;
  /** Draw the org chart. */
  readonly tree?: boolean;
  /** Show skills in place of agents. */
  readonly skills?: boolean;
}

type Person = DaemonResult<"directory.chart">["people"][number];

/** `2 of 4 at work, 1 waits`: an agent's load in words. */
export function sayLoad({ load }: Pick<AgentView, "load">): string {
  if (load === undefined) return "";
  if (!load.guardUp) return "guard down";
  const { running, queued, concurrency } = load;
  const work = running + queued === 0 ? "idle" : `${running} of ${concurrency} at work${queued === 0 ? "" : `, ${queued} waiting`}`;
  return load.busy ? `busy, ${work}` : work;
}

/** When an agent was there last, in words. */
export function saySeen({ online, self, lastSeenAt }: Pick<AgentView, "online" | "self" | "lastSeenAt">, nowMs: number): string {
  if (self) return "this agent";
  if (online) return "online";
  return lastSeenAt === undefined ? "never seen" : `seen ${duration(Math.max(0, nowMs - Date.parse(lastSeenAt)))} ago`;
}

function showTable(agents: readonly AgentView[], out: Output, nowMs: number): void {
  const rows = agents.map((agent) => [
    agent.online ? "●" : "○",
    agent.subject,
    agent.role,
    asSeen(agent.title),
    saySeen(agent, nowMs),
    sayLoad(agent),
    agent.skills.map((skill) => skill.id).join(", "),
    agent.agentId,
  ]);
  for (const line of table(["", "who", "role", "title", "state", "load", "skills", "agent"], rows)) out.line(line);
  const there = agents.filter(({ online }) => online).length;
  out.line(`${agents.length} known, ${there} online.`);
}

const isThere = ({ agents }: Person): boolean => agents.some(({ online }) => online);

const byPlace = (a: Person, b: Person): number => (a.id < b.id ? -1 : Number(a.id > b.id));

function sayPerson(person: Person): string {
  const { id, title, agents } = person;
  const you = agents.some(({ self }) => self) ? " (you)" : "";
  const devices = agents.length > 1 ? ` · ${agents.filter(({ online }) => online).length} of ${agents.length} devices` : "";
  const words = `${id}${you} · ${asSeen(title)}${devices}`;
  if (agents.length === 0) return `${paint.dim("·")} ${paint.dim(words)}`;
  return isThere(person) ? `${paint.good("●")} ${words}` : `○ ${words}`;
}

/**
 * The org chart with box-drawing lines: ● an agent is online, ○ it is known and off, · none is known. Whoever reports to nobody that is in the
 * chart, or only in a circle, stands at the top.
 */
export function drawChart(people: readonly Person[]): string[] {
  const ids = new Set(people.map(({ id }) => id));
  const reports = Map.groupBy(people.toSorted(byPlace), ({ manager }) => (manager !== null && ids.has(manager) ? manager : ""));
  const drawn = new Set<string>();
  const draw = (person: Person, lead: string, below: string): string[] => {
    if (drawn.has(person.id)) return [];
    drawn.add(person.id);
    const under = (reports.get(person.id) ?? []).filter(({ id }) => !drawn.has(id));
    const lines = under.flatMap((one, at) => {
      const last = at === under.length - 1;
      return draw(one, `${below}${last ? "└─ " : "├─ "}`, `${below}${last ? "   " : "│  "}`);
    });
    return [`${lead}${sayPerson(person)}`, ...lines];
  };
  const tops = (reports.get("") ?? []).flatMap((person) => draw(person, "", ""));
  const circles = people.toSorted(byPlace).flatMap((person) => draw(person, "", ""));
  return [...tops, ...circles];
}

async function showSkills(daemon: DaemonCalls, out: Output, { role, department }: PeersOptions): Promise<void> {
  const narrowed = { ...(role === undefined ? {} : { role }), ...(department === undefined ? {} : { department }) };
  const { skills } = await daemon.call("directory.skills", narrowed);
  out.result(skills);
  if (skills.length === 0) return out.line("No known agent offers a skill that matches.");
  const rows = skills.map(({ id, roles, people, online, descriptions }) => [
    id,
    roles.join(", "),
    people.join(", "),
    String(online),
    asSeen(descriptions.join(" / ")),
  ]);
  for (const line of table(["skill", "roles", "people", "online", "what it does"], rows)) out.line(line);
}

/** Shows whom this agent knows. */
export async function showPeers(daemon: DaemonCalls, out: Output, { tree = false, ...filter }: PeersOptions, nowMs: number): Promise<void> {
  if (filter.skills === true) return showSkills(daemon, out, filter);
  if (tree) {
    const { people } = await daemon.call("directory.chart", {});
    out.result(people);
    for (const line of drawChart(people)) out.line(line);
    const there = people.filter(isThere).length;
    return out.line(`${people.length} people, ${there} online. ● online  ○ off  · no agent known`);
  }
  const { skills: _, ...narrowed } = filter;
  const { agents } = await daemon.call("directory.agents", narrowed);
  out.result(agents);
  if (agents.length === 0) return out.line("No agent is known yet that matches.");
  showTable(agents, out, nowMs);
}
