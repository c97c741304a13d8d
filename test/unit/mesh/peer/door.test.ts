import { expect, test } from "vitest";
import { createDoor } from "../../../../mesh/peer/door.ts";
import { DOOR_ALL, DOOR_HOST, DOOR_KNOWN_MS, MAX_DOOR_HOSTS } from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const tries = (count: number, once: (i: number) => boolean): number =>
  Array.from({ length: count }, (_, i) => once(i)).filter(Boolean).length;

test("a host that proves nothing gets a first burst and then a few tries a second", () => {
  const clock = createVirtualClock();
  const door = createDoor({ clock });
  expect(tries(1_000, () => door.mayTry("a"))).toBe(DOOR_HOST.burst);
  clock.jump(2_000);
  expect(tries(1_000, () => door.mayTry("a"))).toBe(2 * DOOR_HOST.perSecond);
  clock.jump(-3_600_000);
  expect(door.mayTry("a")).toBe(false);
});

test("a host whose connections prove themselves is never held up, however many come", () => {
  const door = createDoor({ clock: createVirtualClock() });
  const all = tries(10_000, () => {
    const may = door.mayTry("office");
    if (may) door.proven("office");
    return may;
  });
  expect(all).toBe(10_000);
});

test("many hosts that prove nothing share a burst, and don't keep out hosts of members nor take their tokens", () => {
  const clock = createVirtualClock();
  const door = createDoor({ clock });
  door.mayTry("office");
  door.proven("office");
  expect(tries(3_000, (i) => door.mayTry(`stranger ${i % 1_000}`))).toBe(DOOR_ALL.burst);
  expect(door.mayTry("another new office")).toBe(false);
  expect(tries(DOOR_HOST.burst, () => door.mayTry("office"))).toBe(DOOR_HOST.burst);
  clock.jump(DOOR_KNOWN_MS + 1);
  expect(tries(3_000, (i) => door.mayTry(`stranger ${i % 1_000}`))).toBe(DOOR_ALL.burst);
  expect(door.mayTry("office")).toBe(false);
});

test("hosts beyond those that are told apart cost no memory", () => {
  const clock = createVirtualClock();
  const door = createDoor({ clock });
  door.mayTry("office");
  door.proven("office");
  for (let i = 0; i < 3 * MAX_DOOR_HOSTS; i++) {
    door.mayTry(`stranger ${i}`);
    clock.jump(200);
  }
  expect(tries(5, (i) => door.mayTry(`more ${i}`))).toBeGreaterThan(0);
});
