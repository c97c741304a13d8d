/** A task in words: who, how it stands and since when, how far it got, what came of it. */
import type { TaskView } from "../contract/daemon-api.ts";
import { asSeen, bytes, duration, jsonAsSeen, paint } from "./output.ts";

/** Where a task's request is. */
const DELIVERY: Readonly<Record<NonNullable<TaskView["delivery"]>, string>> = {
  queued: "on its way; where the other machine is off, it is delivered when that is back",
  deposited: "waits, sealed, on the bootstrap node until the other machine comes",
  stored: "delivered",
  dead: "could not be delivered; see gaggle dead",
};

/** When a task that was asked of several is done. */
const NEEDS: Readonly<Record<NonNullable<TaskView["group"]>["mode"], (n: number) => string>> = {
  all: () => "everybody to complete it",
  any: () => "whoever accepts it first; the others are called off",
  quorum: (n) => `${n} to complete it; then the others are called off`,
};

const nameOf = ({ subject, role }: TaskView["peer"]): string => `${subject} (${role})`;

const percent = (fraction: number): string => `${Math.round(fraction * 100)} %`;

/** How far it got, or undefined where nobody has said. */
export function progressWords({ progress }: TaskView): string | undefined {
  if (progress === undefined) return undefined;
  return asSeen(progress.note) + (progress.fraction === undefined ? "" : ` (${percent(progress.fraction)})`);
}

/** One line on how it stands now: `WORKING · Uses ledger__accruals. (40 %)`. */
export function stateWords(view: TaskView): string {
  const question = view.state === "INPUT_REQUIRED" && view.message !== undefined ? `asks: ${asSeen(view.message)}` : undefined;
  const where = view.delivery === "queued" || view.delivery === "deposited" ? DELIVERY[view.delivery] : undefined;
  return [view.state, where, question ?? progressWords(view)].filter((part) => part !== undefined).join(" · ");
}

/** When it became what it is. */
const sinceMs = ({ history, state, updatedAt }: TaskView): number => {
  const other = history.findLastIndex((entry) => entry.state !== state);
  return Date.parse(history[other + 1]?.at ?? updatedAt);
};

/** The files that came to this side, or undefined. */
function filesOf({ side, taskId, artifacts = [], resultArtifacts = [] }: TaskView): string | undefined {
  const came = side === "worker" ? artifacts : resultArtifacts;
  if (came.length === 0) return undefined;
  return `${came.map(({ name, bytes: size }) => `${asSeen(name)} (${bytes(size)})`).join(", ")}; gaggle inbox save ${taskId}`;
}

/** All that is to say about a task, line by line. */
export function taskWords(view: TaskView, nowMs: number): string[] {
  const { side, peer, state, delivery, skill, answers = [], message, spent, result, resultParts = [], route, group } = view;
  const rows: [name: string, value: string | undefined][] = [
    [side === "asker" ? "asked of" : "asked by", (group?.children.map((child) => child.peer) ?? [peer]).map(nameOf).join(", ")],
    ["what", skill === undefined ? asSeen(view.task) : `${skill}: ${asSeen(view.task)}`],
    [
      "state",
      `${paint.strong(state)} for ${duration(Math.max(0, nowMs - sinceMs(view)))}, since ${new Date(sinceMs(view)).toLocaleString()}`,
    ],
    ["delivery", delivery && DELIVERY[delivery]],
    ["chosen", route && asSeen(`because ${route.because}`)],
    ...(route?.notChosen ?? []).map(({ subject, because }): [string, string] => ["not chosen", asSeen(`${subject}: ${because}`)]),
    ["needs", group && NEEDS[group.mode](group.n ?? group.children.length)],
    ...(group?.children ?? []).map((child): [string, string] => ["part", `${child.taskId} ${child.peer.subject} ${child.state}`]),
    ["progress", progressWords(view)],
    ...answers.map(({ question, answer }): [string, string] => ["asked back", `${asSeen(question)} → ${asSeen(answer)}`]),
    [state === "INPUT_REQUIRED" ? "asks" : "says", message && asSeen(message)],
    ["used", spent && spent.tokens > 0 ? `${spent.tokens} tokens${spent.usd === "0" ? "" : `, ${spent.usd} USD`}` : undefined],
    ["files", filesOf(view)],
    ["more", resultParts.length > 0 ? `${resultParts.length} further parts of the result; --json shows them` : undefined],
  ];
  const said = rows.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [`  ${name.padEnd(10)} ${value}`]));
  const answer = side === "asker" && state === "INPUT_REQUIRED" ? [`  answer it: gaggle answer ${view.taskId} <words>`] : [];
  // Nobody of a group has completed it yet.
  const isEmpty = result === undefined || (group !== undefined && Array.isArray(result) && result.length === 0);
  return [...said, ...answer, ...(isEmpty ? [] : jsonAsSeen(result).split("\n"))];
}
