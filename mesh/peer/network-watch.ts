/** Notices when this machine's addresses changed and when it slept: connections may be dead then without a word. */
import type { NetworkInterfaceInfo } from "node:os";
import type { Clock } from "../contract/ports.ts";
import { isVirtualInterface } from "./address.ts";
import { NETWORK_LOOK_MS, SLEEP_GAP_MS } from "./protocols.ts";

/** Why connections may be dead. */
export type NetworkChange = "addresses" | "woke";

/** This machine's interfaces as the system tells them. */
export type Interfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/** The same, and what was told last where the system can't tell now: short of memory or descriptors it throws, to timers that nobody stands behind. */
export function steadyInterfaces(look: Interfaces): Interfaces {
  let last: ReturnType<Interfaces> = {};
  return () => {
    try {
      last = look();
    } catch {
      // It is asked again in a moment.
    }
    return last;
  };
}

/** Watches until the returned function is called. */
export function watchNetwork(deps: { interfaces: Interfaces; clock: Clock }, onChange: (change: NetworkChange) => void): () => void {
  let seen = fingerprint(deps.interfaces());
  let cancel = (): void => undefined;

  const plan = (): void => {
    const plannedAt = deps.clock.now();
    cancel = deps.clock.after(NETWORK_LOOK_MS, () => {
      look(deps.clock.now() - plannedAt);
      plan();
    });
  };

  function look(elapsedMs: number): void {
    const now = fingerprint(deps.interfaces());
    const moved = now !== seen;
    seen = now;
    if (moved) onChange("addresses");
    else if (elapsedMs > NETWORK_LOOK_MS + SLEEP_GAP_MS) onChange("woke");
  }

  plan();
  return () => cancel();
}

/** The addresses that other machines could use; IPv6 privacy addresses come and go without harm, but a new one is worth telling too. */
const fingerprint = (interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string =>
  Object.entries(interfaces)
    .filter(([name]) => !isVirtualInterface(name))
    .flatMap(([name, infos = []]) => infos.filter(({ internal }) => !internal).map(({ cidr }) => `${name} ${cidr}`))
    .toSorted()
    .join();
