/** A guard gateway on real parts before a given upstream. */
import { onTestFinished } from "vitest";
import { createDetector } from "../../guard/detect/detector.ts";
import { createGateway, type Gateway, type GatewayConfig, type GatewayDeps, type ModelCall } from "../../guard/gateway/gateway.ts";
import { createTokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import { createRealClock, realRandom } from "./real-clock.ts";

/** The bearer token of the test's gateway. */
export const GATEWAY_TOKEN = "test-token-0123456789-0123456789-0123";

/** A gateway that listens, and what it recorded. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly calls: ModelCall[];
  readonly faults: unknown[];
  /** Posts a chat completion. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** Starts a gateway; it ends with the test. */
export async function startGuardGateway(
  baseUrl: string,
  config: Partial<GatewayConfig> = {},
  deps: Partial<GatewayDeps> = {},
): Promise<TestGateway> {
  const calls: ModelCall[] = [];
  const faults: unknown[] = [];
  const clock = createRealClock();
  const gateway = createGateway(
    {
      detector: createDetector(),
      sessions: createTokenSessions({ clock, random: realRandom }, { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] }),
      clock,
      random: realRandom,
      record: (call) => void calls.push(call),
      log: { error: ({ err }) => void faults.push(err) },
      ...deps,
    },
    { port: 0, token: GATEWAY_TOKEN, mode: "mask-and-forward", upstream: { baseUrl, apiKey: "vendor-key" }, ...config },
  );
  await gateway.listen();
  onTestFinished(() => gateway.close());
  const post: TestGateway["post"] = (body, headers = {}) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${GATEWAY_TOKEN}`, "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { gateway, calls, faults, post };
}
