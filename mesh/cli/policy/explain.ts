/** `gaggle policy explain`: why a past decision fell as it did, or what the policy says to a question, and by which policies. */
import type { DaemonClient } from "../../client/connect-daemon.ts";
import { DAEMON_METHODS, type DaemonResult } from "../../contract/daemon-api.ts";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs } from "../../contract/json.ts";
import { asSeen, type Output, paint } from "../output.ts";
import { carriedLine, questionLine, whyLines } from "./words.ts";

/** A question by flags. */
export interface QuestionOptions {
  readonly who?: string;
  readonly role?: string;
  readonly target?: string;
  readonly resource?: string;
  readonly classes?: string;
  readonly participants?: string;
  readonly unattended?: boolean;
  readonly local?: boolean;
  readonly cloud?: boolean;
}

const list = (text: string): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

/** The request of `policy.check` for an action and flags. @throws GaggleError INVALID_INPUT */
export function questionFrom(action: string, options: QuestionOptions) {
  const { who, role, target, resource, classes, participants, unattended, local, cloud } = options;
  if (who !== undefined && role !== undefined) throw new GaggleError("INVALID_INPUT", "Give --who or --role, not both.");
  if (local === true && cloud === true) throw new GaggleError("INVALID_INPUT", "Give --local or --cloud, not both.");
  const context = {
    ...(classes === undefined ? {} : { dataClasses: list(classes) }),
    ...(participants === undefined ? {} : { participants: list(participants) }),
    ...(unattended === undefined ? {} : { unattended }),
    ...(local === true ? { local: true } : cloud === true ? { local: false } : {}),
  };
  const question = {
    action,
    ...(who === undefined ? {} : { who: { person: who } }),
    ...(role === undefined ? {} : { who: { role } }),
    ...(target === undefined ? {} : { target }),
    ...(resource === undefined ? {} : { resource }),
    ...(Object.keys(context).length === 0 ? {} : { context }),
  };
  return parseAs(DAEMON_METHODS["policy.check"].params, question, "The question");
}

/** Tells what the policy says, and why. @returns whether it is allowed */
export function tellCheck(out: Output, answer: DaemonResult<"policy.check">): boolean {
  out.result(answer);
  out.line(`${answer.allowed ? paint.good("allowed") : paint.bad("denied")}: ${asSeen(answer.reason)}`);
  for (const line of [...carriedLine(answer), ...whyLines(answer)]) out.line(line);
  return answer.allowed;
}

/** Tells past decisions by an id. */
export async function explainPast(out: Output, daemon: Pick<DaemonClient, "call">, id: string): Promise<void> {
  const { decisions, policyHash } = await daemon.call("policy.explain", { id });
  out.result({ decisions, policyHash });
  for (const one of decisions) {
    const { event, asked } = one;
    out.line(`${paint.dim(`${event.ts}  #${event.seq}`)}  ${event.action}  ${one.allowed ? paint.good("allowed") : paint.bad("denied")}`);
    if (asked !== undefined) out.line(`  ${questionLine(asked)}`);
    for (const line of [...carriedLine(one), ...whyLines(one)]) out.line(line);
    if (!one.sameSet) out.line(paint.warn("  Another policy set is in force since; what stands here is by that one."));
  }
}
