/** A guard gateway on real parts before a given upstream. Detection is by rules alone. */
import { onTestFinished } from "vitest";
import { oneUpstream } from "../../guard/gateway/call-routes.ts";
import { createGateway, type Gateway } from "../../guard/gateway/gateway.ts";
import type { DepartingCall, GatewayConfig, GatewayDeps, ModelCall } from "../../guard/gateway/gateway-api.ts";
import type { GatewayProfile } from "../../guard/guard-rules.ts";
import { createTokenSessions } from "../../guard/pseudonym/token-sessions.ts";
import { createRealClock, realRandom } from "./real-clock.ts";
import { createRulesDetection } from "./rules-detection.ts";

/** The bearer token of the test's gateway. */
export const GATEWAY_TOKEN = "test-token-0123456789-0123456789-0123";

/** What a test changes: the gateway's own settings, and parts of the role's profile. */
export type TestGatewayConfig = Partial<Omit<GatewayConfig, "profile">> & Partial<GatewayProfile>;

/** A gateway that listens, and what it recorded. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly calls: ModelCall[];
  /** Calls that left, as they were recorded before. */
  readonly departures: DepartingCall[];
  readonly faults: unknown[];
  /** Posts a request; by default a chat completion. */
  post(body: unknown, headers?: Record<string, string>, path?: string): Promise<Response>;
}

/** Starts a gateway; it ends with the test. Sessions that never registered are let in, unless the test says otherwise. */
export async function startGuardGateway(
  baseUrl: string,
  { mode, classes, local, unreadable, unregistered, ...config }: TestGatewayConfig = {},
  deps: Partial<GatewayDeps> = {},
): Promise<TestGateway> {
  const calls: ModelCall[] = [];
  const departures: DepartingCall[] = [];
  const faults: unknown[] = [];
  const clock = createRealClock();
  const profile: GatewayProfile = {
    mode: mode ?? "mask-and-forward",
    classes: classes ?? {},
    unreadable: unreadable ?? "block",
    unregistered: unregistered ?? "allow",
    ...(local === undefined ? {} : { local }),
  };
  const gateway = createGateway(
    {
      detection: createRulesDetection(),
      sessions: createTokenSessions({ clock, random: realRandom }, { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] }),
      routes: oneUpstream(() => ({ baseUrl, apiKey: "vendor-key" })),
      clock,
      random: realRandom,
      session: () => undefined,
      depart: (call) => void departures.push(call),
      record: (call) => void calls.push(call),
      log: { error: ({ err }) => void faults.push(err) },
      ...deps,
    },
    { port: 0, token: GATEWAY_TOKEN, profile, ...config },
  );
  await gateway.listen();
  onTestFinished(() => gateway.close());
  const post: TestGateway["post"] = (body, headers = {}, path = "/v1/chat/completions") =>
    fetch(gateway.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${GATEWAY_TOKEN}`, "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { gateway, calls, departures, faults, post };
}
