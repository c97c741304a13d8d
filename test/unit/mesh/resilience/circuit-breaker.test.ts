import { beforeEach, describe, expect, it } from "vitest";
import { type CircuitBreaker, createCircuitBreaker } from "../../../../mesh/resilience/circuit-breaker.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

let clock: VirtualClock;
let breaker: CircuitBreaker;
const fail = (times: number): void => {
  for (let i = 0; i < times; i += 1) breaker.attempt()?.failed();
};

beforeEach(() => {
  clock = createVirtualClock();
  breaker = createCircuitBreaker({ clock }, { failures: 3, openMs: 1_000, maxOpenMs: 3_000 });
});

describe("a circuit breaker", () => {
  it("opens after failures in a row, and not after as many with a success in between", () => {
    fail(2);
    breaker.attempt()?.succeeded();
    fail(2);
    expect(breaker.state()).toEqual({ state: "closed" });
    fail(1);
    expect(breaker.state()).toEqual({ state: "open", retryAtMs: clock.now() + 1_000 });
    expect(breaker.attempt()).toBeUndefined();
  });

  it("lets one call at a time try whether the other side is back, and closes when it is", () => {
    fail(3);
    clock.jump(1_000);
    const trial = breaker.attempt();
    expect(breaker.state().state).toBe("half-open");
    expect(breaker.attempt()).toBeUndefined();
    trial?.succeeded();
    expect(breaker.state().state).toBe("closed");
    expect(breaker.attempt()).toBeDefined();
  });

  it("waits twice as long after a failed try, up to its limit", () => {
    fail(3);
    for (const ms of [1_000, 2_000, 3_000, 3_000]) {
      expect(breaker.state().retryAtMs).toBe(clock.now() + ms);
      clock.jump(ms);
      fail(1);
    }
  });

  it("lets another call try where a try was given up", () => {
    fail(3);
    clock.jump(1_000);
    breaker.attempt()?.abandoned();
    expect(breaker.attempt()).toBeDefined();
  });

  it("counts the first word about a call only, and no call from before it opened", () => {
    const old = breaker.attempt();
    const once = breaker.attempt();
    once?.failed();
    once?.failed();
    once?.failed();
    expect(breaker.state().state).toBe("closed");
    fail(2);
    expect(breaker.state().state).toBe("open");
    old?.succeeded();
    expect(breaker.state().state).toBe("open");
  });
});
