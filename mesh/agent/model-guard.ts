/** The daemon's privacy guard: one detector and one table of tokens behind the gateway and the verbs, every model call in the audit chain. */
import { createDetector } from "../../guard/detect/detector.ts";
import { createGateway, type Gateway, type ModelCall } from "../../guard/gateway/gateway.ts";
import { createGuard, type Guard } from "../../guard/guard.ts";
import { createTokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import type { VerifiedBundle } from "../../profiles/bundle/verify.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Clock, CommitQueue, Random } from "../contract/ports.ts";
import type { AgentConfig } from "./agent-config.ts";

/** What the guard of a daemon needs. */
export interface ModelGuardDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: CommitQueue;
  readonly log: { error(details: object, text: string): void };
  readonly actor: AuditDraft["actor"];
  bundle(): VerifiedBundle;
  /** Trace of a Goose session. */
  traceOf(sessionId: string): string;
}

/** Makes guard and gateway. @param config `epochKey`: the tenant's key for pseudonyms; `token`: what Goose's provider sends */
export function createModelGuard(
  deps: ModelGuardDeps,
  config: { gatewayPort: number; token: string; epochKey: Uint8Array; upstream: AgentConfig["upstream"]; apiKey: string | undefined },
): { guard: Guard; gateway: Gateway } {
  const detector = createDetector();
  const sessions = createTokenSessions(deps, { epochs: [{ epoch: 1, key: config.epochKey }] });
  const gateway = createGateway(
    {
      detector,
      sessions,
      clock: deps.clock,
      random: deps.random,
      log: deps.log,
      record: (call) => deps.queue.run((tx) => tx.audit(draftOf(call, deps)), { finishing: true }),
    },
    {
      port: config.gatewayPort,
      token: config.token,
      // Read at every request: a new bundle counts at once, and without a valid one nothing passes.
      get mode() {
        return deps.bundle().profile.guard.mode;
      },
      get upstream() {
        if (config.upstream === null) throw noModel();
        return { baseUrl: config.upstream.baseUrl, ...(config.apiKey === undefined ? {} : { apiKey: config.apiKey }) };
      },
    },
  );
  return { guard: createGuard({ detector, sessions }), gateway };
}

const noModel = (): GaggleError =>
  new GaggleError(
    "GUARD_REFUSED",
    "No model is configured behind the guard. Run: gaggle model --url URL --name MODEL, then start the daemon again.",
  );

/** A model call as an audit event: counts and classes, never a text. */
function draftOf(call: ModelCall, { actor, traceOf }: ModelGuardDeps): AuditDraft {
  const { model, requestBytes, durationMs, status, refusal } = call;
  return {
    actor,
    action: refusal === undefined ? "model.call" : "guard.refuse",
    target: `session:${call.sessionId}`,
    result: call.result,
    details: { model, requestBytes, durationMs, status, ...refusal },
    redactions: [...call.redactions],
    cost: { tokens: call.tokens, usd: "0" },
    traceId: traceOf(call.sessionId),
  };
}
