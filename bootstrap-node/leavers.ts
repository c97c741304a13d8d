/** An agent that says in its audit trail that it leaves is no member any more, in the same transaction. */
import type { Members } from "./members.ts";
import type { UsageCounters } from "./usage-totals.ts";

/** Counts as before, and looks for leavers among the events. They are the agent's own, signed by its key: nobody can leave for another. */
export const noticingLeavers = (usage: Pick<UsageCounters, "count">, members: Pick<Members, "left">): Pick<UsageCounters, "count"> => ({
  count(tx, member, events) {
    usage.count(tx, member, events);
    if (events.some(({ action }) => action === "agent.leave")) members.left(tx, member.agentId);
  },
});
