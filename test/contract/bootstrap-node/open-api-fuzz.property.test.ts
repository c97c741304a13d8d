import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { PROOF_HEADER } from "../../../mesh/contract/bootstrap-api.ts";
import { BUNDLE_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import { createProof } from "../../../mesh/identity/proof.ts";
import { fitting, type JsonSchema } from "../../support/json-schema-arbitrary.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const RUNS = 25;
const RUNS_BROKEN = 5;

/** What is read of the document. */
interface Operation {
  readonly operationId: string;
  readonly security: readonly Record<string, unknown>[];
  readonly parameters?: readonly { readonly name: string; readonly in: "path" | "query"; readonly schema: JsonSchema }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: JsonSchema }> };
  readonly responses: Readonly<Record<string, { readonly content: Record<string, { readonly schema: Record<string, unknown> }> }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: { readonly Problem: Record<string, unknown> } };
}

/** A request before it is sent. `raw`: a body that is no JSON. */
interface Sent {
  readonly path: string;
  readonly query: Record<string, string>;
  readonly body: unknown;
  readonly raw?: string | undefined;
  readonly type: string;
  readonly as: "member" | "stranger" | "forger" | "nobody";
}

let node: TestBootstrap;
let document: Document;
let fiona: TestAgent;
const stranger = seededRandom("a stranger's requests");
const schemas = new Map<string, z.ZodType>();

/** A node with a member. */
const openWorld = async (): Promise<void> => {
  node = await openTestBootstrap();
  await node.publish(1);
  fiona = node.agent("fiona's laptop");
  await fiona.join(node.invite({ subject: "fiona.berg", role: "finance" }));
  // So that no poll waits for a clock that stands still.
  node.feed.release();
};

beforeAll(async () => {
  await openWorld();
  document = (await node.app.inject({ method: "GET", url: "/openapi.json" })).json();
});

const operations = (): readonly { path: string; method: "GET" | "POST"; operation: Operation }[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method === "get" ? ("GET" as const) : ("POST" as const),
      operation,
    })),
  );

/** Something else in the place of a value, deep down or at the top. */
const broken = (value: unknown): fc.Arbitrary<unknown> => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(null, "", 0, -1, 1e308, [], {}, "x".repeat(5_000), "../../etc", "\u0000\ud800", "a\nb", '{"a"'),
  );
  if (typeof value !== "object" || value === null) return odd;
  const keys = Object.keys(value);
  const changed = (key: string) =>
    broken((value as Record<string, unknown>)[key]).map((next) => Object.assign(structuredClone(value), { [key]: next }));
  const dropped = (key: string) => fc.constant(Object.fromEntries(Object.entries(value).filter(([one]) => one !== key)));
  const added = fc.tuple(fc.string(), odd).map(([key, extra]) => ({ ...value, [`x${key}`]: extra }));
  if (keys.length === 0) return fc.oneof(odd, added);
  return fc.oneof(odd, added, fc.constantFrom(...keys).chain(changed), fc.constantFrom(...keys).chain(dropped));
};

const parametersOf = (operation: Operation, place: "path" | "query"): fc.Arbitrary<Record<string, string>> => {
  const own = operation.parameters?.filter((one) => one.in === place) ?? [];
  return fc.record(Object.fromEntries(own.map(({ name, schema }) => [name, fitting(schema) as fc.Arbitrary<string>])));
};

const valid = (path: string, operation: Operation): fc.Arbitrary<Sent> => {
  const body = operation.requestBody?.content["application/json"]?.schema;
  return fc
    .tuple(parametersOf(operation, "path"), parametersOf(operation, "query"), body === undefined ? fc.constant({}) : fitting(body))
    .map(([params, query, value]) => ({
      path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "")),
      query,
      body: value,
      type: "application/json",
      as: "member",
    }));
};

const mutated = (path: string, operation: Operation): fc.Arbitrary<Sent> =>
  valid(path, operation).chain((sent) =>
    fc.oneof(
      broken(sent.body).map((body) => ({ ...sent, body })),
      fc.string({ unit: "binary" }).map((raw) => ({ ...sent, raw })),
      fc
        .constantFrom("text/plain", "application/xml", "multipart/form-data", "application/json; charset=nonsense")
        .map((type) => ({ ...sent, type })),
      fc.constantFrom<Sent["as"]>("stranger", "forger", "nobody").map((as) => ({ ...sent, as })),
      fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { minKeys: 1, maxKeys: 3 }).map((query) => ({ ...sent, query })),
      fc.string({ minLength: 1 }).map((end) => ({ ...sent, path: path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(end)) })),
    ),
  );

async function headersOf(sent: Sent, method: "GET" | "POST", url: string, held?: string): Promise<Record<string, string>> {
  if (sent.as === "nobody") return {};
  const signer = sent.as === "stranger" ? node.agent(`stranger ${stranger.bytes(4).join(".")}`).signer : fiona.signer;
  const token = sent.as === "forger" ? "e30.e30.e30" : (held ?? (await fiona.client.token()));
  const random = { bytes: (length: number) => stranger.bytes(length) };
  const body = method === "GET" ? {} : JSON.parse(JSON.stringify(sent.body ?? {}));
  try {
    const proof = createProof({ call: { org: node.organisation.org, method, path: url, body }, signer, nowMs: node.clock.now(), random });
    return { authorization: `Bearer ${token}`, [PROOF_HEADER]: proof };
  } catch {
    // Half a surrogate pair can't be signed; then the server has to refuse what comes without.
    return { authorization: `Bearer ${token}` };
  }
}

const fits = (operation: Operation, status: string, type: string): z.ZodType | undefined => {
  const schema = operation.responses[status]?.content[type]?.schema;
  if (schema === undefined) return undefined;
  const id = `${operation.operationId} ${status}`;
  const known = schemas.get(id) ?? z.fromJSONSchema("$ref" in schema ? document.components.schemas.Problem : schema);
  schemas.set(id, known);
  return known;
};

/** Sends a request and holds the answer against the document. @returns its status */
async function judge(operation: Operation, method: "GET" | "POST", sent: Sent, held?: string): Promise<number> {
  // Time goes on, so that what was sent before is no flood.
  node.clock.jump(500);
  const query = new URLSearchParams(sent.query).toString();
  const url = query === "" ? sent.path : `${sent.path}?${query}`;
  const payload = sent.raw ?? JSON.stringify(sent.body);
  const answer = await node.app.inject({
    method,
    url,
    headers: { ...(await headersOf(sent, method, url, held)), ...(method === "POST" ? { "content-type": sent.type } : {}) },
    ...(method === "POST" && payload !== undefined ? { payload } : {}),
  });
  const { statusCode, headers } = answer;
  const [type = ""] = String(headers["content-type"]).split(";");
  expect(statusCode, answer.body).not.toBe(500);
  const schema = fits(operation, String(statusCode), type);
  expect(schema, `${operation.operationId} answered ${statusCode} ${type}, which its document does not name`).toBeDefined();
  const parsed = schema?.safeParse(type.endsWith("json") ? answer.json() : answer.body);
  expect(parsed?.error?.issues ?? [], operation.operationId).toEqual([]);
  return statusCode;
}

describe("the API as its own document says", () => {
  it("answers valid requests and broken ones with a documented status and a body that fits, and never fails", async () => {
    const successes = new Set<string>();
    const names: string[] = [];
    for (const { path, method, operation } of operations()) {
      names.push(operation.operationId);
      await fc.assert(
        fc.asyncProperty(fc.oneof(valid(path, operation), mutated(path, operation)), async (sent) => {
          if ((await judge(operation, method, sent)) === 200) successes.add(operation.operationId);
        }),
        { numRuns: RUNS },
      );
    }
    expect(names.length).toBeGreaterThan(20);
    // Otherwise everything was refused at the door, and little was tried.
    expect([...successes]).toEqual(
      expect.arrayContaining(["health", "token", "directory", "evaluate", "events", "routeTask", "usage", "discardMail"]),
    );
  });

  it("answers paths and methods that it does not name with 404, 405 or 400", async () => {
    const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD");
    const path = fc.oneof(
      fc.webPath().map((one) => (one === "" ? "/" : one)),
      fc.string().map((one) => `/${encodeURIComponent(one)}`),
      fc.constantFrom(...Object.keys(document.paths), "/api/v1/token/", "//", "/%zz", "/healthz/x"),
    );
    await fc.assert(
      fc.asyncProperty(method, path, async (verb, url) => {
        node.clock.jump(500);
        if (document.paths[url]?.[verb.toLowerCase()] !== undefined) return;
        const answer = await node.app.inject({ method: verb as "GET", url });
        if (verb === "HEAD" && [200, 503].includes(answer.statusCode)) return;
        expect([400, 401, 404, 405], `${verb} ${url}`).toContain(answer.statusCode);
        expect(answer.headers["content-type"], `${verb} ${url}`).toContain("application/problem+json");
        if (answer.statusCode === 405) expect(answer.headers["allow"]).toMatch(/GET|POST/);
      }),
      { numRuns: 300 },
    );
  });

  const emptyNode = async (): Promise<void> => {
    node = await openTestBootstrap({ clock: node.clock });
  };

  it.each([
    ["before its first bundle", emptyNode],
    ["once its bundle has expired", async () => node.clock.jump(BUNDLE_LIFETIME_MS + 1)],
    ["while it ends", async () => node.drain.end()],
  ])("does so too %s", async (_, change) => {
    await openWorld();
    const token = await fiona.client.token();
    await change();
    for (const { path, method, operation } of operations()) {
      const send = fc.asyncProperty(
        fc.oneof(valid(path, operation), mutated(path, operation)),
        async (sent) => void (await judge(operation, method, sent, token)),
      );
      await fc.assert(send, { numRuns: RUNS_BROKEN });
    }
  });
});
