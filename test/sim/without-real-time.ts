/** Takes the machine's time, timers and randomness away while a simulation runs, so that whatever uses them is found at once. */

const forbidden = (name: string) => (): never => {
  throw new Error(`${name} was used in a simulation: take it from the ports, or one seed is no longer one history`);
};

/** Runs `work`, which may not use the real time, timers or randomness of this process. */
export async function withoutRealTime<T>(work: () => Promise<T>): Promise<T> {
  const { setTimeout, setInterval, setImmediate } = globalThis;
  const [now, random, uuid, fill] = [Date.now, Math.random, crypto.randomUUID, crypto.getRandomValues];
  Object.assign(globalThis, {
    setTimeout: forbidden("setTimeout"),
    setInterval: forbidden("setInterval"),
    setImmediate: forbidden("setImmediate"),
  });
  Date.now = forbidden("Date.now");
  Math.random = forbidden("Math.random");
  crypto.randomUUID = forbidden("crypto.randomUUID");
  crypto.getRandomValues = forbidden("crypto.getRandomValues");
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate });
    [Date.now, Math.random, crypto.randomUUID, crypto.getRandomValues] = [now, random, uuid, fill];
  }
}
