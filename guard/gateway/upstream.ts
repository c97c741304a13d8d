/** Calls the model's server. The only place that knows the vendor's key. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Protocol } from "./call-routes.ts";

/** A server that speaks OpenAI's or Anthropic's API. */
export interface UpstreamConfig {
  /** Base URL with its version, for example `https://api.openai.com/v1`, `https://api.anthropic.com/v1` or `http://127.0.0.1:11434/v1`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** Further headers for every call. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer whose body has not been read. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** The body's bytes. @throws GaggleError UPSTREAM_FAILED where it breaks off or stays silent for too long */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Ends the call without reading the body. */
  discard(): Promise<void>;
}

/** Time limits, in milliseconds. */
export interface UpstreamLimits {
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** One request. */
export interface UpstreamCall {
  readonly method: "GET" | "POST";
  /** Path behind the base URL. */
  readonly path: string;
  readonly protocol: Protocol;
  readonly body?: string;
  /** W3C Trace Context, for a server of the company's own. */
  readonly traceparent?: string;
  /** Aborts the call, for example when the client has gone. */
  readonly signal: AbortSignal;
}

/** The version of Anthropic's API that the walker's tables are written for. */
const ANTHROPIC_VERSION = "2023-06-01";

const failed = (message: string, cause: unknown): GaggleError => new GaggleError("UPSTREAM_FAILED", message, { cause });

/** Aborts when nothing happens for `ms`; `beat` starts the wait anew. */
function createWatch(signal: AbortSignal): { signal: AbortSignal; beat(ms: number): void; stop(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    beat: (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(new Error("silent for too long")), ms).unref();
    },
    stop: () => clearTimeout(timer),
  };
}

async function* watched(
  body: ReadableStream<Uint8Array> | null,
  watch: ReturnType<typeof createWatch>,
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  try {
    watch.beat(idleMs);
    for await (const piece of body ?? []) {
      watch.beat(idleMs);
      yield piece;
    }
  } catch (cause) {
    throw failed("The model's server broke off its answer; try again.", cause);
  } finally {
    watch.stop();
  }
}

function headersFor({ apiKey, headers }: UpstreamConfig, { protocol, body, traceparent }: UpstreamCall): Record<string, string> {
  const anthropic = protocol === "anthropic-messages";
  const key = apiKey === undefined ? {} : anthropic ? { "x-api-key": apiKey } : { authorization: `Bearer ${apiKey}` };
  return {
    ...(anthropic ? { "anthropic-version": ANTHROPIC_VERSION } : {}),
    ...headers,
    ...key,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/**
 * Sends one request.
 * @throws GaggleError UPSTREAM_FAILED when the server can't be reached, is silent or redirects
 */
export async function callUpstream(config: UpstreamConfig, limits: UpstreamLimits, call: UpstreamCall): Promise<UpstreamAnswer> {
  const watch = createWatch(call.signal);
  watch.beat(limits.firstByteTimeoutMs);
  let response: Response;
  try {
    response = await fetch(config.baseUrl.replace(/\/+$/, "") + call.path, {
      method: call.method,
      headers: headersFor(config, call),
      // A redirect would carry the conversation to a server that nobody configured.
      redirect: "manual",
      signal: watch.signal,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
  } catch (cause) {
    watch.stop();
    throw failed("The model's server can't be reached; check the upstream URL of the guard and your network.", cause);
  }
  const discard = async (): Promise<void> => {
    watch.stop();
    await response.body?.cancel();
  };
  if (response.status >= 300 && response.status < 400) {
    await discard();
    throw failed("The model's server answered with a redirect; configure its final URL as the guard's upstream.", undefined);
  }
  return {
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    retryAfter: response.headers.get("retry-after") ?? undefined,
    bytes: watched(response.body, watch, limits.idleTimeoutMs),
    discard,
  };
}
