/**
 * Tells the main thread when a worker thread may be ended. The model's runtime is native code: ended within a call of it, the thread can't tell
 * JavaScript its result any more, throws where nobody catches, and takes the whole process with it (SIGABRT).
 */

/** Shared by both threads; all zeros while the worker is outside and may go in. */
export type NativeGate = Int32Array<SharedArrayBuffer>;

const INSIDE = 1;
const SHUT = 2;

/** A gate that is open, with nobody inside. */
export const createNativeGate = (): NativeGate => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** The worker's side: runs one call of native code at a time. Where the gate was shut the thread is about to be ended, and the promise never settles. */
export async function inside<T>(gate: NativeGate, call: () => Promise<T>): Promise<T> {
  if (Atomics.compareExchange(gate, 0, 0, INSIDE) !== 0) return new Promise(() => undefined);
  try {
    return await call();
  } finally {
    Atomics.and(gate, 0, SHUT);
    Atomics.notify(gate, 0);
  }
}

/**
 * The main thread's side: shuts the gate for good. Resolves once the worker is outside, or after `longestMs`: a thread that hangs must end too.
 * The caller keeps the event loop alive meanwhile, since this does not.
 */
export async function shut(gate: NativeGate, longestMs: number): Promise<void> {
  const before = Atomics.or(gate, 0, SHUT);
  if ((before & INSIDE) !== 0) await Atomics.waitAsync(gate, 0, INSIDE | SHUT, longestMs).value;
}
