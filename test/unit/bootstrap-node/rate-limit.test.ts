import { describe, expect, it } from "vitest";
import { createRateLimit } from "../../../bootstrap-node/rate-limit.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const busy = expect.objectContaining({ code: "BUSY" });

describe("the rate limit", () => {
  it("counts each source for itself and begins anew each minute", () => {
    const clock = createVirtualClock();
    const limit = createRateLimit({ clock }, { perMinute: 2 });
    limit.take("a");
    limit.take("a");
    expect(() => limit.take("a")).toThrow(busy);
    limit.take("b");
    clock.jump(60_000);
    limit.take("a");
  });

  it("counts on where the clock was set back", () => {
    const clock = createVirtualClock();
    const limit = createRateLimit({ clock }, { perMinute: 1 });
    limit.take("a");
    clock.jump(-3_600_000);
    limit.take("a");
    expect(() => limit.take("a")).toThrow(busy);
  });

  it("gives made-up sources one count together once there are too many", () => {
    const limit = createRateLimit({ clock: createVirtualClock() }, { perMinute: 5 });
    for (let i = 0; i < 10_000; i++) limit.take(`source ${i}`);
    for (let i = 0; i < 5; i++) limit.take(`late ${i}`);
    expect(() => limit.take("one more")).toThrow(busy);
    limit.take("source 0");
  });
});
