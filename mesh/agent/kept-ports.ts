/**
 * Keeps the ports of listen addresses that leave them open (`/tcp/0`): colleagues find an agent again at the address they remember, also when
 * both sides were restarted while the bootstrap node was down.
 */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import type { OrderedStore } from "../contract/ports.ts";

const KEY = "agent/listen-ports";
const OPEN_PORT = /\/tcp\/0$/;
const keptPorts = z.array(z.int().min(1).max(65_535));

/** What keeping ports needs. */
export interface KeptPortsDeps {
  readonly store: Pick<OrderedStore, "get" | "batch">;
  /** A port that is free now. */
  freePort(): Promise<number>;
}

/**
 * Starts something that listens, on the ports of the last time; on fresh ones, once, where those are taken by now.
 * @param listen multiaddrs as configured; those that name a port stay as they are
 * @param start @throws GaggleError INVALID_INPUT where the addresses can't be listened on
 */
export async function listenOnKeptPorts<T>(
  deps: KeptPortsDeps,
  listen: readonly string[],
  start: (listen: string[]) => Promise<T>,
): Promise<T> {
  const open = listen.filter((address) => OPEN_PORT.test(address)).length;
  if (open === 0) return start([...listen]);
  const kept = readPorts(deps.store, open);
  if (kept !== undefined) {
    try {
      return await start(withPorts(listen, kept));
    } catch (error) {
      if (!(error instanceof GaggleError) || error.code !== "INVALID_INPUT") throw error;
    }
  }
  const fresh: number[] = [];
  for (let index = 0; index < open; index++) fresh.push(await deps.freePort());
  const started = await start(withPorts(listen, fresh));
  await deps.store.batch([{ type: "put", key: KEY, value: JSON.stringify(fresh) }], { sync: false });
  return started;
}

/** The ports of the last time, where there are as many as are open now. */
function readPorts(store: KeptPortsDeps["store"], open: number): number[] | undefined {
  const text = store.get(KEY);
  if (text === undefined) return undefined;
  const ports = parseAs(keptPorts, parseJson(text, KEY), KEY);
  return ports.length === open ? ports : undefined;
}

function withPorts(listen: readonly string[], ports: readonly number[]): string[] {
  const left = [...ports];
  return listen.map((address) => address.replace(OPEN_PORT, () => `/tcp/${left.shift() ?? 0}`));
}
