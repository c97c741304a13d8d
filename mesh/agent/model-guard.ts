/** The daemon's privacy guard: one detection and one table of tokens behind gateway, verbs and boundary; every model call in the audit chain. */
import { createDetection, type DetectionMemory } from "../../guard/detect/create-detection.ts";
import type { CacheCounts, DetectionService } from "../../guard/detect/detection.ts";
import type { ModelRoutes, PlannedCall } from "../../guard/gateway/call-routes.ts";
import { createGateway, type Gateway } from "../../guard/gateway/gateway.ts";
import type { DepartingCall, ModelCall } from "../../guard/gateway/gateway-api.ts";
import { createGuard, type Guard } from "../../guard/guard.ts";
import type { TokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { GuardLists } from "../contract/guard-policy.ts";
import type { Clock, CommitQueue, Random, Transaction } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import type { GooseSessions } from "./goose-sessions.ts";
import type { Telemetry } from "./open-telemetry.ts";

/** The books of model calls. */
export interface CallBooks {
  /**
   * Enters a call in the batch of its audit event.
   * @param planned undefined for a call that never got a plan
   * @param cache texts that were known, and looked through, since the last call
   * @returns what it cost
   */
  book(tx: Transaction, call: ModelCall, planned: PlannedCall | undefined, cache: CacheCounts): AuditDraft["cost"];
  /** The call is over, in the books or not. */
  release(planned: PlannedCall): void;
}

/** What the guard of a daemon needs. */
export interface ModelGuardDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: CommitQueue;
  readonly log: { error(details: object, text: string): void };
  readonly actor: AuditDraft["actor"];
  readonly sessions: Pick<GooseSessions, "find">;
  readonly tokens: TokenSessions;
  readonly routes: ModelRoutes;
  readonly books: CallBooks;
  bundle(): VerifiedBundle;
  /** Whether policy lets a session use a tool. */
  mayUse?(tool: string, session: { readonly unattended: boolean }): boolean;
  /** Trace of a Goose session. */
  traceOf(sessionId: string): string;
  readonly telemetry?: Pick<Telemetry, "called" | "traceparent" | "metrics">;
}

/** The guard's parts. */
export interface ModelGuard {
  readonly guard: Guard;
  readonly gateway: Gateway;
  readonly detection: DetectionService;
}

/**
 * Makes guard and gateway. The detection's worker starts with the first text, so that an idle daemon stays small.
 * @param config `token`: what Goose's provider sends; `installDir`: where the model and the worker's program lie; `modelFolder`: another model;
 *   `memory`: keeps what was found across restarts
 */
export function createModelGuard(
  deps: ModelGuardDeps,
  config: {
    gatewayPort: number;
    token: string;
    installDir: string;
    modelFolder?: string | undefined;
    memory?: DetectionMemory | undefined;
  },
): ModelGuard {
  const { installDir: installFolder, modelFolder, memory } = config;
  const chosen = { ...(modelFolder === undefined ? {} : { modelFolder }), ...(memory === undefined ? {} : { memory }) };
  const detection = withLists(createDetection(deps, { installFolder, ...chosen }), deps.bundle, modelFolder === undefined);
  const newCounts = countsSince(detection.counts);
  // Read at every request: a new bundle counts at once, and without a valid one nothing passes.
  const profile = () => deps.bundle().profile.guard;
  const gateway = createGateway(
    {
      ...deps,
      detection,
      sessions: deps.tokens,
      session: (sessionId) => {
        const session = deps.sessions.find(sessionId);
        return session && { unattended: session.kind === "run" };
      },
      depart: (call) => deps.queue.run((tx) => tx.audit(departure(call, deps)), { finishing: true }),
      record: (call, planned) => recordCall(call, planned, deps, newCounts()),
      ...(deps.telemetry === undefined ? {} : { traceparent: deps.telemetry.traceparent, metrics: deps.telemetry.metrics }),
    },
    {
      port: config.gatewayPort,
      token: config.token,
      get profile() {
        return profile();
      },
    },
  );
  return { guard: createGuard({ detection, sessions: deps.tokens, profile }), gateway, detection };
}

/** Where the organisation says which models may find names, a machine's own choice must be one of them. */
function checkModel({ modelId }: DetectionService, { models }: GuardLists): void {
  if (models.length === 0 || models.some((id) => id === modelId)) return;
  throw new GaggleError(
    "GUARD_REFUSED",
    "The model that finds names on this machine is none that the organisation's signed lists allow. Run: gaggle guard model --shipped, then start the agent again.",
  );
}

/** Looks through texts by the lists of the newest bundle. @param isShipped the model came with Gaggle */
function withLists(detection: DetectionService, bundle: () => VerifiedBundle, isShipped: boolean): DetectionService {
  let version: number | undefined;
  return {
    ...detection,
    detect: async (texts, options) => {
      const { manifest, guardLists } = bundle();
      if (!isShipped) checkModel(detection, guardLists);
      if (manifest.version !== version) detection.update(guardLists);
      version = manifest.version;
      return detection.detect(texts, options);
    },
  };
}

/** What was counted since the last time it was asked. */
function countsSince(counts: () => CacheCounts): () => CacheCounts {
  let last: CacheCounts = { hits: 0, misses: 0 };
  return () => {
    const before = last;
    last = counts();
    return { hits: last.hits - before.hits, misses: last.misses - before.misses };
  };
}

async function recordCall(call: ModelCall, planned: PlannedCall | undefined, deps: ModelGuardDeps, cache: CacheCounts): Promise<void> {
  try {
    await deps.queue.run((tx) => tx.audit({ ...outcome(call, deps), cost: deps.books.book(tx, call, planned, cache) }), {
      finishing: true,
    });
  } finally {
    deps.telemetry?.called(call, cache);
    if (planned !== undefined) deps.books.release(planned);
  }
}

/** What was found and went on, such as `DATE 12, EMAIL 1`; nothing where there was nothing. */
const passedOn = (passed: ModelCall["passed"]): { passed?: string } =>
  passed.length === 0 ? {} : { passed: passed.map((one) => `${one.class} ${one.count}`).join(", ") };

/** Why policy let it be made. */
const decided = ({ decision }: NonNullable<ModelCall["served"]>) => (decision === undefined ? {} : decisionDetails(decision));

/** A call that leaves, written before anything of it does: what went out shows even where the daemon dies before the answer is there. */
function departure(
  { sessionId, model, served, requestBytes, redactions, passed }: DepartingCall,
  { actor, traceOf }: ModelGuardDeps,
): AuditDraft {
  const { upstream, destination } = served;
  return {
    actor,
    action: "model.send",
    target: `session:${sessionId}`,
    result: "ok",
    details: { model, upstream, servedModel: served.model, destination, requestBytes, ...decided(served), ...passedOn(passed) },
    redactions: [...redactions],
    traceId: traceOf(sessionId),
  };
}

/** A model call as an audit event: counts and classes, never a text. */
function outcome(call: ModelCall, { actor, traceOf }: ModelGuardDeps): AuditDraft {
  const { model, task, requestBytes, durationMs, status, refusal, served } = call;
  const where = served === undefined ? {} : { upstream: served.upstream, servedModel: served.model, destination: served.destination };
  return {
    actor,
    action: refusal === undefined ? "model.call" : "guard.refuse",
    target: `session:${call.sessionId}`,
    result: call.result,
    details: { model, task, requestBytes, durationMs, status, ...where, ...passedOn(call.passed), ...refusal },
    redactions: [...call.redactions],
    traceId: traceOf(call.sessionId),
  };
}
