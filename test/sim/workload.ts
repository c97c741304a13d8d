/** What people and programs do in a history: ask for work, change their mind, look into their inbox, decide. They repeat what they got no answer to. */
import type { MessagingMethod } from "../../mesh/agent/messaging/messaging-types.ts";
import type { DaemonParams, DaemonResult, InboxItem } from "../../mesh/contract/daemon-api.ts";
import { ERROR_TABLE, errorCode } from "../../mesh/contract/errors.ts";
import type { Priority } from "../../mesh/contract/message.ts";
import { signApproval } from "../../mesh/identity/approval.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { APPROVER_ROLE, CAST } from "./cast.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { FORBIDDEN_SKILL, type Machine } from "./machine.ts";
import { short } from "./outside.ts";

/** Something that was asked for, and what came of it as far as the asker knows. */
export interface Errand {
  readonly key: string;
  readonly kind: "task" | "approval" | "notification";
  readonly asker: Machine;
  readonly worker: Machine;
  /** Whoever has the skill may do it. */
  readonly open?: boolean;
  /** The id that the daemon gave: from then on it is accepted. */
  id?: string;
  /** It was refused for good. */
  refused?: string;
  /** Nobody asks any more, without knowing whether it was taken. */
  abandoned?: boolean;
  cancelled?: boolean;
}

/** What people need of their world. */
export interface WorkloadDeps {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly machines: readonly Machine[];
  /** True once faults have stopped: everybody now does what is left to do. */
  isSettling(): boolean;
  isOver(): boolean;
}

/** How many errands a history has, and over which time they are begun. */
export interface WorkloadSize {
  readonly errands: number;
  readonly spanMs: number;
}

const PRIORITIES: readonly Priority[] = ["P0", "P1", "P2", "P2", "P3"];

/** Some approvals have to be decided by a time; which ones, the key says, so that a call that is made again asks the same. */
const hasDeadline = (key: string): boolean => Number(key.split("-")[1]) % 3 === 0;

const isRetryable = (code: string): boolean => ERROR_TABLE[code as keyof typeof ERROR_TABLE]?.retryable ?? false;

/** Makes the people. */
export function createWorkload(deps: WorkloadDeps, size: WorkloadSize) {
  const { clock, random, journal, ledger, machines } = deps;
  const errands: Errand[] = [];
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)] as T;
  const chance = (share: number): boolean => random.next() < share;
  const upTo = (ms: number): number => 1 + Math.floor(random.next() * ms);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  /** A call that is made again until it has an answer, as a client does that lost its daemon; undefined where it gave up. */
  const insist = async <M extends MessagingMethod>(
    machine: Machine,
    method: M,
    params: DaemonParams<M>,
    givesUp = false,
  ): Promise<{ result?: DaemonResult<M>; code?: string }> => {
    for (;;) {
      try {
        return { result: await machine.call(method, params) };
      } catch (error) {
        const code = errorCode(error);
        if (code === "INTERNAL") journal.breach("no unexpected error", `${machine.name} ${method}: ${String(error).slice(0, 200)}`);
        if (!isRetryable(code)) return { code };
        if (givesUp && !deps.isSettling()) return {};
        await sleep(upTo(4_000));
      }
    }
  };

  const idOf = (result: unknown): string => {
    const { taskId, approvalId, id } = result as { taskId?: string; approvalId?: string; id?: string };
    return taskId ?? approvalId ?? id ?? "";
  };

  const paramsOf = ({ key, kind, worker, open }: Errand) => {
    const target = { agentId: worker.agentId };
    const session = { sessionId: `chat-${upTo(3)}`, stepId: "1" };
    if (kind === "notification")
      return ["notify", { target, message: key, severity: chance(0.3) ? "critical" : "info", idempotencyKey: key }] as const;
    if (kind === "approval") {
      const inTime = hasDeadline(key) ? { deadline: new Date(clock.now() + upTo(2 * size.spanMs)).toISOString(), escalate: true } : {};
      return ["approval.request", { target, payload: { key, total: "100.00" }, ...session, ...inTime, idempotencyKey: key }] as const;
    }
    const context = { steps: upTo(3), asks: chance(0.2), fails: chance(0.1) };
    const skill = pick(["accruals", "accruals", "accruals", "payroll", "payroll", undefined, FORBIDDEN_SKILL]);
    const task = { task: key, context, priority: pick(PRIORITIES), ...session, idempotencyKey: key };
    if (open === true) return ["task.send", { target: { skill: skill ?? "accruals" }, ...task }] as const;
    return ["task.send", { target: { ...target, ...(skill === undefined ? {} : { skill }) }, ...task }] as const;
  };

  const run = async (errand: Errand): Promise<void> => {
    await sleep(upTo(size.spanMs));
    const [method, params] = paramsOf(errand);
    const { result, code } = await insist(errand.asker, method, params, chance(0.15));
    if (code !== undefined) errand.refused = code;
    else if (result === undefined) errand.abandoned = true;
    else accepted(errand, idOf(result));
    if (errand.kind === "task" && errand.id !== undefined && chance(0.25)) await cancel(errand, errand.id);
  };

  /** An id that was given out is on the disk, whatever happens. */
  const accepted = (errand: Errand, id: string): void => {
    errand.id = id;
    const { asker, kind, key } = errand;
    journal.note(asker.name, `accepted ${id}`, () => `takes ${kind} ${short(id)} (${key}) for ${errand.worker.name}`);
    const record = { task: `task/asker/${id}`, approval: `approval/requester/${id}`, notification: `notification/sent/${id}` }[kind];
    if (!asker.disk.durable.has(record)) journal.breach("an id is given only for what is on the disk", `${asker.name} ${kind} ${id}`);
  };

  const cancel = async (errand: Errand, taskId: string): Promise<void> => {
    await sleep(upTo(8_000));
    errand.cancelled = true;
    journal.note(errand.asker.name, `cancel ${taskId}`, () => `wants task ${short(taskId)} no more`);
    await insist(errand.asker, "task.cancel", { taskId, reason: "not needed" });
  };

  const onTask = async (machine: Machine, item: Extract<InboxItem, { kind: "task" }>): Promise<unknown> => {
    const { taskId, state, history } = item;
    const interrupted = item.state === "INPUT_REQUIRED" && history.some(({ note }) => note?.startsWith("attempt") ?? false);
    if (interrupted)
      return chance(0.6) || deps.isSettling()
        ? machine.call("inbox.accept", { taskId })
        : machine.call("inbox.reject", { taskId, reason: "no" });
    if (state === "SUBMITTED" && chance(0.6)) return machine.call("inbox.accept", { taskId });
    if (!deps.isSettling() && chance(0.3)) return machine.call("inbox.ask", { taskId, question: "Which month?" });
    if (!deps.isSettling() && chance(0.2)) return machine.call("inbox.reject", { taskId, reason: "not mine" });
    return machine.call("inbox.complete", { taskId, result: { done: taskId } });
  };

  const decide = async (machine: Machine, approvalId: string): Promise<void> => {
    const { payloadHash, peer, deadline } = await machine.call("approval.open", { approvalId });
    const { subject, role } = machine.player.principal;
    const statement = {
      v: 1 as const,
      org: CAST.org.org,
      approvalId,
      requester: peer.agentId,
      payloadHash,
      decision: chance(0.7) ? ("approved" as const) : ("rejected" as const),
      reason: "",
      approver: { subject, role },
      decidedAt: new Date(clock.now()).toISOString(),
      ...(deadline === undefined ? {} : { deadline }),
    };
    await machine.call("approval.decide", { approvalId, decision: signApproval({ statement, signer: CAST.approvalKey }) });
  };

  /** One look into the inbox, and at what was asked for and waits for an answer. */
  const look = async (machine: Machine): Promise<void> => {
    const { items } = await machine.call("inbox.list", {});
    for (const item of items) {
      if (!deps.isSettling() && chance(0.4)) continue;
      if (item.kind === "task") await onTask(machine, item);
      else if (item.kind === "approval") await decide(machine, item.approvalId);
      else await machine.call("inbox.read", { id: item.id });
    }
    // Also what a client gave up on without knowing that it was taken: a person sees it in the list.
    for (const [name, { side, state, taskId }] of ledger.tasks) {
      if (side === "asker" && state === "INPUT_REQUIRED" && name.startsWith(`${machine.name} `))
        await machine.call("task.answer", { taskId, answer: "Q3" });
    }
  };

  const attend = async (machine: Machine): Promise<void> => {
    while (!deps.isOver()) {
      await sleep(upTo(deps.isSettling() ? 3_000 : 8_000));
      await look(machine).catch((error: unknown) => {
        if (errorCode(error) === "INTERNAL") journal.breach("no unexpected error", `${machine.name}: ${String(error).slice(0, 200)}`);
      });
    }
  };

  const approver = machines.find(({ player }) => player.principal.role === APPROVER_ROLE);

  const newErrand = (index: number): Errand => {
    const kind = approver === undefined || chance(0.75) ? "task" : chance(0.5) ? "approval" : "notification";
    const worker = kind === "approval" && approver !== undefined ? approver : pick(machines);
    const open = kind === "task" && index % 2 === 0;
    return { key: `errand-${index}`, kind, worker, open, asker: pick(machines.filter((machine) => machine !== worker)) };
  };

  return {
    errands: errands as readonly Errand[],
    begin(): void {
      for (let i = 0; i < size.errands; i++) errands.push(newErrand(i));
      for (const errand of errands) void run(errand);
      for (const machine of machines) void attend(machine);
    },
    /** Every caller has its answer, or has given up. */
    isAnswered: (): boolean =>
      errands.every(({ id, refused, abandoned }) => id !== undefined || refused !== undefined || abandoned === true),
  };
}
