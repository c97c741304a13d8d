/**
 * What policy says of putting sealed values back: asked by the sender before it seals and by the receiver before it restores, with the classes that
 * the values hold. Spec G3, G5; docs/decisions/0125-values-are-looked-into.md
 */
import type { Principal } from "../../contract/identity.ts";
import type { PolicyDecision, PolicyEngine } from "../../contract/ports.ts";

/** Resources in questions about `guard.restore`: one's own text by the verb, and what another department sent. */
export const OWN = "own";
/** The resource for what another department sent. */
export const RECEIVED = "received";

/** Who would put values back, and whose guard masked them. */
export interface Restoring {
  readonly receiver: Principal;
  readonly sender: Principal;
  /** Classes of all values. */
  readonly classes: readonly string[];
}

/** What may be put back. */
export interface Restorable {
  /** On all the classes together. */
  readonly decision: PolicyDecision;
  /** Those that may be put back, together. */
  readonly permitted: ReadonlySet<string>;
}

/** Makes the question. `counts`: true where values are put back now. */
export function createRestorePolicy({ policy }: { readonly policy: PolicyEngine }) {
  const ask = ({ receiver, sender }: Restoring, classes: readonly string[], counts: boolean): PolicyDecision =>
    policy.decide(
      {
        action: "guard.restore",
        principal: receiver,
        target: sender,
        targetRole: sender.role,
        resource: RECEIVED,
        context: { dataClasses: classes },
      },
      { counts },
    );

  return (restoring: Restoring, counts = false): Restorable => {
    const classes = [...new Set(restoring.classes)].toSorted();
    const decision = ask(restoring, classes, counts);
    if (decision.allowed) return { decision, permitted: new Set(classes) };
    // A policy that speaks of classes may let some of them through. What is permitted in the end was asked about together.
    let permitted: readonly string[] = [];
    if (classes.length === 0 || !ask(restoring, [], false).allowed) return { decision, permitted: new Set() };
    for (const name of classes) {
      const more = [...permitted, name];
      if (ask(restoring, more, false).allowed) permitted = more;
    }
    return { decision, permitted: new Set(permitted) };
  };
}
/** The question. */
export type RestorePolicy = ReturnType<typeof createRestorePolicy>;
