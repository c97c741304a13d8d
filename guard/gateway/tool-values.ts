/** Which tools get values in their arguments: by the profile, class by class, and no tool at all that policy does not let the session use. Spec O5. */
import type { GatewayProfile } from "../guard-rules.ts";
import { mayRestoreFor } from "../guard-rules.ts";
import type { GatewayDeps } from "./gateway-api.ts";

/**
 * Whether a tool gets values of a class, for one answer: each tool is asked about once.
 * @param unattended whether the session was a run without a person when the call was let in; it may be over before the answer is
 */
export function valuesByTool(
  { mayUse }: Pick<GatewayDeps, "mayUse">,
  profile: Pick<GatewayProfile, "restore">,
  unattended: boolean,
): (tool: string | undefined, tokenClass: string) => boolean {
  const known = new Map<string, boolean>();
  const isAllowed = (tool: string): boolean => {
    const allowed = known.get(tool) ?? mayUse?.(tool, { unattended }) ?? true;
    known.set(tool, allowed);
    return allowed;
  };
  return (tool, tokenClass) => (tool === undefined || isAllowed(tool)) && mayRestoreFor(tool, tokenClass, profile);
}
