/** The controller's parts over the node's store, and what tells them that something happened. */
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock, CommitQueue, OrderedStore, PolicyEngine } from "../../mesh/contract/ports.ts";
import { keepObligations } from "../../mesh/enforcement/keep-obligations.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { Mailbox, MailChange } from "../mailbox/mailbox.ts";
import { createNodePolicy } from "../node-policy.ts";
import type { UsageCounters } from "../usage-totals.ts";
import { type AuditIndex, createAuditIndex } from "./audit-index.ts";
import { createEventFeed, type EventFeed } from "./event-feed.ts";
import { createHandOvers, type HandOvers } from "./hand-overs.ts";

/** The controller's parts. */
export interface Controller {
  readonly feed: EventFeed;
  readonly index: AuditIndex;
  readonly policy: PolicyEngine;
  /** For the mailbox: tells members of their mail. */
  onMail(change: MailChange): void;
  /** For the collection: counts usage, and notes what each event is about. */
  indexing(usage: Pick<UsageCounters, "count">): Pick<UsageCounters, "count">;
  handOvers(mailbox: Pick<Mailbox, "depositAll">): HandOvers;
}

/** What the parts need. */
export interface ControllerDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly shelf: BundleShelf;
  /** A collected event; undefined where it is not there. */
  eventOf(agentId: string, seq: number): AuditEvent | undefined;
}

/** Makes the parts. */
export function createController(deps: ControllerDeps): Controller {
  const { shelf } = deps;
  const feed = createEventFeed(deps);
  const index = createAuditIndex(deps, deps);
  const tellBundle = (): void => {
    try {
      const { version, revocations } = shelf.newest().manifest;
      feed.add({ kind: "bundle", version, revocationSeq: revocations.seq });
    } catch (error) {
      // Nobody is told of a bundle that is not valid any more.
      if (!(error instanceof GaggleError)) throw error;
    }
  };
  shelf.onChange(tellBundle);
  return {
    feed,
    index,
    policy: keepObligations(createNodePolicy(shelf), deps),
    onMail(change) {
      if (change.kind === "mail") feed.add({ kind: "mail" }, change.to);
      else feed.add({ kind: "settled", id: change.id }, change.from);
    },
    indexing: (usage) => ({
      count(tx, member, events) {
        usage.count(tx, member, events);
        index.add(tx, events);
      },
    }),
    handOvers: (mailbox) => createHandOvers({ ...deps, mailbox }),
  };
}
