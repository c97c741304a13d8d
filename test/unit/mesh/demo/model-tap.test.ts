import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { closeServer, listenOnLoopback } from "../../../../mesh/demo/loopback-server.ts";
import { startModelTap } from "../../../../mesh/demo/model-tap.ts";
import { createRealClock } from "../../../support/real-clock.ts";
import { tempFolder } from "../../../support/temp-home.ts";

interface Received {
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** A tap in front of a server that answers as told and remembers what it got. */
async function tapped(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      received.push({ url: request.url ?? "", headers: request.headers, body });
      answer(response, request);
    });
  });
  const port = await listenOnLoopback(server);
  const file = join(tempFolder(), "model-requests.jsonl");
  const tap = await startModelTap({ clock: createRealClock() }, { upstream: `http://127.0.0.1:${port}/base/v1/`, file });
  onTestFinished(async () => {
    await tap.close();
    await closeServer(server);
  });
  const post = (body: string | Uint8Array<ArrayBuffer>, path = "/chat/completions") =>
    fetch(`${tap.url}${path}`, { method: "POST", body, headers: { "content-type": "application/json", authorization: "Bearer k" } });
  const lines = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
  return { received, post, lines, tap, file };
}

const ok = (response: ServerResponse): void => void response.end("{}");
const bodyText = (line: string): string => line.slice(line.indexOf('"body":') + 7, -1);

describe("the tap in front of the model", () => {
  it("keeps the body's very text: numbers, escapes, order and doubled keys as they came", async () => {
    const { post, lines, received } = await tapped(ok);
    const body = '{"n": 1.0, "z":12345678901234567890, "a":"\\u00e9\\/é", "a":1e2}';
    await post(body);
    expect(bodyText(lines()[0] ?? "")).toBe(body);
    expect(received[0]?.body.toString()).toBe(body);
    expect(JSON.parse(lines()[0] ?? "")).toMatchObject({ path: "/v1/chat/completions", body: { n: 1 } });
  });

  it("keeps a body with line breaks on one line, and one that is no JSON as a text", async () => {
    const { post, lines } = await tapped(ok);
    await post('{\n  "a": 1\r\n}');
    await post("anna@example.org, not JSON");
    await post(new Uint8Array([0x61, 0xff, 0x0a]));
    expect(bodyText(lines()[0] ?? "")).toBe('{   "a": 1  }');
    expect(JSON.parse(lines()[1] ?? "")).toMatchObject({ body: "anna@example.org, not JSON" });
    expect(JSON.parse(lines()[2] ?? "")).toMatchObject({ body: "aÿ\n" });
    expect(lines()).toHaveLength(3);
  });

  it("never mixes the lines of requests that come together", async () => {
    const { post, lines } = await tapped(ok);
    const bodies = Array.from({ length: 40 }, (_, index) => JSON.stringify({ index, text: "x".repeat(index * 5_000) }));
    await Promise.all(bodies.map((body) => post(body)));
    expect(lines().map(bodyText).toSorted()).toEqual(bodies.toSorted());
  });

  it("passes on path and headers, and brings back status, headers and a stream as it comes", async () => {
    let finish: () => void = () => undefined;
    const { post, received } = await tapped((response) => {
      response.writeHead(429, { "content-type": "text/event-stream", "x-limit": "1" });
      response.write("data: one\n\n");
      finish = () => void response.end("data: two\n\n");
    });
    const answer = await post("{}");
    const reader = answer.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: one\n\n");
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: two\n\n");
    expect(answer.status).toBe(429);
    expect(answer.headers.get("x-limit")).toBe("1");
    expect(received[0]).toMatchObject({ url: "/base/v1/chat/completions", headers: { authorization: "Bearer k" } });
  });

  it("passes nothing on that it can't record", async () => {
    const { received } = await tapped(ok);
    const tap = await startModelTap(
      { clock: createRealClock() },
      { upstream: "http://127.0.0.1:9/v1", file: join(tempFolder(), "missing", "x") },
    );
    onTestFinished(() => tap.close());
    expect((await fetch(`${tap.url}/chat/completions`, { method: "POST", body: "{}" })).status).toBe(502);
    expect(received).toEqual([]);
  });

  it("answers 502 where the model's server can't be reached, after recording", async () => {
    const file = join(tempFolder(), "requests.jsonl");
    const tap = await startModelTap({ clock: createRealClock() }, { upstream: "http://127.0.0.1:9/v1", file });
    onTestFinished(() => tap.close());
    expect((await fetch(`${tap.url}/chat/completions`, { method: "POST", body: '{"a":1}' })).status).toBe(502);
    expect(readFileSync(file, "utf8")).toContain('"body":{"a":1}}');
  });

  it("records nothing for a request without a body", async () => {
    const { tap, file, received } = await tapped(ok);
    expect((await fetch(`${tap.url}/models`)).status).toBe(200);
    expect(received[0]?.url).toBe("/base/v1/models");
    expect(() => readFileSync(file)).toThrow("ENOENT");
  });
});
