/** What the gateway needs, how it is set up, and what it tells of each call. */
import type { TaskClass } from "../../mesh/contract/model-policy.ts";
import type { Clock, PolicyDecision, Random } from "../../mesh/contract/ports.ts";
import type { Detection } from "../detect/detection.ts";
import type { TokenSessions } from "../pseudonym/token-sessions.ts";
import type { ModelRoutes, PlannedCall, Protocol, Usage } from "./call-routes.ts";
import type { Destination, GatewayProfile } from "../guard-rules.ts";

/** What one model call was, for the audit chain. Holds counts and names of classes, never a text. */
export interface ModelCall {
  /** Of this call alone, random, 32 hex digits. */
  readonly id: string;
  /** Goose's session, or `none` where the request named none. */
  readonly sessionId: string;
  readonly protocol: Protocol;
  readonly task: TaskClass;
  /** Model that Goose asked for. */
  readonly model: string;
  /** The call as the routes know it; undefined where it was refused before they were asked. */
  readonly planned?: PlannedCall;
  /** Upstream that served it last, the model there, and where it runs; undefined where nothing was sent. */
  readonly served?: {
    readonly upstream: string;
    readonly model: string;
    readonly destination: Destination;
    /** Policy's yes to it, where policy was asked. */
    readonly decision?: PolicyDecision;
  };
  /** `denied`: the guard refused it; `failed`: the model's server did. */
  readonly result: "ok" | "denied" | "failed";
  /** What was replaced or taken out. */
  readonly redactions: readonly { class: string; count: number }[];
  /** What was found and went on as it is, since policy says so. */
  readonly passed: readonly { class: string; count: number }[];
  readonly usage: Usage;
  /** Input and output tokens together. */
  readonly tokens: number;
  /** HTTP status that Goose got. */
  readonly status: number;
  readonly requestBytes: number;
  readonly durationMs: number;
  /** Of these, the time until the request could leave: reading, looking through, masking, recording. 0 where it never could. */
  readonly guardMs: number;
  /** Why it was refused, and where in the request. */
  readonly refusal?: { readonly code: string; readonly where: string; readonly class: string };
}

/** A call that is about to leave. */
export type DepartingCall = Pick<ModelCall, "sessionId" | "protocol" | "task" | "model" | "redactions" | "passed" | "requestBytes"> &
  Required<Pick<ModelCall, "served">>;

/** A Goose session, as far as the gateway asks about it. */
export interface GatewaySession {
  /** True for one that the daemon runs without a person. */
  readonly unattended: boolean;
}

/** What the gateway needs. */
export interface GatewayDeps {
  readonly detection: Pick<Detection, "detect">;
  readonly sessions: TokenSessions;
  readonly routes: ModelRoutes;
  readonly clock: Clock;
  readonly random: Random;
  /** Records that a call leaves, durably, before anything of it does; where it throws, nothing is sent. */
  depart(call: DepartingCall): void | Promise<void>;
  /** Told of every call once it is over. @param planned as the routes got it; undefined where it did not come so far */
  record(call: ModelCall, planned: PlannedCall | undefined): void | Promise<void>;
  /** A session that registered through Goose's hook, or that the daemon began itself, by its {@link sessionKey}; undefined for any other. */
  session(sessionId: string): GatewaySession | undefined;
  /** Whether policy lets a session use a tool: one that it may not use gets no values. Left out, the profile alone says. */
  mayUse?(tool: string, session: GatewaySession): boolean;
  /** W3C `traceparent` for a model server that stays in the company; the vendor's never gets one. */
  traceparent?(call: Pick<ModelCall, "id" | "sessionId">): string | undefined;
  /** The daemon's metrics, for whoever has the token; left out, there are none. */
  metrics?(): Promise<string>;
  /** Told of faults, with a cause and no text of a user. */
  readonly log: { error(details: { err: unknown }, message: string): void };
}

/** How the gateway listens and what it does. */
export interface GatewayConfig {
  /** Port on 127.0.0.1; 0 lets the system choose. */
  readonly port: number;
  /** The bearer token that Goose's provider sends; 32 characters or more. */
  readonly token: string;
  /** Read at every request, so a getter may follow a new bundle; what it throws refuses the request. */
  readonly profile: GatewayProfile;
  /** Default 32 MiB. */
  readonly maxRequestBytes?: number;
  /** Longest time that a request may take to arrive. Default 120 000. */
  readonly requestTimeoutMs?: number;
  /** Longest time to look through a request. Default 300 000. */
  readonly detectTimeoutMs?: number;
  /** Longest wait for the model's first byte. Default 300 000. */
  readonly firstByteTimeoutMs?: number;
  /** Longest silence within an answer. Default 120 000. */
  readonly idleTimeoutMs?: number;
}
