/** `gaggle request-approval`: asks people for signed decisions on exactly one payload. */
import { DAEMON_METHODS, type DaemonParams } from "../contract/daemon-api.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import type { Output } from "./output.ts";
import { readTarget, type TargetOptions } from "./read-target.ts";

/** What can be chosen. `deadline`: a time, or how long from now, as `30m`, `24h`, `7d`. */
export interface RequestOptions extends TargetOptions {
  readonly step: string;
  readonly quorum?: string;
  readonly deadline?: string;
  readonly escalate?: boolean;
  readonly key: string;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time as the daemon takes it. */
function readDeadline(text: string, nowMs: number): string {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  return count === undefined ? text : new Date(nowMs + Number(count) * (UNIT_MS[unit] ?? 0)).toISOString();
}

/** The request, checked before anything is asked. @throws GaggleError INVALID_INPUT */
function readRequest(payload: string, options: RequestOptions, nowMs: number): DaemonParams<"approval.request"> {
  const { step, quorum, deadline, escalate, key, ...target } = options;
  const request = {
    target: readTarget(target),
    payload: parseJson(payload, "The payload"),
    stepId: step,
    idempotencyKey: key,
    ...(quorum === undefined ? {} : { quorum: Number(quorum) }),
    ...(deadline === undefined ? {} : { deadline: readDeadline(deadline, nowMs) }),
    ...(escalate === true ? { escalate } : {}),
  };
  return parseAs(DAEMON_METHODS["approval.request"].params, request, "gaggle request-approval");
}

/** Asks, and says whom. @throws GaggleError INVALID_INPUT, POLICY_DENIED, NO_ROUTE */
export async function requestApproval(
  daemon: DaemonCalls,
  out: Output,
  nowMs: number,
  { payload, options }: { payload: string; options: RequestOptions },
): Promise<void> {
  const request = readRequest(payload, options, nowMs);
  const asked = await daemon.call("approval.request", request);
  out.result(asked);
  const people = asked.asked?.map(({ subject, role }) => `${subject} (${role})`).join(", ") ?? asked.agentId;
  const until = request.deadline === undefined ? "" : `, until ${request.deadline}`;
  out.line(`Asked ${people}; ${request.quorum ?? 1} to approve${until}. See how it goes: gaggle status ${asked.approvalId}`);
}
