/** The provider that Goose talks to: checks, masks and forwards model calls, and restores the answers. Spec G4. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { createKnownPlaces } from "../detect/known-places.ts";
import { type CallNotes, finished, newNotes } from "./call-notes.ts";
import type { Protocol } from "./call-routes.ts";
import { checkDoor, type Turned } from "./door.ts";
import type { Format } from "./formats/format.ts";
import { FORMATS } from "./formats/formats.ts";
import type { GatewayConfig, GatewayDeps } from "./gateway-api.ts";
import { abortOnClose, runModelCall } from "./model-call.ts";
import { sendError, sendFailure } from "./refusal.ts";
import { relayWhole } from "./relay-answer.ts";
import type { Replacements } from "./restore-tree.ts";
import { limitsOf } from "./send-call.ts";
import { createSealedReasoning } from "./sealed-reasoning.ts";
import { callUpstream } from "./upstream.ts";

/** The running gateway. */
export interface Gateway {
  /** Starts listening. @throws the system's error where the port is taken */
  listen(): Promise<void>;
  /** `http://127.0.0.1:PORT`, once it listens. */
  readonly url: string;
  /** Stops listening and cuts off the calls in progress. */
  close(): Promise<void>;
}

/** UTF-16 units of texts of which it is remembered where known values stand: chats of the last minutes. */
const PLACES_UNITS = 8_388_608;
const VERSION_PREFIX = "/v1";
const UNKNOWN_PATH: Turned = {
  status: 403,
  message:
    "The guard passes on chat completions, responses, Anthropic messages and the list of models only; set the provider's engine to openai or anthropic.",
};

/** Makes the gateway; it holds the sessions' tokens only through its deps. */
export function createGateway(deps: GatewayDeps, config: GatewayConfig): Gateway {
  if (config.token.length < 32)
    throw new GaggleError("INVALID_INPUT", "The gateway's token is too short; generate one of 32 characters or more.");
  const seals = createSealedReasoning();
  const places = createKnownPlaces(PLACES_UNITS);

  const handleCall = async (format: Format, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const startedAt = deps.clock.now();
    const notes = newNotes(format.protocol, Buffer.from(deps.random.bytes(16)).toString("hex"));
    try {
      await runModelCall({ deps, config, seals, places, format, startedAt }, request, response, notes);
    } catch (error) {
      fail(error, response, notes, format);
    }
    try {
      await deps.record(finished(notes, deps.clock.now() - startedAt), notes.planned);
    } catch (err) {
      deps.log.error({ err }, "The end of a model call could not be recorded.");
    }
  };

  const fail = (error: unknown, response: ServerResponse, notes: CallNotes, { errorBody }: Format): void => {
    if (!(error instanceof GaggleError) && !response.destroyed) deps.log.error({ err: error }, "The gateway failed on a request.");
    if (response.headersSent) {
      notes.status = 502;
      response.destroy();
      return;
    }
    notes.status = sendFailure(response, error, errorBody);
    if (notes.status === 502) return;
    notes.refusal = refusalOf(error);
    if (notes.refusal.where === "model") notes.model = "unknown";
  };

  const handleModels = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    listModels(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendFailure(response, error);
    });

  const listModels = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const protocol: Protocol = request.headers["anthropic-version"] === undefined ? "openai-chat" : "anthropic-messages";
    const format = FORMATS.find((one) => one.protocol === protocol);
    const signal = abortOnClose(response);
    const upstream = await deps.routes.catalogue(protocol);
    const answer = await callUpstream(upstream, limitsOf(config), { method: "GET", path: "/models", protocol, signal });
    const nothing: Replacements = { text: () => undefined, json: () => undefined, forTool: () => nothing };
    if (format === undefined) throw new TypeError("no format");
    await relayWhole(answer, response, {
      format,
      signal,
      replacements: nothing,
      seals: { keep: () => undefined },
      onUsage: () => undefined,
    });
  };

  const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
    const path = request.url?.split("?")[0] ?? "";
    const format = FORMATS.find((one) => VERSION_PREFIX + one.path === path);
    const turned = checkDoor(request, portOf(server), config.token);
    const turnAway = ({ status, message }: Turned): void =>
      sendError(response, status, { code: "GUARD_REFUSED", message, where: null, upstream: false }, format?.errorBody);
    if (turned !== undefined) return turnAway(turned);
    if (request.method === "POST" && format !== undefined) return handleCall(format, request, response);
    if (request.method === "GET" && path === `${VERSION_PREFIX}/models`) return handleModels(request, response);
    if (request.method === "GET" && path === "/metrics" && deps.metrics !== undefined) return sendMetrics(deps.metrics, response);
    return turnAway(UNKNOWN_PATH);
  };

  const sendMetrics = async (metrics: () => Promise<string>, response: ServerResponse): Promise<void> => {
    try {
      response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8").end(await metrics());
    } catch (err) {
      deps.log.error({ err }, "The metrics could not be read.");
      sendFailure(response, err);
    }
  };

  const requestTimeout = config.requestTimeoutMs ?? 120_000;
  const times = {
    requestTimeout,
    headersTimeout: Math.min(10_000, requestTimeout),
    connectionsCheckingInterval: Math.min(5_000, requestTimeout),
  };
  const server = createServer({ ...times, maxHeaderSize: 16_384 }, answer);
  // A connection that the system could not hand over costs that connection; who waits for `listen` hears of its own errors.
  server.on("error", (err) => server.listening && deps.log.error({ err }, "The gateway could not take a connection."));

  return {
    get url() {
      return `http://127.0.0.1:${portOf(server)}`;
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

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

/** Places deeper in a request than this are cut in the records. */
const MAX_WHERE = 200;

/** Code, class and place of a refusal. */
function refusalOf(error: unknown): NonNullable<CallNotes["refusal"]> {
  const details = error instanceof GaggleError ? error.details : {};
  return {
    code: error instanceof GaggleError ? errorCode(error) : "GUARD_REFUSED",
    where: String(details["where"] ?? "").slice(0, MAX_WHERE),
    class: String(details["class"] ?? ""),
  };
}
