/** What must be true in the end, when faults have stopped and everything had time to settle. */
import { continueChain, EMPTY_CHAIN } from "../../mesh/audit/chain.ts";
import { TERMINAL_STATES } from "../../mesh/contract/message.ts";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import { canonicalJson } from "../../mesh/contract/json.ts";
import type { AskerTask, TaskRecord, WorkerTask } from "../../mesh/session/task-record.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { type Outside, stepsOf } from "./outside.ts";
import type { Errand } from "./workload.ts";

/** What is judged. */
export interface Outcome {
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly outside: Outside;
  readonly machines: readonly Machine[];
  readonly errands: readonly Errand[];
}

/** True when nothing is left to do for anybody. */
export function isSettled({ ledger, outside, machines }: Pick<Outcome, "ledger" | "outside" | "machines">): boolean {
  return (
    machines.every((machine) => machine.isUp()) &&
    ledger.waiting() === 0 &&
    outside.isQuiet() &&
    [...ledger.tasks.values()].every(({ state }) => TERMINAL_STATES.has(state)) &&
    [...ledger.approvals.values()].every(({ state }) => state !== "PENDING")
  );
}

async function chainOf(machine: Machine, journal: Journal): Promise<AuditEvent[]> {
  const node = machine.node();
  if (node === undefined) return [];
  try {
    const events = await node.chain.list({ fromSeq: 1, limit: 100_000 });
    const end = continueChain(EMPTY_CHAIN, events);
    if (end.hash !== node.chain.head().hash) journal.breach("audit chains are whole", `${machine.name}: the end is missing`);
    return events;
  } catch (error) {
    journal.breach("audit chains are whole", `${machine.name}: ${String(error)}`);
    return [];
  }
}

const count = (events: readonly AuditEvent[], is: (event: AuditEvent) => boolean): number => events.filter(is).length;

/** Judges a history; what is wrong goes into its journal. */
export async function judge({ journal, ledger, outside, machines, errands }: Outcome): Promise<void> {
  const chains = new Map<Machine, AuditEvent[]>();
  for (const machine of machines) chains.set(machine, await chainOf(machine, journal));
  const machineOf = (agentId: string): Machine | undefined => machines.find((machine) => machine.agentId === agentId);
  const all = [...ledger.tasks].map(([name, record]) => ({ machine: machines.find((m) => name.startsWith(`${m.name} `)), record }));

  const finishes = (machine: Machine | undefined, taskId: string): number =>
    machine === undefined
      ? 0
      : count(
          chains.get(machine) ?? [],
          (e) =>
            e.action === "run.finish" &&
            e.target === `run:${taskId}` &&
            e.details["fenced"] === false &&
            e.details["state"] === "COMPLETED",
        );

  const checkEnds = (machine: Machine | undefined, { taskId, side, state }: TaskRecord): void => {
    const told = count(
      chains.get(machine as Machine) ?? [],
      (e) =>
        e.action === "task.state" &&
        e.target === `task:${taskId}` &&
        e.details["side"] === side &&
        TERMINAL_STATES.has(e.details["state"] as "FAILED"),
    );
    if (told !== 1) journal.breach("a task ends once", `${machine?.name} ${taskId} is ${state}, ended ${told} times as ${side}`);
  };

  const checkPair = (asked: AskerTask, worked: WorkerTask | undefined): void => {
    const { taskId } = asked;
    if (worked === undefined) {
      if (asked.delivery !== "dead")
        journal.breach("no task is lost", `${taskId} is ${asked.state} at its asker and unknown at its worker`);
      return;
    }
    if (asked.state !== worked.state)
      journal.breach("both sides agree", `${taskId}: ${asked.state} at its asker, ${worked.state} at its worker`);
    if (canonicalJson(asked.result ?? null) !== canonicalJson(worked.result ?? null))
      journal.breach("both sides agree", `${taskId}: results differ`);
  };

  const checkEffects = (worked: WorkerTask, machine: Machine | undefined): void => {
    const { taskId, state, mode, skill } = worked;
    const steps = Array.from({ length: stepsOf(worked) }, (_, i) => outside.asked.get(`${taskId}/${i + 1}`) ?? 0);
    const finished = finishes(machine, taskId);
    if (finished > 1) journal.breach("one committed result", `${taskId} has ${finished}`);
    const byRun = state === "COMPLETED" && mode === "unattended";
    if (byRun && finished !== 1) journal.breach("one committed result", `${taskId} is ${state} with ${finished} finished runs`);
    if (byRun && steps.some((times) => times === 0)) journal.breach("no effect is lost", `${taskId}: ${steps.join(" ")}`);
    const allowed = 1 + worked.history.filter(({ note }) => note === "a person lets it run again").length;
    if (skill === "payroll" && steps.some((times) => times > allowed))
      journal.breach("effects happen once", `${taskId}: ${steps.join(" ")} times, where ${allowed} is allowed`);
  };

  for (const { machine, record } of all) {
    checkEnds(machine, record);
    if (record.side === "worker") checkEffects(record, machine);
    const other = machineOf(record.peer.agentId);
    if (other === undefined) continue;
    if (record.side === "asker") checkPair(record, ledger.task(other, "worker", record.taskId));
    else if (ledger.task(other, "asker", record.taskId) === undefined) journal.breach("no task from nowhere", record.taskId);
  }

  const workers = Map.groupBy(
    all.filter(({ record }) => record.side === "worker"),
    ({ record }) => record.taskId,
  );
  for (const [taskId, of] of workers)
    if (of.length > 1) journal.breach("a task has one worker", `${taskId}: ${of.map(({ machine }) => machine?.name).join(" and ")}`);

  for (const errand of errands) {
    const { key, kind, asker, worker, id } = errand;
    if (kind === "task") {
      const made = all.filter(({ machine, record }) => machine === asker && record.side === "asker" && record.task === key);
      if (made.length > 1) journal.breach("one task for one idempotency key", `${key}: ${made.length}`);
      if (id !== undefined && made[0]?.record.taskId !== id) journal.breach("no accepted task is lost", `${key} ${id}`);
    }
    if (kind === "approval" && id !== undefined) {
      const [asked, decided] = [ledger.approval(asker, "requester", id), ledger.approval(worker, "approver", id)];
      const isExpired = asked?.state === "EXPIRED";
      // Whoever decided too late, or whose word came too late, has decided all the same.
      if (asked === undefined || (!isExpired && (asked.state !== decided?.state || asked.decision !== decided.decision)))
        journal.breach("an approval is the same on both sides", `${id}: ${asked?.state} and ${decided?.state}`);
      const { deadline = Number.POSITIVE_INFINITY, history = [] } = asked ?? {};
      const endedAt = history.findLast(({ state }) => state !== "PENDING")?.at ?? 0;
      if (isExpired === endedAt < deadline)
        journal.breach("nothing counts from an approval's deadline on", `${id}: ${asked?.state} ${endedAt - deadline} ms after it`);
      const accepts = count(
        chains.get(asker) ?? [],
        (e) => e.action === "approval.accept" && e.target === `approval:${id}` && e.result === "ok",
      );
      if (accepts !== (isExpired ? 0 : 1)) journal.breach("an approval is decided once", `${id}: taken ${accepts} times`);
    }
    if (kind === "notification" && id !== undefined) {
      const received = [...worker.disk.durable].filter(
        ([at, text]) => at.startsWith("notification/received/") && text.includes(`"${key}"`),
      );
      if (received.length !== 1) journal.breach("a notification arrives once", `${key}: ${received.length}`);
    }
  }
}
