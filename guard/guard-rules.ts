/** What happens to each class of a request: the role's profile, for one destination. Source: spec G2. */
import type { DataClass } from "../mesh/contract/data-class.ts";
import type { ProcessPolicy } from "../mesh/contract/daemon-api.ts";
import type { ClassMode, GuardMode, GuardProfile } from "../mesh/contract/guard-policy.ts";

/** Where a model runs: outside, or on this machine or in the company's own network. */
export type Destination = "cloud" | "local";

/** The part of a role's profile that the gateway goes by. */
export type GatewayProfile = Pick<GuardProfile, "mode" | "classes" | "unreadable" | "unregistered"> &
  Partial<Pick<GuardProfile, "local" | "restore">>;

/** The rules for one call. */
export interface GuardRules {
  readonly mode: GuardMode;
  /** By class, where it differs from what the mode says. */
  readonly classes: Partial<Record<DataClass, ClassMode>>;
  readonly unreadable: "block" | "strip";
}

/** The rules for a call to this destination. */
export const rulesFor = ({ local, ...profile }: GatewayProfile, destination: Destination): GuardRules => ({
  unreadable: profile.unreadable,
  ...(destination === "local" && local !== undefined ? local : { mode: profile.mode, classes: profile.classes }),
});

/** What `mask-and-forward` and `strict` do with a class of which the profile says nothing. */
const DEFAULTS: Readonly<Record<"mask-and-forward" | "strict", Partial<Record<DataClass, ClassMode>>>> = {
  "mask-and-forward": { DATE: "detect-only" },
  strict: { DATE: "detect-only", SECRET: "block" },
};

/** What happens to a class. */
export function classModeOf({ mode, classes }: GuardRules, label: DataClass): ClassMode {
  if (mode === "off" || mode === "detect-only") return mode;
  return classes[label] ?? DEFAULTS[mode][label] ?? "mask";
}

/** Tells whether something found may not go on as it is. */
export const isReplaced =
  (rules: GuardRules) =>
  ({ label }: { readonly label: DataClass }): boolean => {
    const mode = classModeOf(rules, label);
    return mode === "mask" || mode === "block";
  };

const fitsTool = (pattern: string, tool: string): boolean =>
  pattern.endsWith("*") ? tool.startsWith(pattern.slice(0, -1)) : pattern === tool;

/**
 * Whether a tool gets the values of a class in its arguments.
 * @param tool as the model names it; undefined where that is not known: then it gets what every tool gets
 */
export function mayRestoreFor(tool: string | undefined, label: string, { restore = [] }: Pick<GatewayProfile, "restore">): boolean {
  const entries = restore.filter(({ classes }) => classes.some((one) => one === label));
  return entries.length === 0 || (tool !== undefined && entries.some(({ tools }) => tools.some((pattern) => fitsTool(pattern, tool))));
}

const STRICTNESS: readonly ClassMode[] = ["off", "detect-only", "mask", "block"];
const stricter = (a: ClassMode, b: ClassMode): ClassMode => (STRICTNESS.indexOf(a) >= STRICTNESS.indexOf(b) ? a : b);

/**
 * The rules of a text that somebody asks to mask: the role's, but never less than masking, and stricter where the caller wants that.
 * @param wanted what the caller adds
 */
export function rulesForMasking(profile: GatewayProfile, wanted: ProcessPolicy | undefined): GuardRules {
  const role = rulesFor(profile, "cloud");
  const mode = role.mode === "strict" || wanted?.mode === "strict" ? "strict" : "mask-and-forward";
  const rules: GuardRules = { ...role, mode, classes: role.mode === "off" || role.mode === "detect-only" ? {} : role.classes };
  const added = Object.entries(wanted?.classes ?? {}) as [DataClass, ClassMode][];
  const tightened = added.map(([label, mode]) => [label, stricter(mode, classModeOf(rules, label))] as const);
  return { ...rules, classes: { ...rules.classes, ...Object.fromEntries(tightened) } };
}
