import { describe, expect, it } from "vitest";
import { createRequestLimits, sourceOf } from "../../../bootstrap-node/request-limits.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const limited = (retryAfterSeconds: number) => expect.objectContaining({ code: "RATE_LIMITED", details: { retryAfterSeconds } });

describe("the API's limits", () => {
  it("count each address for itself, and let it go on as time passes", () => {
    const clock = createVirtualClock();
    const limits = createRequestLimits({ clock }, { openPerMinute: 2 });
    for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) limits.ofAddress(address);
    expect(() => limits.ofAddress("192.0.2.1")).toThrow(limited(30));
    clock.jump(30_000);
    limits.ofAddress("192.0.2.1");
    expect(() => limits.ofAddress("192.0.2.1")).toThrow(limited(30));
  });

  it("count on where the clock was set back", () => {
    const clock = createVirtualClock();
    const limits = createRequestLimits({ clock }, { openPerMinute: 1 });
    limits.ofAddress("192.0.2.1");
    clock.jump(-3_600_000);
    expect(() => limits.ofAddress("192.0.2.1")).toThrow(limited(60));
  });

  it("count a network of one IPv6 host as one address", () => {
    const limits = createRequestLimits({ clock: createVirtualClock() }, { openPerMinute: 1 });
    limits.ofAddress("2001:db8:1:2::1");
    expect(() => limits.ofAddress("2001:db8:1:2:ffff:0:0:9")).toThrow(limited(60));
    limits.ofAddress("2001:db8:1:3::1");
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::1", "0:0:0:0"],
    ["2001:0db8::1", "2001:db8:0:0"],
    ["2001:db8::", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["2001:db8:a:b:c:d:e:f", "2001:db8:a:b"],
    ["no address", "no address"],
  ])("take %s for %s", (address, source) => expect(sourceOf(address)).toBe(source));

  it("give made-up addresses one count together once there are too many, and leave those known before alone", () => {
    const limits = createRequestLimits({ clock: createVirtualClock() }, { openPerMinute: 5 });
    for (let i = 0; i < 10_000; i++) limits.ofAddress(`source ${i}`);
    for (let i = 0; i < 5; i++) limits.ofAddress(`late ${i}`);
    expect(() => limits.ofAddress("one more")).toThrow(limited(12));
    limits.ofAddress("source 0");
  });

  it("give an agent 600 at once and 20 a second, wherever it calls from", () => {
    const clock = createVirtualClock();
    const limits = createRequestLimits({ clock });
    for (let i = 0; i < 600; i++) limits.ofAgent("a");
    expect(() => limits.ofAgent("a")).toThrow(limited(1));
    limits.ofAgent("b");
    clock.jump(1_000);
    for (let i = 0; i < 20; i++) limits.ofAgent("a");
    expect(() => limits.ofAgent("a")).toThrow(limited(1));
  });

  it("let an agent hand over 512 MiB of audit at once and 256 KiB a second, and count nobody else's", () => {
    const clock = createVirtualClock();
    const limits = createRequestLimits({ clock });
    for (let i = 0; i < 64; i++) limits.ofAudit("a", 8 * 1_048_576);
    expect(() => limits.ofAudit("a", 1_048_576)).toThrow(limited(4));
    limits.ofAudit("b", 8 * 1_048_576);
    clock.jump(4_000);
    limits.ofAudit("a", 1_048_576);
    expect(() => limits.ofAudit("a", 1_024)).toThrow(limited(1));
  });
});
