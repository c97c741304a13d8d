import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { streamEvents } from "../../../../mesh/agent/stream-events.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import type { OrderedStore } from "../../../../mesh/contract/ports.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

/** A chain, a way to add events to it, and a subscriber that counts. */
async function world() {
  const store: OrderedStore = openMemoryStore();
  const chain: AuditChain = await openAuditChain(
    { store, random: createSeededRandom(1) },
    { org: `org_${"a".repeat(26)}`, agentId: `12D3KooW${"A".repeat(44)}` },
  );
  const add = async (count: number): Promise<void> => {
    const actor = { type: "agent", id: "a", role: "finance" } as const;
    const draft = { actor, action: "daemon.start", target: "agent:a", result: "ok", traceId: "0".repeat(32) } as const;
    await store.batch(
      chain.link(
        Array.from({ length: count }, () => draft),
        0,
      ),
      { sync: true },
    );
    chain.committed();
  };
  const got: number[] = [];
  let close = (): void => undefined;
  const subscribe = (fromSeq: number): void =>
    streamEvents(chain, fromSeq, {
      notify: (_name, event: AuditEvent) => void got.push(event.seq),
      onClose: (fn) => {
        close = fn;
      },
    });
  const until = (count: number): Promise<void> => expect.poll(() => got.length).toBe(count);
  return { add, got, subscribe, until, close: () => close() };
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("A subscriber gets what is on the disk and then what comes, in order and each once", async () => {
  const { add, got, subscribe, until } = await world();
  await add(1_200);
  subscribe(1);
  for (let round = 0; round < 40; round++) {
    await add(3);
    if (round % 7 === 0) await turn();
  }
  await until(1_320);
  expect(got).toEqual(upTo(1, 1_320));
});

test("A subscriber that asks from a later event on gets none before it", async () => {
  const { add, got, subscribe, until } = await world();
  await add(2);
  subscribe(5);
  await add(2);
  await add(3);
  await until(3);
  expect(got).toEqual(upTo(5, 7));
});

test("A subscriber that has gone gets nothing more", async () => {
  const { add, got, subscribe, until, close } = await world();
  subscribe(1);
  await add(2);
  await until(2);
  close();
  await add(2);
  await turn();
  expect(got).toEqual([1, 2]);
});
