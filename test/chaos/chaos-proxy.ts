/**
 * Stands between daemons that are real, on loopback: carries their connections, and breaks them as networks do. A connection begins with a line that says
 * who calls and which port is meant; all that follows is the daemons' own, encrypted by Noise. What is cut in the middle is sent again by the daemons, so
 * that frames come twice and, over an older and a newer connection, in another order.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Names of agents by the port at which they listen. */
export type Ports = ReadonlyMap<number, string>;

interface Pipe {
  readonly from: string;
  readonly to: string;
  readonly sockets: readonly [Socket, Socket];
}

/** Starts it on a free port. */
export async function startChaosProxy(ports: () => Ports) {
  const pipes = new Set<Pipe>();
  /** Directions in which nothing passes, as `from>to`. */
  const blackholes = new Set<string>();
  let delayMs = 0;

  const way = (from: string, to: string): string => `${from}>${to}`;

  /** Hands on bytes in order, late, and not at all while the direction is cut: TCP would send them again later, so they wait. */
  const carry = (source: Socket, sink: Socket, direction: string): void => {
    let last = Promise.resolve();
    const pass = async (chunk: Buffer): Promise<void> => {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      while (blackholes.has(direction) && !source.destroyed) await new Promise((resolve) => setTimeout(resolve, 50));
      if (!sink.destroyed) sink.write(chunk);
    };
    source.on("data", (chunk: Buffer) => {
      source.pause();
      last = last.then(() => pass(chunk)).then(() => void source.resume());
    });
    source.on("close", () => void last.then(() => sink.destroy()));
    source.on("error", () => sink.destroy());
  };

  const open = (caller: Socket, from: string, port: number, rest: Buffer): void => {
    const to = ports().get(port) ?? `port ${port}`;
    if (blackholes.has(way(from, to)) || blackholes.has(way(to, from))) {
      caller.destroy();
      return;
    }
    const callee = connect({ host: "127.0.0.1", port });
    const pipe: Pipe = { from, to, sockets: [caller, callee] };
    pipes.add(pipe);
    callee.on("close", () => pipes.delete(pipe));
    if (rest.length > 0) callee.write(rest);
    carry(caller, callee, way(from, to));
    carry(callee, caller, way(to, from));
  };

  const server = createServer((caller) => {
    let head = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(10);
      if (end < 0) return;
      caller.off("data", read);
      const [from = "", port = "0"] = head.subarray(0, end).toString().split(" ");
      open(caller, from, Number(port), head.subarray(end + 1));
    };
    caller.on("data", read);
    caller.on("error", () => caller.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    /** Nothing passes from one to the other; the connection looks open. */
    blackhole: (from: string, to: string): void => void blackholes.add(way(from, to)),
    heal: (from: string, to: string): void => void blackholes.delete(way(from, to)),
    /** Ends connections between two in the middle of whatever they say. */
    cut(a: string, b: string): void {
      for (const { from, to, sockets } of pipes)
        if ((from === a && to === b) || (from === b && to === a)) for (const socket of sockets) socket.destroy();
    },
    delay(ms: number): void {
      delayMs = ms;
    },
    calm(): void {
      blackholes.clear();
      delayMs = 0;
    },
    close(): void {
      for (const { sockets } of pipes) for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
/** The proxy. */
export type ChaosProxy = Awaited<ReturnType<typeof startChaosProxy>>;
