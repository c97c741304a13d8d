/** Sends a call by its plan: masked for its destination, recorded, sent, relayed; to the fallback where the first target is down. */
import type { ServerResponse } from "node:http";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { JsonObject } from "../../mesh/contract/json.ts";
import type { KnownPlaces } from "../detect/known-places.ts";
import { redactionList } from "../guard.ts";
import { rulesFor } from "../guard-rules.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";
import { type CallNotes, recordedModel } from "./call-notes.ts";
import { type CallPlan, type ModelTarget, NO_USAGE, type PlannedCall, type Usage } from "./call-routes.ts";
import type { Format } from "./formats/format.ts";
import { isObject } from "./formats/walk.ts";
import type { GatewayConfig, GatewayDeps } from "./gateway-api.ts";
import { maskRequest } from "./mask-request.ts";
import { relayAnswer } from "./relay-answer.ts";
import { replacementsOf } from "./restore-tree.ts";
import type { SealedReasoning } from "./sealed-reasoning.ts";
import { callUpstream, type UpstreamAnswer, type UpstreamLimits } from "./upstream.ts";
import { withTimeout } from "./with-timeout.ts";
import { valuesByTool } from "./tool-values.ts";

/** What a call is made with. */
export interface CallContext {
  readonly deps: GatewayDeps;
  readonly config: GatewayConfig;
  readonly seals: SealedReasoning;
  readonly places: KnownPlaces;
  readonly format: Format;
  /** When its first byte came. */
  readonly startedAt: number;
}

/** One call in progress. */
export interface RunningCall extends CallContext {
  readonly response: ServerResponse;
  readonly notes: CallNotes;
  readonly body: JsonObject;
  readonly planned: PlannedCall;
  /** The session that was let in is a run without a person. */
  readonly unattended: boolean;
  readonly tokens: TokenSession;
  readonly signal: AbortSignal;
}

/** Whose sealed reasoning it is: a local model's may hold what no other server may read, so it goes back to the server that sealed it alone. */
const sealOwner = ({ planned }: RunningCall, { name }: ModelTarget): string => JSON.stringify([planned.sessionId ?? null, name]);

/** The request as it may leave for a target. */
async function maskFor(call: RunningCall, target: ModelTarget): Promise<string> {
  const { deps, config, format, seals, places, tokens, notes } = call;
  const rules = rulesFor(config.profile, target.destination);
  const unseal = (seal: string, shown: string): string | undefined => seals.unseal(sealOwner(call, target), seal, shown);
  const work = maskRequest(call.body, format, rules, { detection: deps.detection, session: tokens, places, unseal });
  const { body, redactions, passed } = await withTimeout(deps.clock, work, config.detectTimeoutMs ?? 300_000);
  notes.redactions = redactionList(redactions);
  notes.passed = redactionList(passed);
  return JSON.stringify(isObject(body) ? { ...body, model: target.model } : body);
}

/** True where another server may do better. */
const isDown = ({ status }: UpstreamAnswer): boolean => status >= 500 || status === 429;

/** Nothing leaves before its tokens and the intent are on the disk. */
async function depart(
  { deps, notes, tokens, startedAt }: RunningCall,
  { name, model: there, destination, decision }: ModelTarget,
): Promise<void> {
  const served = { upstream: name, model: recordedModel(there), destination, ...(decision === undefined ? {} : { decision }) };
  const { sessionId, protocol, task, model, redactions, passed, requestBytes } = notes;
  await tokens.settle();
  await deps.depart({ sessionId, protocol, task, model, redactions, passed, requestBytes, served });
  notes.served = served;
  notes.guardMs ||= Math.max(0, Math.round(deps.clock.now() - startedAt));
}

function send(
  { config, deps, format, notes, signal }: RunningCall,
  { upstream, destination }: ModelTarget,
  body: string,
): Promise<UpstreamAnswer> {
  const traceparent = destination === "local" ? deps.traceparent?.(notes) : undefined;
  const call = { method: "POST", path: format.path, protocol: format.protocol, body, signal } as const;
  return callUpstream(upstream, limitsOf(config), traceparent === undefined ? call : { ...call, traceparent });
}

/** Time limits of a call. */
export const limitsOf = ({ firstByteTimeoutMs = 300_000, idleTimeoutMs = 120_000 }: GatewayConfig): UpstreamLimits => ({
  firstByteTimeoutMs,
  idleTimeoutMs,
});

/** Tells the routes how a try ended. They keep books; a fault of theirs can't take back an answer that is out already. */
async function settle(
  call: RunningCall,
  target: ModelTarget,
  startedAt: number,
  outcome: { status: number; usage: Usage; error?: unknown },
) {
  const { deps, planned, signal } = call;
  const { status, usage, error } = outcome;
  const down = error !== undefined || status >= 500 || status === 429;
  const result = signal.aborted ? "aborted" : down ? "failed" : status >= 400 ? "refused" : "ok";
  try {
    await deps.routes.settle(planned, { target, result, status, usage, durationMs: Math.max(0, Math.round(deps.clock.now() - startedAt)) });
  } catch (err) {
    deps.log.error({ err }, "The end of a model call could not be booked.");
  }
}

/** One try at one target. @returns false where it is down and `more` says that another one can be tried */
async function tryTarget(call: RunningCall, target: ModelTarget, body: string, more: boolean): Promise<boolean> {
  const { deps, config, response, notes, format, seals, tokens, signal } = call;
  await depart(call, target);
  const startedAt = deps.clock.now();
  let status = 0;
  let usage = NO_USAGE;
  let error: unknown;
  try {
    const answer = await send(call, target, body);
    status = answer.status;
    notes.status = status;
    if (more && isDown(answer)) {
      await answer.discard();
      return false;
    }
    const replacements = replacementsOf(tokens, valuesByTool(deps, config.profile, call.unattended));
    const relay = { format, signal, replacements, seals: seals.keeper(sealOwner(call, target)) };
    const onUsage = (told: Usage): void => {
      usage = told;
    };
    await relayAnswer(answer, response, { ...relay, onUsage });
    return true;
  } catch (thrown) {
    error = thrown;
    const away = thrown instanceof GaggleError && thrown.code === "UPSTREAM_FAILED" && !response.headersSent && !signal.aborted;
    if (more && away) return false;
    throw thrown;
  } finally {
    notes.usage = usage;
    await settle(call, target, startedAt, { status, usage, ...(error === undefined ? {} : { error }) });
  }
}

/**
 * Sends a call.
 * @throws GaggleError GUARD_REFUSED, UPSTREAM_FAILED, STORE_FAILED; where the answer had begun already, it can only be cut off
 */
export async function sendByPlan(call: RunningCall, { target, fallback }: CallPlan): Promise<void> {
  const done = await tryTarget(call, target, await maskFor(call, target), fallback !== undefined);
  if (!done && fallback !== undefined) await tryTarget(call, fallback, await maskFor(call, fallback), false);
}
