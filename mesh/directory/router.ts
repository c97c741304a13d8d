/**
 * Whom a target means, and why. Pure. Who may be asked is filtered, whoever is left is put in order by reasons that are compared one after another
 * (no weights: each choice can be told in words), the last of which are names, so that the same facts always give the same choice.
 * Several agents of one person are one candidate: its best agent is asked, the others stand by. Source: spec M6; docs/decisions/0092-router.md
 */
import type { WorkingHours } from "../contract/bundle.ts";
import type { Principal } from "../contract/identity.ts";
import type { Beat } from "./card-wire.ts";
import { isAtWork, type Zones } from "./working-hours.ts";

/** An agent as the router sees it. */
export interface Candidate {
  readonly principal: Principal;
  /** This very agent: meant only where it is asked for by id. */
  readonly self: boolean;
  readonly online: boolean;
  /** Its card says that it has left. */
  readonly left: boolean;
  readonly skills: readonly string[];
  readonly locale?: string | undefined;
  readonly workingHours?: WorkingHours | undefined;
  /** Runs without a person at a time. */
  readonly concurrency: number;
  /** What it last said about its load; undefined where it said nothing lately. */
  readonly load?: Beat | undefined;
}

/** Whom to look for; all that is given must fit. */
export interface RouteTarget {
  readonly agentId?: string | undefined;
  readonly targetRole?: string | undefined;
  readonly skill?: string | undefined;
  readonly department?: string | undefined;
  /** Preferred, not required: a language (`de`) or language and country (`de-AT`). */
  readonly locale?: string | undefined;
}

/** What the router asks. */
export interface RouterDeps {
  /** Why policy does not let this agent ask that one; undefined where it does. */
  denied(to: Principal): string | undefined;
  /** Whether policy lets the other's agent do it without a person. */
  runsAlone(to: Principal): boolean;
  readonly zones: Zones;
}

/** One who may be asked, and what speaks for it. */
export interface Ranked {
  readonly principal: Principal;
  /** Other agents of the same person, best first. */
  readonly devices: readonly Principal[];
  readonly because: string;
  readonly online: boolean;
}

/** One who is not asked, and why. */
export interface Passed {
  readonly principal: Principal;
  readonly because: string;
}

/** Who may be asked, best first; who may not by policy, best first; who fits in a part and why not wholly. */
export interface Routes {
  readonly ranked: readonly Ranked[];
  readonly denied: readonly Passed[];
  readonly misfits: readonly Passed[];
}

/** How much of a locale is the same: 2 language and country, 1 language, 0 neither or not asked. */
function localeFit(wanted: string | undefined, has: string | undefined): number {
  if (wanted === undefined || has === undefined) return 0;
  if (wanted.toLowerCase() === has.toLowerCase()) return 2;
  return wanted.split("-")[0]?.toLowerCase() === has.split("-")[0]?.toLowerCase() ? 1 : 0;
}

/** Plain comparison of code points: the same order on every machine, whatever its locale. */
const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** The facts by which candidates are put in order, higher is better, and the words for them. */
interface Merits {
  readonly order: readonly number[];
  readonly words: readonly string[];
}

/** Work at hand per slot. Undefined load counts as idle: nothing else is known. */
const pressure = ({ load, concurrency }: Candidate): number => (load === undefined ? 0 : (load.running + load.queued) / concurrency);

const isAccepting = ({ load }: Candidate, nowMs: number): boolean =>
  load === undefined || (!load.busy && (load.acceptingUntil === undefined || nowMs < load.acceptingUntil));

function meritsOf(candidate: Candidate, target: RouteTarget, nowMs: number, deps: RouterDeps): Merits {
  const { principal, online, load, concurrency } = candidate;
  const alone = deps.runsAlone(principal);
  const accepting = isAccepting(candidate, nowMs);
  const guardUp = load?.guardUp !== false;
  const atWork = isAtWork(candidate.workingHours, nowMs, deps.zones);
  const locale = localeFit(target.locale, candidate.locale);
  const words = [
    online ? "online" : "offline",
    target.skill === undefined ? "" : alone ? `does ${target.skill} by itself` : `has ${target.skill}, a person decides`,
    accepting ? "" : "takes no work now",
    guardUp ? "" : "its guard is down",
    atWork ? "" : "outside its working hours",
    load === undefined ? "" : `${load.running + load.queued} at hand for ${concurrency} at a time`,
    locale === 0 ? "" : `speaks ${candidate.locale ?? ""}`,
  ];
  const order = [Number(online), Number(alone), Number(accepting), Number(guardUp), Number(atWork), -pressure(candidate), locale];
  return { order, words: words.filter((word) => word !== "") };
}

const compareOrder = (a: readonly number[], b: readonly number[]): number => {
  for (const [at, value] of a.entries()) if (value !== b[at]) return (b[at] ?? 0) - value;
  return 0;
};

/** Why an agent is not what is looked for; undefined where it is. */
function misfit({ principal, self, left, skills }: Candidate, target: RouteTarget): string | undefined {
  if (self && target.agentId !== principal.agentId) return "is this agent itself";
  if (left) return "has left";
  if (target.targetRole !== undefined && principal.role !== target.targetRole)
    return `has the role ${principal.role}, not ${target.targetRole}`;
  if (target.department !== undefined && principal.department !== target.department)
    return `is in ${principal.department}, not ${target.department}`;
  if (target.skill !== undefined && !skills.includes(target.skill)) return `does not have the skill ${target.skill}`;
  return undefined;
}

/** Whether an agent fits at least one thing that was asked, so that it is worth saying why it isn't chosen. */
const isNear = ({ principal, skills }: Candidate, target: RouteTarget): boolean =>
  principal.agentId === target.agentId ||
  (target.agentId === undefined &&
    (principal.role === target.targetRole ||
      principal.department === target.department ||
      (target.skill !== undefined && skills.includes(target.skill))));

interface Judged {
  readonly candidate: Candidate;
  readonly merits: Merits;
}

const inOrder = (a: Judged, b: Judged): number =>
  compareOrder(a.merits.order, b.merits.order) ||
  compareText(a.candidate.principal.subject, b.candidate.principal.subject) ||
  compareText(a.candidate.principal.agentId, b.candidate.principal.agentId);

/** One entry a person, at the place of its best agent. */
function bySubject(sorted: readonly Judged[]): Ranked[] {
  const people = new Map<string, Judged[]>();
  for (const one of sorted) {
    const { subject } = one.candidate.principal;
    people.set(subject, [...(people.get(subject) ?? []), one]);
  }
  return [...people.values()].flatMap(([best, ...rest]) =>
    best === undefined
      ? []
      : [
          {
            principal: best.candidate.principal,
            devices: rest.map(({ candidate }) => candidate.principal),
            because: best.merits.words.join(", "),
            online: best.candidate.online,
          },
        ],
  );
}

/** Puts the agents that a target means in order. */
export function rankRoutes(candidates: readonly Candidate[], target: RouteTarget, nowMs: number, deps: RouterDeps): Routes {
  const misfits: Passed[] = [];
  const fitting: Judged[] = [];
  for (const candidate of candidates) {
    if (target.agentId !== undefined && candidate.principal.agentId !== target.agentId) continue;
    const because = misfit(candidate, target);
    if (because === undefined) fitting.push({ candidate, merits: meritsOf(candidate, target, nowMs, deps) });
    else if (isNear(candidate, target)) misfits.push({ principal: candidate.principal, because });
  }
  const allowed: Judged[] = [];
  const denied: Passed[] = [];
  for (const one of fitting.sort(inOrder)) {
    const why = deps.denied(one.candidate.principal);
    if (why === undefined) allowed.push(one);
    else denied.push({ principal: one.candidate.principal, because: why });
  }
  misfits.sort((a, b) => compareText(a.principal.subject, b.principal.subject) || compareText(a.principal.agentId, b.principal.agentId));
  return { ranked: bySubject(allowed), denied, misfits };
}
