import { describe, expect, it } from "vitest";
import { createBootstrapClient } from "../../../../mesh/agent/bootstrap-client.ts";
import { MAX_API_BODY_BYTES } from "../../../../mesh/contract/limits.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";
import { createTestOrganisation } from "../../../support/test-organisation.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const { org } = createTestOrganisation();
const code = (name: string) => expect.objectContaining({ code: name });
const problem = (name: string, status: number) =>
  Response.json({ type: "about:blank", title: "t", status, code: name, detail: "What is wrong.", details: { seq: 3 } }, { status });

/** A client whose node answers with the given responses in turn, and the requests it made. */
function clientOf(...answers: (() => Response)[]) {
  const asked: string[] = [];
  const clock = createVirtualClock();
  const fetch: typeof globalThis.fetch = async (input) => {
    asked.push(new URL(input instanceof Request ? input.url : input).pathname);
    return (answers.shift() ?? (() => problem("INTERNAL", 500)))();
  };
  const deps = { signer: seededSigner("agent"), clock, random: seededRandom("client"), fetch };
  return { client: createBootstrapClient(deps, { baseUrl: "http://127.0.0.1:1", org }), asked, clock };
}
const token = (expiresAt: number) => () => Response.json({ token: "a.b.c", expiresAt: new Date(expiresAt).toISOString() });
const START = createVirtualClock().now();

describe("the bootstrap node's client", () => {
  it("throws the node's own code, message and details", async () => {
    const { client } = clientOf(() => problem("INVITATION_USED", 403));
    await expect(client.token()).rejects.toThrow(
      expect.objectContaining({ code: "INVITATION_USED", message: "What is wrong.", details: { seq: 3 } }),
    );
  });

  it("says so where something else answers", async () => {
    await expect(clientOf(() => new Response("<html>", { status: 502 })).client.health()).rejects.toThrow(code("UPSTREAM_FAILED"));
    await expect(clientOf(() => problem("NEW_CODE", 400)).client.health()).rejects.toThrow(code("UPSTREAM_FAILED"));
    await expect(clientOf(() => Response.json({ hello: 1 })).client.health()).rejects.toThrow(code("UPSTREAM_FAILED"));
  });

  it("says so where nothing answers", async () => {
    const refuse = (): Response => {
      throw new TypeError("fetch failed");
    };
    await expect(clientOf(refuse).client.health()).rejects.toThrow(code("PEER_UNREACHABLE"));
    const late = (): Response => {
      throw new DOMException("late", "TimeoutError");
    };
    await expect(clientOf(late).client.health()).rejects.toThrow(code("TIMEOUT"));
  });

  it("keeps a token until shortly before its end", async () => {
    const { client, asked, clock } = clientOf(token(START + 1_800_000), token(START + 3_600_000));
    await client.token();
    await client.token();
    expect(asked).toEqual(["/api/v1/token"]);
    clock.jump(1_800_000 - 30_000);
    await client.token();
    expect(asked).toHaveLength(2);
  });

  it("gets a new token once where the node no longer takes the old one", async () => {
    const refused = () => problem("CREDENTIAL_INVALID", 401);
    const later = token(START + 1_800_000);
    const { client, asked } = clientOf(later, refused, later, () => Response.json({ credential: "x.y.z" }));
    expect(await client.renew()).toBe("x.y.z");
    expect(asked).toEqual(["/api/v1/token", "/api/v1/credentials", "/api/v1/token", "/api/v1/credentials"]);
    await expect(clientOf(later, refused, later, refused).client.renew()).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("does not read an answer without end", async () => {
    const endless = () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(MAX_API_BODY_BYTES / 4)) }));
    await expect(clientOf(endless).client.health()).rejects.toThrow(code("TOO_LARGE"));
  });
});
