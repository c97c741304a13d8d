/** What agents have in a session: tasks by state, open questions, approvals, what runs used; told to the owner, who adds it up. Sans-IO. */
import { formatUsd, parseUsd } from "../../contract/money.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { OrderedStore, Transaction } from "../../contract/ports.ts";
import type { SessionCounts } from "../../contract/session.ts";
import { readApproval } from "../approval-record.ts";
import type { SessionIncoming } from "../ports.ts";
import { listSession } from "../session-index.ts";
import { readTask } from "../task-record.ts";
import { type BrokerDeps, readSession, saveSession } from "./session-record.ts";

/** Wait before a participant tells its counts, and between two tellings. */
const GAP_MS = 1_000;

const NONE: SessionCounts = { tasks: {}, openQuestions: 0, approvalsPending: 0, spent: { tokens: 0, usd: "0" } };

/** Sums counts of several agents. */
export function addCounts(all: readonly SessionCounts[]): SessionCounts {
  return all.reduce((sum, one) => {
    const tasks = { ...sum.tasks };
    for (const [state, count] of Object.entries(one.tasks) as [keyof SessionCounts["tasks"], number][])
      tasks[state] = (tasks[state] ?? 0) + count;
    return {
      tasks,
      openQuestions: sum.openQuestions + one.openQuestions,
      approvalsPending: sum.approvalsPending + one.approvalsPending,
      spent: { tokens: sum.spent.tokens + one.spent.tokens, usd: formatUsd(parseUsd(sum.spent.usd) + parseUsd(one.spent.usd)) },
    };
  }, NONE);
}

/** What this agent has in a session. A task is counted by its asker, what its runs used by its worker: so sums over agents count each once. */
export async function countSession(store: OrderedStore, sessionId: string): Promise<SessionCounts> {
  const counts: SessionCounts[] = (await listSession(store, sessionId)).map(({ kind, id }) => {
    if (kind === "approval") return { ...NONE, approvalsPending: readApproval(store, "requester", id)?.state === "PENDING" ? 1 : 0 };
    const asked = readTask(store, "asker", id);
    const isOpen = asked?.state === "INPUT_REQUIRED" && asked.answeredRev !== asked.rev;
    return {
      ...NONE,
      tasks: asked === undefined ? {} : { [asked.state]: 1 },
      openQuestions: isOpen ? 1 : 0,
      spent: readTask(store, "worker", id)?.spent ?? NONE.spent,
    };
  });
  return addCounts(counts);
}

/** Makes the telling of them. */
export function createReports(deps: BrokerDeps) {
  /** Sessions whose report waits or is on its way; `true` where something has changed since. */
  const waiting = new Map<string, boolean>();
  const lastTold = new Map<string, string>();
  let stopped = false;

  const report = async (sessionId: string): Promise<void> => {
    const counts = await countSession(deps.store, sessionId);
    const text = JSON.stringify(counts);
    const isSent = await deps.queue.run((tx) => {
      const session = readSession(tx, sessionId);
      if (session?.state !== "OPEN" || session.mine === "owner" || session.participation !== "joined") return false;
      if (lastTold.get(sessionId) === `${session.owner.agentId} ${text}`) return false;
      lastTold.set(sessionId, `${session.owner.agentId} ${text}`);
      const seqKey = `broker/report/${sessionId}`;
      const seq = Number(tx.get(seqKey) ?? 0) + 1;
      tx.put(seqKey, String(seq));
      deps.sender.enqueue(tx, {
        to: session.owner,
        message: { type: "session.report", sessionId, seq, counts },
        priority: "P3",
        lane: `report/${sessionId}`,
        traceId: session.traceId,
        ref: sessionId,
      });
      return true;
    });
    if (!isSent) waiting.delete(sessionId);
  };

  const later = (sessionId: string): void => {
    waiting.set(sessionId, false);
    deps.clock.after(GAP_MS, () => {
      if (!stopped) report(sessionId).catch(deps.onError);
    });
  };

  return {
    /** Something of a session has changed here. */
    changed(ids: readonly (string | undefined)[]): void {
      for (const id of ids) {
        if (id === undefined || stopped || readSession(deps.store, id)?.mine !== "participant") continue;
        if (waiting.has(id)) waiting.set(id, true);
        else later(id);
      }
    },

    /** The report has arrived, or never will. */
    onSettled(sessionId: string): void {
      const isNewer = waiting.get(sessionId) === true;
      waiting.delete(sessionId);
      if (isNewer) later(sessionId);
    },

    /** A participant's counts; late ones, and those of somebody else, change nothing. */
    onReport(tx: Transaction, { from }: SessionIncoming, { sessionId, seq, counts }: MessageOf<"session.report">): undefined {
      const session = readSession(tx, sessionId);
      const isIn = session?.participants.some(({ agentId }) => agentId === from.agentId) ?? false;
      if (session === undefined || !isIn || session.mine !== "owner" || seq <= (session.reports[from.agentId]?.seq ?? 0)) return;
      saveSession(tx, deps.changes, { ...session, reports: { ...session.reports, [from.agentId]: { seq, counts } } });
    },

    stop(): void {
      stopped = true;
    },
  };
}
