import { describe, expect, it, onTestFinished, vi } from "vitest";
import { serveLocal } from "../../../../mesh/agent/local-server.ts";
import { socketPathFor } from "../../../../mesh/client/socket-path.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import type { DaemonConnection, DaemonHandlers } from "../../../../mesh/contract/daemon-api.ts";
import { watchAgents } from "../../../../mesh/demo/watch-agents.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const SOON = { timeout: 8_000, interval: 10 };

const event = (seq: number): AuditEvent => ({
  v: 1,
  tenantId: `org_${"a".repeat(26)}`,
  agentId: `12D3KooW${"A".repeat(44)}`,
  seq,
  id: `0190b0c8-0000-7000-8000-${String(seq).padStart(12, "0")}`,
  ts: "2026-10-31T08:00:00.000Z",
  traceId: "a".repeat(32),
  actor: { type: "agent", id: "x", role: "finance" },
  action: "test.event",
  target: `event:${seq}`,
  result: "ok",
  details: {},
  redactions: [],
  cost: { tokens: 0, usd: "0" },
  hashPrev: "0".repeat(64),
  hash: "1".repeat(64),
});

/** A daemon that sends the events it has from the number on that it is asked for; one too early, as a careless one might. */
async function serve(home: string, known: AuditEvent[]) {
  const subscribers: DaemonConnection[] = [];
  const asked: (number | undefined)[] = [];
  const handlers = {
    "events.subscribe": ({ fromSeq }: { fromSeq?: number }, connection: DaemonConnection) => {
      asked.push(fromSeq);
      subscribers.push(connection);
      for (const one of known) if (one.seq >= (fromSeq ?? 1) - 1) connection.notify("audit.event", one);
      return { ok: true };
    },
  } as unknown as Omit<DaemonHandlers, "hello">;
  const server = await serveLocal({ path: socketPathFor(home), handlers, version: "test", log: () => undefined });
  onTestFinished(() => server.close());
  return { asked, close: server.close, tell: (one: AuditEvent) => subscribers.at(-1)?.notify("audit.event", one) };
}

describe("the watch over the demo's agents", () => {
  it("tells each event once and in order, also across a restart, and goes on where it was", async () => {
    const home = tempFolder();
    const seen: string[] = [];
    const watch = watchAgents([{ subject: "fiona.berg", home, fromSeq: 3 }], (who, { seq }) => seen.push(`${who} ${seq}`));
    onTestFinished(() => watch.stop());
    const first = await serve(home, [1, 2, 3, 4].map(event));
    await vi.waitFor(() => expect(seen).toEqual(["fiona.berg 3", "fiona.berg 4"]), SOON);
    first.tell(event(5));
    await vi.waitFor(() => expect(seen).toHaveLength(3), SOON);
    await first.close();
    const second = await serve(home, [1, 2, 3, 4, 5, 6, 7].map(event));
    await vi.waitFor(() => expect(seen).toEqual([3, 4, 5, 6, 7].map((seq) => `fiona.berg ${seq}`)), SOON);
    expect([first.asked, second.asked]).toEqual([[3], [6]]);
  });

  it("is silent once it has been stopped", async () => {
    const home = tempFolder();
    const seen: number[] = [];
    const daemon = await serve(home, [event(1)]);
    const watch = watchAgents([{ subject: "fiona.berg", home, fromSeq: 1 }], (_, { seq }) => seen.push(seq));
    await vi.waitFor(() => expect(seen).toEqual([1]), SOON);
    watch.stop();
    // A later connection would ask again.
    await new Promise((resolve) => setTimeout(resolve, 500));
    daemon.tell(event(2));
    expect([seen, daemon.asked]).toEqual([[1], [1]]);
  });
});
