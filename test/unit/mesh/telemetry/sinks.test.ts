import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openSpans } from "../../../../mesh/telemetry/open-spans.ts";
import type { SpanDraft } from "../../../../mesh/telemetry/span-draft.ts";
import { openSpanFile } from "../../../../mesh/telemetry/span-file.ts";
import { openOtlp } from "../../../../mesh/telemetry/span-otlp.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const span = (at: number): SpanDraft => ({
  name: "guard.request",
  traceId: "a".repeat(32),
  spanId: String(at).padStart(16, "0"),
  parentId: "b".repeat(16),
  kind: "server",
  startMs: 1_795_176_000_000 + at,
  endMs: 1_795_176_000_005 + at,
  failed: true,
  attributes: { "gaggle.tokens": 3 },
});
const fail = (error: unknown): never => {
  throw error;
};

describe("a file of spans", () => {
  it("gets whole lines, is the user's alone, and is moved aside when it is large", async () => {
    const folder = join(tempFolder(), "logs");
    const path = join(folder, "traces.ndjson");
    for (let round = 0; round < 7; round++) {
      const sink = openSpanFile({ path, maxBytes: 600 }, fail);
      for (let at = 0; at < 2; at++) sink.record(span(round * 2 + at));
      await sink.close();
    }
    const names = (await readdir(folder)).toSorted();
    expect(names).toEqual(["traces.ndjson", ...[1, 2, 3, 4].map((at) => `traces.ndjson.${at}`)]);
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as SpanDraft).spanId)).toEqual([span(12).spanId, span(13).spanId]);
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("loses spans, and nothing else, where it can't be written", async () => {
    const problems: unknown[] = [];
    const sink = openSpanFile({ path: join(tempFolder(), "a\0b") }, (error) => problems.push(error));
    sink.record(span(1));
    await sink.close();
    expect(problems).toHaveLength(1);
  });
});

describe("a collector", () => {
  let server: Server;
  afterEach(() => void server.close());
  const collector = async (status: number) => {
    const bodies: string[] = [];
    server = createServer((request, response) => {
      let text = "";
      request.on("data", (part) => (text += String(part)));
      request.on("end", () => {
        bodies.push(text);
        response.writeHead(status, { "content-type": "application/json" }).end("{}");
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` };
  };

  it("gets spans by OTLP over HTTP, with the ids that they have", async () => {
    const { bodies, url } = await collector(200);
    const sink = openOtlp({ service: "gaggle-agent", version: "1.2.3" }, fail, url);
    sink.record(span(1));
    await sink.close();
    const [sent] = (JSON.parse(bodies[0] ?? "{}") as { resourceSpans: { scopeSpans: { spans: object[] }[] }[] }).resourceSpans;
    expect(sent?.scopeSpans[0]?.spans[0]).toMatchObject({
      traceId: "a".repeat(32),
      spanId: span(1).spanId,
      parentSpanId: "b".repeat(16),
      name: "guard.request",
      kind: 2,
      startTimeUnixNano: "1795176000001000000",
      endTimeUnixNano: "1795176000006000000",
      status: { code: 2 },
    });
    expect(JSON.stringify(sent)).toContain("gaggle-agent");
  });

  it("that refuses them costs the spans and is told of", async () => {
    const { url } = await collector(400);
    const problems: unknown[] = [];
    const sink = openOtlp({ service: "x", version: "1" }, (error) => problems.push(error), url);
    sink.record(span(1));
    await sink.close();
    expect(problems).toHaveLength(1);
  });
});

describe("where spans go", () => {
  const open = async (env: Record<string, string>, config = {}): Promise<boolean> => {
    const sink = await openSpans({ env, config, path: join(tempFolder(), "t"), service: "s", version: "1", onError: fail });
    await sink?.close();
    return sink !== undefined;
  };

  it("is nowhere unless somebody asked, as the standard variables say", async () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
    expect(await open({})).toBe(false);
    expect(await open({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBe(false);
    expect(await open(endpoint)).toBe(true);
    expect(await open({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:1/v1/traces" })).toBe(true);
    for (const off of [{ OTEL_SDK_DISABLED: "true" }, { OTEL_TRACES_EXPORTER: "none" }, { GAGGLE_TRACES: "off" }])
      expect(await open({ ...endpoint, ...off }, { traces: "file" })).toBe(false);
    expect(await open({ GAGGLE_TRACES: "file" })).toBe(true);
    expect(await open({}, { traces: "file" })).toBe(true);
  });
});
