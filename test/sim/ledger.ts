/** What the simulator itself knows: what each machine's disk holds for certain, and the rules that must hold at every moment. */
import type { StoreOp } from "../../mesh/contract/ports.ts";
import { ERROR_TABLE } from "../../mesh/contract/errors.ts";
import { TERMINAL_STATES } from "../../mesh/contract/message.ts";
import type { ApprovalRecord } from "../../mesh/session/approval-record.ts";
import type { AskerTask, TaskRecord, WorkerTask } from "../../mesh/session/task-record.ts";
import { isNewWork, type OutboxRecord } from "../../mesh/delivery/outbox-record.ts";
import type { Journal } from "./journal.ts";
import { type Machine, WINDOW } from "./machine.ts";
import { short } from "./outside.ts";

/** A message that waits in an outbox for certain. */
interface Queued {
  readonly record: OutboxRecord;
  readonly durableAt: number;
  sends: number;
  /** The recipient has answered the daemon that is up for good; that it may leave the disk is not on the disk yet. */
  done: boolean;
  /** As far as its sender can know, the recipient may have it. */
  mayBeThere: boolean;
}

const URGENCY = { P0: 0, P1: 1, P2: 2, P3: 3 } as const;
/** Time in which a daemon hears that its batch is on the disk. */
const TOLD_MS = 2;

/** A frame's envelope; the simulator trusts it, the receiver checks it. */
const envelopeOf = (frame: Uint8Array): { id: string; from: string; message: { type: string; taskId?: string } } => {
  const [, payload = ""] = Buffer.from(frame).toString("latin1").split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as ReturnType<typeof envelopeOf>;
};

const isRetryable = (code: string): boolean => ERROR_TABLE[code as keyof typeof ERROR_TABLE]?.retryable ?? false;

/** Of one session, where what continues work waits for no new work. */
const isOfSession = (record: OutboxRecord, later: OutboxRecord): boolean =>
  record.sessionLane !== undefined &&
  record.sessionLane === later.sessionLane &&
  (isNewWork(later.message.type) || !isNewWork(record.message.type));

/** True where one waits for the other: it is of the same task, approval or session. */
const isBefore = ({ record, done }: Queued, later: OutboxRecord): boolean =>
  !done && record.seq < later.seq && record.to.agentId === later.to.agentId && (record.lane === later.lane || isOfSession(record, later));

/** Makes an empty ledger. */
export function createLedger(deps: {
  journal: Journal;
  now: () => number;
  machineOf: (agentId: string) => Machine;
  itemsPerSender: number;
}) {
  const { journal, now, machineOf, itemsPerSender } = deps;
  const queued = new Map<string, Map<string, Queued>>();
  const inFlight = new Set<string>();
  /** Messages, by sender and number, of which the disk says that they were not handed over; it is told otherwise before they leave, which takes a moment. */
  const unsent = new Set<string>();
  /** Those of which it was just told otherwise: what is more urgent may have come in that moment. */
  const leaving = new Set<string>();
  const openItems = new Map<string, string>();
  const tasks = new Map<string, TaskRecord>();
  const approvals = new Map<string, ApprovalRecord>();
  const terminals = new Map<string, number>();

  const outboxOf = (agentId: string): Map<string, Queued> => {
    const box = queued.get(agentId) ?? new Map<string, Queued>();
    queued.set(agentId, box);
    return box;
  };

  /** A finished task stays as it is; the one way back is a person's, from a request that could not be delivered. */
  const onTask = (machine: Machine, key: string, record: TaskRecord): void => {
    const name = `${machine.name} ${key}`;
    const before = tasks.get(name);
    tasks.set(name, record);
    if (before?.state === record.state && before.rev === record.rev) return;
    journal.note(machine.name, `task ${key} ${record.state}`, () => `task ${short(record.taskId)} as ${record.side}: ${record.state}`);
    if (TERMINAL_STATES.has(record.state)) terminals.set(name, (terminals.get(name) ?? 0) + 1);
    if (before === undefined) return;
    const reopened = before.side === "asker" && before.state === "FAILED" && before.delivery === "dead" && record.state === "SUBMITTED";
    if (TERMINAL_STATES.has(before.state) && !reopened)
      journal.breach("a finished task stays finished", `${name}: ${before.state} became ${record.state}`);
    if (record.rev < before.rev) journal.breach("states come in order", `${name}: rev ${before.rev} became ${record.rev}`);
    if (before.side === "worker" && record.side === "worker") onAttempt(name, before, record);
  };

  const onAttempt = (name: string, before: WorkerTask, record: WorkerTask): void => {
    const result = record.result as { attempt?: number } | undefined;
    if (before.result === undefined && result?.attempt !== undefined && result.attempt !== record.attempt)
      journal.breach("only the newest attempt counts", `${name}: result of attempt ${result.attempt}, newest is ${record.attempt}`);
    if (before.restart === "ask" && before.running && record.attempt > before.attempt)
      journal.breach("a run is repeated only where its recipe says so", `${name}: attempt ${record.attempt}`);
  };

  const onApproval = (machine: Machine, key: string, record: ApprovalRecord): void => {
    const name = `${machine.name} ${key}`;
    const before = approvals.get(name);
    approvals.set(name, record);
    if (before?.state === record.state) return;
    journal.note(
      machine.name,
      `approval ${key} ${record.state}`,
      () => `approval ${short(record.approvalId)} as ${record.side}: ${record.state}`,
    );
    const decided = before?.state === "APPROVED" || before?.state === "REJECTED" || before?.state === "EXPIRED";
    if (decided) journal.breach("an approval is decided once", `${name}: ${before.state} became ${record.state}`);
  };

  /** A quota may be passed by what is committed together, and of one sender that is at most what it may have in flight. */
  const onOpenItem = (machine: Machine, op: StoreOp): void => {
    const name = `${machine.name} ${op.key}`;
    if (op.type === "del") {
      openItems.delete(name);
      return;
    }
    const [from] = JSON.parse(op.value) as [string];
    openItems.set(name, from);
    const open = [...openItems].filter(([other, sender]) => sender === from && other.startsWith(`${machine.name} `)).length;
    if (open >= itemsPerSender + WINDOW)
      journal.breach("an inbox keeps its quota", `${machine.name} holds ${open} open items of ${machineOf(from).name}`);
  };

  const onUnsent = ({ agentId }: Machine, { type, key }: StoreOp): void => {
    const name = `${agentId} ${Number(key.split("/")[2])}`;
    if (type === "put") unsent.add(name);
    else if (unsent.delete(name)) leaving.add(name);
  };

  const onOp = (machine: Machine, op: StoreOp): void => {
    const { key } = op;
    if (key.startsWith("outbox/queued/")) {
      if (op.type === "del") outboxOf(machine.agentId).delete(key);
      else {
        const record = JSON.parse(op.value) as OutboxRecord;
        outboxOf(machine.agentId).set(key, { record, durableAt: now(), sends: 0, done: false, mayBeThere: false });
      }
    }
    if (key.startsWith("outbox/unsent/")) onUnsent(machine, op);
    if (key.startsWith("inbox/open/")) onOpenItem(machine, op);
    if (op.type !== "put") return;
    if (key.startsWith("task/")) onTask(machine, key, JSON.parse(op.value) as TaskRecord);
    if (key.startsWith("approval/")) onApproval(machine, key, JSON.parse(op.value) as ApprovalRecord);
  };

  /** A recipient without room takes no new work, however urgent; what continues work passes it by, and what it may have already. */
  const needsRoom = ({ record, mayBeThere }: Queued): boolean => isNewWork(record.message.type) && !mayBeThere;

  /** A more urgent message to the same agent that could have gone instead. */
  const moreUrgent = (from: string, box: Map<string, Queued>, mine: Queued): Queued | undefined => {
    const sent = mine.record;
    const all = [...box.values()];
    return all.find((one) => {
      const { record, durableAt, sends } = one;
      return (
        record.to.agentId === sent.to.agentId &&
        URGENCY[record.priority] < URGENCY[sent.priority] &&
        sends === 0 &&
        durableAt < now() - TOLD_MS &&
        !inFlight.has(record.id) &&
        !unsent.has(`${from} ${record.seq}`) &&
        (!needsRoom(one) || needsRoom(mine)) &&
        !all.some((other) => isBefore(other, record))
      );
    });
  };

  return {
    tasks: tasks as ReadonlyMap<string, TaskRecord>,
    approvals: approvals as ReadonlyMap<string, ApprovalRecord>,
    terminals: terminals as ReadonlyMap<string, number>,
    /** How many messages wait in all outboxes. */
    waiting: (): number => [...queued.values()].reduce((sum, box) => sum + box.size, 0),

    onDurable(machine: Machine, ops: readonly StoreOp[]): void {
      journal.note(machine.name, JSON.stringify(ops));
      for (const op of ops) onOp(machine, op);
    },

    /** A frame leaves its sender. */
    onSend(from: string, to: string, frame: Uint8Array): void {
      const { id, message } = envelopeOf(frame);
      const sender = machineOf(from);
      journal.note(
        sender.name,
        `sends ${Buffer.from(frame).toString("latin1")} to ${to}`,
        () =>
          `sends ${message.type} ${short(id)} to ${machineOf(to).name}${message.taskId === undefined ? "" : ` (task ${short(message.taskId)})`}`,
      );
      const box = outboxOf(from);
      const mine = [...box.values()].find(({ record }) => record.id === id);
      if (mine === undefined) {
        journal.breach("nothing is sent before it is on the sender's disk", `${sender.name} sent ${message.type} ${id}`);
        return;
      }
      if ([...box.values()].some((other) => isBefore(other, mine.record)))
        journal.breach("a lane keeps its order", `${sender.name} sent ${message.type} ${id} too early`);
      const urgent = leaving.delete(`${from} ${mine.record.seq}`) ? undefined : moreUrgent(from, box, mine);
      if (urgent !== undefined)
        journal.breach("P0 goes first", `${sender.name} sent a ${mine.record.priority} while ${urgent.record.id} waited`);
      mine.sends++;
      inFlight.add(id);
    },

    /** The sender has its answer, or knows that none will come. */
    onSettled(from: string, frame: Uint8Array, answer: Uint8Array | undefined): void {
      const { id } = envelopeOf(frame);
      inFlight.delete(id);
      const mine = [...outboxOf(from).values()].find(({ record }) => record.id === id);
      if (mine === undefined) return;
      if (answer === undefined) {
        mine.mayBeThere = true;
        return;
      }
      const { status, code = "" } = JSON.parse(Buffer.from(answer).toString()) as { status: string; code?: string };
      if (status === "busy") mine.mayBeThere = false;
      mine.done = status !== "busy" && !(status === "refused" && isRetryable(code));
    },

    /** A dead process has nothing in flight; what it heard and did not write is lost, and what it did with its messages the next one can't know. */
    onCrash({ agentId }: Machine): void {
      for (const one of outboxOf(agentId).values()) {
        inFlight.delete(one.record.id);
        leaving.delete(`${agentId} ${one.record.seq}`);
        one.done = false;
        one.mayBeThere = !unsent.has(`${agentId} ${one.record.seq}`);
      }
    },

    /** A receipt leaves its receiver. */
    onAnswer(from: string, to: string, frame: Uint8Array, answer: Uint8Array): void {
      const { id, message } = envelopeOf(frame);
      const text = Buffer.from(answer).toString();
      const { status, code } = JSON.parse(text) as { status: string; code?: string };
      const receiver = machineOf(from);
      journal.note(
        receiver.name,
        `answers ${text} to ${to}`,
        () => `answers ${code ?? status} to ${machineOf(to).name} for ${message.type} ${short(id)}`,
      );
      const stored = status === "stored" || status === "duplicate";
      if (stored && !receiver.disk.durable.has(`replay/id/${to}/${id}`))
        journal.breach("no receipt before the message is on the receiver's disk", `${receiver.name} for ${message.type} ${id}`);
    },

    /** The record of a task on one side, as its machine's disk has it for certain. */
    task: <S extends TaskRecord["side"]>(machine: Machine, side: S, taskId: string) =>
      tasks.get(`${machine.name} task/${side}/${taskId}`) as (S extends "asker" ? AskerTask : WorkerTask) | undefined,
    approval: (machine: Machine, side: ApprovalRecord["side"], approvalId: string): ApprovalRecord | undefined =>
      approvals.get(`${machine.name} approval/${side}/${approvalId}`),
  };
}
/** The ledger. */
export type Ledger = ReturnType<typeof createLedger>;
