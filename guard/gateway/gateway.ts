/** The provider that Goose talks to: checks, masks and forwards chat completions, and restores the answers. Spec G4. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import type { Json } from "../../mesh/contract/json.ts";
import { MAX_MODEL_REQUEST_BYTES } from "../../mesh/contract/limits.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import type { Detector } from "../detect/detector.ts";
import { redactionList } from "../guard.ts";
import type { TokenSession, TokenSessions } from "../pseudonym/token-sessions.ts";
import { checkDoor } from "./door.ts";
import { type GuardMode, maskRequest } from "./mask-request.ts";
import { readBody } from "./read-body.ts";
import { sendError, sendFailure } from "./refusal.ts";
import { relayAnswer } from "./relay-answer.ts";
import { isObject, replacementsOf } from "./restore-response.ts";
import { callUpstream, type UpstreamConfig, type UpstreamLimits } from "./upstream.ts";

/** What one model call was, for the audit chain. Holds counts and names of classes, never a text. */
export interface ModelCall {
  /** Goose's session, or `none` where the request named none. */
  readonly sessionId: string;
  readonly model: string;
  /** `denied`: the guard refused it; `failed`: the model's server did. */
  readonly result: "ok" | "denied" | "failed";
  readonly redactions: readonly { class: string; count: number }[];
  /** Tokens used, as the model's server counts them. */
  readonly tokens: number;
  /** HTTP status that Goose got. */
  readonly status: number;
  readonly requestBytes: number;
  readonly durationMs: number;
  /** Why it was refused, and where in the request. */
  readonly refusal?: { readonly code: string; readonly where: string; readonly class: string };
}

/** What the gateway needs. */
export interface GatewayDeps {
  readonly detector: Detector;
  readonly sessions: TokenSessions;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of every call once it is over. */
  record(call: ModelCall): void | Promise<void>;
  /** Says whether a session may call a model; left out, every session may. */
  admit?(sessionId: string | undefined): boolean;
  /** Told of faults, with a cause and no text of a user. */
  readonly log: { error(details: { err: unknown }, message: string): void };
}

/** How the gateway listens and what it does. Read at every request, so a getter may follow a new bundle. */
export interface GatewayConfig {
  /** Port on 127.0.0.1; 0 lets the system choose. */
  readonly port: number;
  /** The bearer token that Goose's provider sends; 32 characters or more. */
  readonly token: string;
  readonly mode: GuardMode;
  /** Classes that mode `strict` refuses. Default `SECRET`. */
  readonly blocked?: readonly string[];
  readonly upstream: UpstreamConfig;
  /** Default 32 MiB. */
  readonly maxRequestBytes?: number;
  /** Longest wait for the model's first byte. Default 300 000. */
  readonly firstByteTimeoutMs?: number;
  /** Longest silence within an answer. Default 120 000. */
  readonly idleTimeoutMs?: number;
}

/** The running gateway. */
export interface Gateway {
  /** Starts listening. @throws the system's error where the port is taken */
  listen(): Promise<void>;
  /** `http://127.0.0.1:PORT`, once it listens. */
  readonly url: string;
  /** Stops listening and cuts off the calls in progress. */
  close(): Promise<void>;
}

const SESSION_HEADER = "agent-session-id";
const MAX_SESSION_ID = 200;

/** A request's session id, or undefined where it names none. */
function sessionIdOf(request: IncomingMessage): string | undefined {
  const given = request.headers[SESSION_HEADER];
  if (given === undefined || given === "") return undefined;
  if (typeof given !== "string" || given.length > MAX_SESSION_ID)
    throw new GaggleError("GUARD_REFUSED", "The session id is not usable; start a new session.");
  return given;
}

function parseBody(bytes: Buffer): Json {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Json;
  } catch {
    // V8 quotes the text in its message, so no cause.
    throw new GaggleError("GUARD_REFUSED", "The request is no JSON in UTF-8, so the guard could not check it.", {
      details: { length: bytes.length },
    });
  }
}

const shortModel = (body: Json): string =>
  isObject(body) && typeof body["model"] === "string" && /^[\w.:/@-]{1,100}$/.test(body["model"]) ? body["model"] : "unknown";

/** Makes the gateway; it holds the sessions' tokens only through its deps. */
export function createGateway(deps: GatewayDeps, config: GatewayConfig): Gateway {
  if (config.token.length < 32)
    throw new GaggleError("INVALID_INPUT", "The gateway's token is too short; generate one of 32 characters or more.");
  const limits = (): UpstreamLimits => ({
    firstByteTimeoutMs: config.firstByteTimeoutMs ?? 300_000,
    idleTimeoutMs: config.idleTimeoutMs ?? 120_000,
  });

  /** Runs `work` with the session's tokens; a request without a session has its own, forgotten at its end. */
  const withSession = async (sessionId: string | undefined, work: (session: TokenSession) => Promise<void>): Promise<void> => {
    const id = sessionId === undefined ? `request:${Buffer.from(deps.random.bytes(16)).toString("hex")}` : sessionId;
    try {
      await work(deps.sessions.open(id));
    } finally {
      if (sessionId === undefined) deps.sessions.drop(id);
    }
  };

  const complete = async (request: IncomingMessage, response: ServerResponse, call: CallNotes): Promise<void> => {
    const sessionId = sessionIdOf(request);
    call.sessionId = sessionId ?? "none";
    if (deps.admit?.(sessionId) === false)
      throw new GaggleError(
        "SESSION_UNKNOWN",
        "This session never registered with the agent daemon; run `gaggle setup`, then start Goose anew.",
      );
    const bytes = await readBody(request, config.maxRequestBytes ?? MAX_MODEL_REQUEST_BYTES);
    call.requestBytes = bytes.length;
    const body = parseBody(bytes);
    call.model = shortModel(body);
    await withSession(sessionId, async (session) => {
      const masked = maskRequest(body, deps.detector, session, { mode: config.mode, blocked: config.blocked ?? ["SECRET"] });
      call.redactions = redactionList(masked.redactions);
      const signal = abortOnClose(response);
      const answer = await callUpstream(config.upstream, limits(), {
        method: "POST",
        path: "/chat/completions",
        body: JSON.stringify(masked.body),
        signal,
      });
      call.status = answer.status;
      call.tokens = await relayAnswer(answer, response, replacementsOf(session), signal);
    });
  };

  const models = async (response: ServerResponse): Promise<void> => {
    const signal = abortOnClose(response);
    const answer = await callUpstream(config.upstream, limits(), { method: "GET", path: "/models", signal });
    await relayAnswer(answer, response, { text: () => undefined, json: () => undefined }, signal);
  };

  const report = async (call: CallNotes, startedAt: number): Promise<void> => {
    try {
      const result = call.refusal === undefined ? (call.status < 400 ? "ok" : "failed") : "denied";
      await deps.record({ ...call, result, durationMs: Math.max(0, Math.round(deps.clock.now() - startedAt)) });
    } catch (error) {
      deps.log.error({ err: error }, "A model call could not be recorded.");
    }
  };

  const handleCompletion = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const startedAt = deps.clock.now();
    const call: CallNotes = { sessionId: "none", model: "unknown", redactions: [], tokens: 0, status: 0, requestBytes: 0 };
    try {
      await complete(request, response, call);
    } catch (error) {
      fail(error, response, call);
    }
    await report(call, startedAt);
  };

  const fail = (error: unknown, response: ServerResponse, call: CallNotes): void => {
    if (!(error instanceof GaggleError) && !response.destroyed) deps.log.error({ err: error }, "The gateway failed on a request.");
    if (response.headersSent) {
      call.status = 502;
      response.destroy();
      return;
    }
    call.status = sendFailure(response, error);
    if (call.status === 502) return;
    const details = error instanceof GaggleError ? error.details : {};
    call.refusal = {
      code: error instanceof GaggleError ? errorCode(error) : "GUARD_REFUSED",
      where: String(details["where"] ?? ""),
      class: String(details["class"] ?? ""),
    };
  };

  const server = createServer({ requestTimeout: 120_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }, (request, response) => {
    const turned = checkDoor(request, portOf(), config.token);
    if (turned !== undefined) return sendError(response, turned.status, "GUARD_REFUSED", turned.message);
    const route = `${request.method} ${request.url?.split("?")[0] ?? ""}`;
    if (route === "POST /v1/chat/completions") return void handleCompletion(request, response);
    if (route === "GET /v1/models") {
      models(response).catch((error: unknown) => (response.headersSent ? void response.destroy() : void sendFailure(response, error)));
      return undefined;
    }
    return sendError(
      response,
      403,
      "GUARD_REFUSED",
      "The guard passes on chat completions and the list of models only; set the provider's engine to openai.",
    );
  });

  const portOf = (): number => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  };

  return {
    get url() {
      return `http://127.0.0.1:${portOf()}`;
    },
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(config.port, "127.0.0.1", () => resolve(void server.off("error", reject)));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What is known of a call while it runs. */
type CallNotes = Writable<Omit<ModelCall, "result" | "durationMs">>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A signal that aborts when the client goes before its answer is complete. */
function abortOnClose(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new Error("the client has gone"));
  });
  return controller.signal;
}
