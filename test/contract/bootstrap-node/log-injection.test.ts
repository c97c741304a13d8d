/** What strangers send gets into no log: neither as a line of its own nor as text that moves or colours a terminal. */
import { describe, expect, it } from "vitest";
import { createLog } from "../../../mesh/cli/log.ts";
import { PROOF_HEADER } from "../../../mesh/contract/bootstrap-api.ts";
import { captureStream } from "../../support/captured-output.ts";
import { openTestBootstrap } from "../../support/test-bootstrap.ts";

const HOSTILE = '\r\n{"level":60,"msg":"forged"}\u001b[31m\u202eevil';

describe("the bootstrap node's log", () => {
  it("has one line of JSON for each request, whatever the request holds, and nothing of it", async () => {
    const stream = captureStream();
    const node = await openTestBootstrap({ log: createLog("bootstrap", { GAGGLE_LOG: "debug" }, stream) });
    await node.publish(1);
    const path = encodeURIComponent(HOSTILE);
    const requests = [
      { method: "GET", url: `/${path}` },
      { method: "GET", url: `/api/v1/profiles/${path}` },
      { method: "POST", url: "/api/v1/join", payload: { invitation: HOSTILE } },
      { method: "POST", url: "/api/v1/bundles", payload: { bundle: { manifest: HOSTILE, files: { [HOSTILE]: HOSTILE } } } },
      { method: "POST", url: "/api/v1/token", headers: { [PROOF_HEADER]: path, "user-agent": path, authorization: `Bearer ${path}` } },
      {
        method: "POST",
        url: "/api/v1/sign-in/finish",
        payload: `{"challenge":${JSON.stringify(HOSTILE)}`,
        headers: { "content-type": "application/json" },
      },
    ] as const;
    for (const request of requests) {
      const answer = await node.app.inject(request);
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.payload, "the answer quotes nothing either").not.toContain("evil");
    }
    const lines = stream.text().trim().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(requests.length);
    for (const line of lines) {
      const { level } = JSON.parse(line) as { level: number };
      expect(level).toBeLessThan(60);
    }
    expect(stream.text()).not.toMatch(/evil|forged/);
    expect(stream.text()).not.toContain("\u001b");
  });

  it("keeps text that gets into a line all the same on that line, as escapes", () => {
    const stream = captureStream();
    createLog("agent", {}, stream).warn({ code: HOSTILE }, "refused");
    expect(stream.text().trim().split("\n")).toHaveLength(1);
    expect(stream.text()).not.toContain("\u001b");
  });
});
