/** Which tools get values in their arguments: by the profile, class by class, and no tool at all that policy does not let the session use. Spec O5. */
import type { GatewayProfile } from "../guard-rules.ts";
import { mayRestoreFor } from "../guard-rules.ts";
import type { GatewayDeps } from "./gateway-api.ts";

/**
 * Whether a tool gets values of a class, for one answer: each tool is asked about once.
 * @param sessionId Goose's session; undefined where the request named none
 */
export function valuesByTool(
  { mayUse, session }: Pick<GatewayDeps, "mayUse" | "session">,
  profile: Pick<GatewayProfile, "restore">,
  sessionId: string | undefined,
): (tool: string | undefined, tokenClass: string) => boolean {
  const unattended = sessionId !== undefined && session(sessionId)?.unattended === true;
  const known = new Map<string, boolean>();
  const isAllowed = (tool: string): boolean => {
    const allowed = known.get(tool) ?? mayUse?.(tool, { unattended }) ?? true;
    known.set(tool, allowed);
    return allowed;
  };
  return (tool, tokenClass) => (tool === undefined || isAllowed(tool)) && mayRestoreFor(tool, tokenClass, profile);
}
