/** Waits for room on the disk before the demo begins what daemons would refuse on a full one. docs/decisions/0139-room-on-the-disk.md */
import { FREE_SPACE_FLOOR_BYTES } from "../contract/limits.ts";

const LOOK_MS = 1_000;
/** Longest wait; then it is tried all the same, and its error says what is missing. */
const WAIT_MS = 10 * 60_000;

/** What the wait needs. */
export interface RoomDeps {
  /** Free bytes where the daemons' stores lie. */
  freeBytes(): number;
  pause(ms: number): Promise<void>;
  /** Told once, where there is no room. */
  note(text: string): void;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** Resolves at once where there is room, and else when there is, after ten minutes, or when the signal aborts. */
export async function waitForRoom({ freeBytes, pause, note, signal }: RoomDeps): Promise<void> {
  const isFull = (): boolean => freeBytes() < FREE_SPACE_FLOOR_BYTES;
  if (!isFull()) return;
  note("waits: the disk is nearly full, so no new work is taken; free some space");
  for (let waited = 0; waited < WAIT_MS && !signal.aborted && isFull(); waited += LOOK_MS) await pause(LOOK_MS);
}
