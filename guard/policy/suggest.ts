/** A draft of policies that would allow what was denied: for an admin to read, cut down and sign; nothing applies it. Source: docs/policy.md. */
import type { PolicyAction } from "../../mesh/contract/bundle.ts";
import type { PolicyQuestion } from "../../mesh/contract/ports.ts";
import { RESOURCE_TYPE } from "./policy-schema.ts";

/** A question that was denied. */
export interface Denial {
  readonly question: Pick<PolicyQuestion, "action" | "principal" | "resource" | "target">;
  readonly count: number;
  /** RFC 3339. */
  readonly lastAt: string;
  /** What forbade it; empty for the default deny. */
  readonly rules: readonly string[];
}

/** A draft, and how much of what was denied is not in it. */
export interface Suggestion {
  /** Cedar; empty where there is nothing to suggest. */
  readonly text: string;
  readonly permits: number;
  /** Denied by a forbid: what somebody has forbidden is not suggested. */
  readonly forbidden: number;
  /** With a name that no signed policy should repeat unread: it may have been chosen by whoever wants it allowed. */
  readonly odd: number;
}

/** Names that are put into a draft; anything else could be chosen to look like policy. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

interface Wanted {
  readonly action: PolicyAction;
  readonly role: string;
  readonly targetRole?: string;
  readonly resource?: string;
}

const wantedOf = ({ question: { action, principal, target, resource } }: Denial): Wanted => ({
  action,
  role: principal.role,
  ...(target?.role === undefined ? {} : { targetRole: target.role }),
  ...(resource === undefined ? {} : { resource }),
});

const isPlain = ({ role, targetRole = "x", resource = "x" }: Wanted): boolean =>
  [role, targetRole, resource].every((name) => PLAIN.test(name));

const inWords = ({ action, role, targetRole, resource }: Wanted): string =>
  [role, "may do", action, resource, targetRole === undefined ? undefined : `to ${targetRole}`].filter(Boolean).join(" ");

function permit(wanted: Wanted, i: number, denials: readonly Denial[]): string {
  const { action, role, targetRole, resource } = wanted;
  const count = denials.reduce((sum, one) => sum + one.count, 0);
  const last =
    denials
      .map(({ lastAt }) => lastAt)
      .sort()
      .at(-1) ?? "";
  const scope = resource === undefined ? "resource" : `resource == ${RESOURCE_TYPE[action]}::"${resource}"`;
  const when = targetRole === undefined ? "" : `\nwhen { context.target in Role::"${targetRole}" }`;
  return [
    `// DRAFT: ${inWords(wanted)}. Denied ${count} times, last on ${last.slice(0, 10)}. Is that meant to be? Narrow it, or take it out.`,
    `@id("suggested-${i + 1}")`,
    `permit (principal in Role::"${role}", action == Action::"${action}", ${scope})${when};`,
  ].join("\n");
}

/** The draft: one narrow permit for each kind of denial, by role and resource. */
export function suggestPolicies(denials: readonly Denial[]): Suggestion {
  const open = denials.filter(({ rules }) => rules.length === 0);
  const groups = new Map<string, { wanted: Wanted; denials: Denial[] }>();
  for (const denial of open) {
    const wanted = wantedOf(denial);
    const key = JSON.stringify(wanted);
    const group = groups.get(key) ?? { wanted, denials: [] };
    group.denials.push(denial);
    groups.set(key, group);
  }
  const plain = [...groups.values()].filter(({ wanted }) => isPlain(wanted));
  return {
    text: plain.map((group, i) => permit(group.wanted, i, group.denials)).join("\n\n"),
    permits: plain.length,
    forbidden: denials.length - open.length,
    odd: groups.size - plain.length,
  };
}
