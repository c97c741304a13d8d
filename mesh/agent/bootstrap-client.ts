/** The client of the bootstrap node's API. Source: mesh/contract/bootstrap-api.ts. */
import { alarmId, signAcknowledgement } from "../audit/acknowledge.ts";
import type { AuditAlarm, AuditBridge, AuditEvent, AuditFilter } from "../contract/audit.ts";
import {
  BOOTSTRAP_ROUTES,
  type BootstrapRequest,
  type BootstrapResponse,
  type BootstrapRoute,
  problemDetails,
  PROOF_HEADER,
} from "../contract/bootstrap-api.ts";
import type { CandidateQuery, EvaluateRequest, EventPage, HandOver, StatusReport } from "../contract/controller-api.ts";
import type { SignedBundle } from "../contract/bundle.ts";
import { ERROR_TABLE, type ErrorCode, GaggleError } from "../contract/errors.ts";
import { parseJson } from "../contract/json.ts";
import { MAX_API_BODY_BYTES } from "../contract/limits.ts";
import type { Clock, Random, Signer } from "../contract/ports.ts";
import type { X25519Jwk } from "../identity/keys.ts";
import { createProof } from "../identity/proof.ts";

/** Time for one call, answer included. */
const CALL_TIMEOUT_MS = 20_000;
/** Time for an export, which streams everything there is, and for a poll, which waits. */
const LONG_TIMEOUT_MS: Partial<Record<BootstrapRoute, number>> = { export: 600_000, events: 45_000 };
/** An access token is renewed when it has less left than this. */
const TOKEN_MARGIN_MS = 60_000;

/** What the client needs. */
export interface BootstrapClientDeps {
  /** The agent's key; an admin's, where audit is exported with it. */
  readonly signer: Signer;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  readonly fetch: typeof globalThis.fetch;
}

/** Calls of the bootstrap node. All throw GaggleError with the node's code; PEER_UNREACHABLE or TIMEOUT where it doesn't answer. */
export interface BootstrapClient {
  /** Redeems an invitation for this agent. What comes back is still to be checked against the invitation's root fingerprint. */
  join(request: { invitation: string; seal: X25519Jwk }): Promise<BootstrapResponse<"join">>;
  /** Begins a sign-in for this agent; what the root key says in it is unchecked. */
  signInBegin(): Promise<BootstrapResponse<"signInBegin">>;
  /** Ends it, or says that the person has not confirmed yet. The membership in it is unchecked. */
  signInFinish(request: BootstrapRequest<"signInFinish">): Promise<BootstrapResponse<"signInFinish">>;
  /** An access token; kept until shortly before its end. */
  token(): Promise<string>;
  /** A fresh membership credential, unchecked. */
  renew(): Promise<string>;
  /** The newest bundle of the agent's role, unchecked. */
  fetchBundle(role: string): Promise<SignedBundle>;
  /** The same with admins' revocations since, unchecked. */
  fetchProfile(role: string): Promise<BootstrapResponse<"profile">>;
  /** Hands the node a bundle that the root key signed; no membership is needed. */
  publish(bundle: SignedBundle): Promise<BootstrapResponse<"publish">>;
  /** Hands the node a revocation that an admin key signed; no membership is needed. */
  revoke(statement: string): Promise<BootstrapResponse<"revoke">>;
  /** The newest manifest and the admins' revocations on top of it, unchecked. */
  revocations(): Promise<BootstrapResponse<"revocations">>;
  /** Sends audit events; resolves with the end of the chain that the node then has. */
  ingest(batch: {
    events: readonly AuditEvent[];
    head: string;
    logSize?: number;
    bridge?: AuditBridge;
  }): Promise<BootstrapResponse<"ingest">>;
  /** The node's signed log; with sizes, the proof that the one is the beginning of the other. Unchecked. */
  auditLog(sizes?: { first: number; second: number }): Promise<BootstrapResponse<"auditLog">>;
  /** Forks and gaps in agents' chains, as the node saw them. */
  auditAlarms(options?: { asAdmin?: boolean }): Promise<BootstrapResponse<"auditAlarms">>;
  /** Closes an alarm about an agent's chain. @throws GaggleError NOT_FOUND, POLICY_DENIED, STATE_CONFLICT */
  acknowledgeAlarm(
    acknowledged: { readonly alarm: AuditAlarm; readonly reason: string },
    options?: { asAdmin?: boolean },
  ): Promise<BootstrapResponse<"acknowledgeAlarm">>;
  directory(): Promise<BootstrapResponse<"directory">>;
  /** What the organisation's model calls used today and this month, as far as it concerns this agent. */
  usage(): Promise<BootstrapResponse<"usage">>;
  deposit(request: BootstrapRequest<"deposit">): Promise<BootstrapResponse<"deposit">>;
  fetchMail(request: BootstrapRequest<"fetchMail">): Promise<BootstrapResponse<"fetchMail">>;
  discardMail(request: BootstrapRequest<"discardMail">): Promise<BootstrapResponse<"discardMail">>;
  withdrawMail(request: BootstrapRequest<"withdrawMail">): Promise<BootstrapResponse<"withdrawMail">>;
  /** A person's agents that take mail, unchecked. */
  mailDevices(subject: string): Promise<BootstrapResponse<"mailDevices">>;
  /** Who could be asked, and why; by what the node knows. */
  candidates(target: CandidateQuery): Promise<BootstrapResponse<"routeTask">>;
  /** Leaves sealed envelopes for their recipients, all or none, under the id that they are about. */
  handOver(kind: HandOverRoute, request: HandOver): Promise<BootstrapResponse<HandOverRoute>>;
  /** What the node knows of a task, session or approval that this agent takes part in. */
  status(id: string): Promise<StatusReport>;
  /** What the node's newest policy says to an action of this agent. */
  evaluate(question: EvaluateRequest): Promise<BootstrapResponse<"evaluate">>;
  /** What happened on the node since an earlier answer's `next`; waits for the first at most `waitSeconds`. */
  events(query: { after?: string; waitSeconds?: number }): Promise<EventPage>;
  /** The audit export as it streams in, for a member whom policy lets, or with an admin's key (`asAdmin`). */
  exportAudit(options?: { asAdmin?: boolean; filter?: AuditFilter }): Promise<AsyncIterable<Uint8Array>>;
  health(): Promise<BootstrapResponse<"health">>;
}

/** Routes that take sealed envelopes. */
type HandOverRoute = "routeTask" | "openSession" | "requestApproval";

/** A client for one node and one organisation. @param config `baseUrl`: `scheme://host:port` */
export function createBootstrapClient(deps: BootstrapClientDeps, config: { baseUrl: string; org: string }): BootstrapClient {
  let held: { token: string; expiresAtMs: number } | undefined;

  const send = async (route: BootstrapRoute, body: unknown, options: { path?: string; token?: string } = {}): Promise<Response> => {
    const { method, path: pattern, access } = BOOTSTRAP_ROUTES[route];
    const path = options.path ?? pattern;
    const headers: Record<string, string> = {};
    if (access !== "none") {
      const call = { org: config.org, method, path, body };
      headers[PROOF_HEADER] = createProof({ call, signer: deps.signer, nowMs: deps.clock.now(), random: deps.random });
    }
    if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
    if (method === "POST") headers["content-type"] = "application/json";
    const init = { method, headers, redirect: "error", ...(method === "POST" ? { body: JSON.stringify(body) } : {}) } as const;
    const timeoutMs = LONG_TIMEOUT_MS[route] ?? CALL_TIMEOUT_MS;
    const response = await reach(deps.fetch, `${config.baseUrl}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw await problemOf(response);
    return response;
  };

  const call = async <R extends BootstrapRoute>(route: R, body: BootstrapRequest<R>, options?: { path?: string; token?: string }) =>
    readAnswer(route, await send(route, body, options));

  const token = async (): Promise<string> => {
    if (held !== undefined && held.expiresAtMs - deps.clock.now() > TOKEN_MARGIN_MS) return held.token;
    const fresh = await call("token", {});
    held = { token: fresh.token, expiresAtMs: Date.parse(fresh.expiresAt) };
    return held.token;
  };

  /** Calls with a token; once more with a new one where the node no longer takes the old, as after its issuer key changed. */
  const withToken = async <T>(run: (token: string) => Promise<T>): Promise<T> => {
    const used = await token();
    try {
      return await run(used);
    } catch (error) {
      const stale = error instanceof GaggleError && (error.code === "CREDENTIAL_INVALID" || error.code === "CREDENTIAL_EXPIRED");
      if (!stale) throw error;
      held = undefined;
      return run(await token());
    }
  };

  const fetchProfile = (role: string): Promise<BootstrapResponse<"profile">> => {
    const path = BOOTSTRAP_ROUTES.profile.path.replace(":role", encodeURIComponent(role));
    return withToken((bearer) => call("profile", {}, { path, token: bearer }));
  };

  return {
    join: (request) => call("join", request),
    signInBegin: () => call("signInBegin", {}),
    signInFinish: (request) => call("signInFinish", request),
    token,
    renew: async () => (await withToken((bearer) => call("credentials", {}, { token: bearer }))).credential,
    fetchProfile,
    fetchBundle: async (role) => (await fetchProfile(role)).bundle,
    publish: (bundle) => call("publish", { bundle }),
    revoke: (statement) => call("revoke", { statement }),
    revocations: () => call("revocations", {}),
    ingest: ({ events, ...rest }) => withToken((bearer) => call("ingest", { events: [...events], ...rest }, { token: bearer })),
    auditLog: (sizes) => {
      const query = sizes === undefined ? "" : `?first=${sizes.first}&second=${sizes.second}`;
      return withToken((bearer) => call("auditLog", {}, { path: `${BOOTSTRAP_ROUTES.auditLog.path}${query}`, token: bearer }));
    },
    auditAlarms: ({ asAdmin = false } = {}) =>
      asAdmin ? call("auditAlarms", {}) : withToken((bearer) => call("auditAlarms", {}, { token: bearer })),
    acknowledgeAlarm: ({ alarm: { kind, agentId, lastAt }, reason }, { asAdmin = false } = {}) => {
      const at = new Date(deps.clock.now()).toISOString();
      const said = { v: 1, org: config.org, alarm: alarmId(kind, agentId), lastAt, reason, at } as const;
      const body = { acknowledgement: signAcknowledgement(said, deps.signer) };
      return asAdmin ? call("acknowledgeAlarm", body) : withToken((bearer) => call("acknowledgeAlarm", body, { token: bearer }));
    },
    directory: () => withToken((bearer) => call("directory", {}, { token: bearer })),
    usage: () => withToken((bearer) => call("usage", {}, { token: bearer })),
    deposit: (request) => withToken((bearer) => call("deposit", request, { token: bearer })),
    fetchMail: (request) => withToken((bearer) => call("fetchMail", request, { token: bearer })),
    discardMail: (request) => withToken((bearer) => call("discardMail", request, { token: bearer })),
    withdrawMail: (request) => withToken((bearer) => call("withdrawMail", request, { token: bearer })),
    mailDevices: (subject) => withToken((bearer) => call("mailDevices", { subject }, { token: bearer })),
    candidates: (target) => withToken((bearer) => call("routeTask", { target }, { token: bearer })),
    handOver: (kind, request) => withToken((bearer) => call(kind, request, { token: bearer })),
    status: (id) => withToken((bearer) => call("status", {}, { path: BOOTSTRAP_ROUTES.status.path.replace(":id", id), token: bearer })),
    evaluate: (question) => withToken((bearer) => call("evaluate", question, { token: bearer })),
    events: ({ after, waitSeconds = 0 }) => {
      const query = new URLSearchParams({ ...(after === undefined ? {} : { after }), wait: String(waitSeconds) });
      return withToken((bearer) => call("events", {}, { path: `${BOOTSTRAP_ROUTES.events.path}?${query.toString()}`, token: bearer }));
    },
    async exportAudit({ asAdmin = false, filter = {} } = {}) {
      const query = new URLSearchParams(Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined));
      const path = `${BOOTSTRAP_ROUTES.export.path}${query.size === 0 ? "" : `?${query.toString()}`}`;
      const response = asAdmin
        ? await send("export", {}, { path })
        : await withToken((bearer) => send("export", {}, { path, token: bearer }));
      if (response.body === null) throw new GaggleError("UPSTREAM_FAILED", "The bootstrap node sent an empty export; try again.");
      return response.body;
    },
    health: () => call("health", {}),
  };
}

async function reach(fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (cause instanceof GaggleError) throw cause;
    if (cause instanceof DOMException && cause.name === "TimeoutError") {
      throw new GaggleError("TIMEOUT", "The bootstrap node did not answer in time; try again.", { cause });
    }
    throw new GaggleError("PEER_UNREACHABLE", "The bootstrap node can't be reached; check that it runs and that its address is right.", {
      cause,
    });
  }
}

async function readAnswer<R extends BootstrapRoute>(route: R, response: Response): Promise<BootstrapResponse<R>> {
  const parsed = BOOTSTRAP_ROUTES[route].response.safeParse(await readJson(response));
  if (!parsed.success)
    throw new GaggleError("UPSTREAM_FAILED", "The bootstrap node's answer is not as expected; are both of the same version?");
  // The table gives each route its own schema; TypeScript sees their union here.
  return parsed.data as BootstrapResponse<R>;
}

async function problemOf(response: Response): Promise<GaggleError> {
  const parsed = problemDetails.safeParse(await readJson(response));
  const code = parsed.success && Object.hasOwn(ERROR_TABLE, parsed.data.code) ? (parsed.data.code as ErrorCode) : undefined;
  if (!parsed.success || code === undefined) {
    return new GaggleError("UPSTREAM_FAILED", `The bootstrap node answered with status ${response.status}; is this the right address?`);
  }
  return new GaggleError(code, parsed.data.detail, { details: parsed.data.details });
}

/** The answer's JSON, or undefined for what is none; bounded, since the node is not trusted with our memory. */
async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_API_BODY_BYTES)
      throw new GaggleError("TOO_LARGE", "The bootstrap node's answer is larger than the limit; it was not read.");
    chunks.push(chunk);
  }
  try {
    return parseJson(Buffer.concat(chunks).toString("utf8"), "The answer");
  } catch {
    return undefined;
  }
}
