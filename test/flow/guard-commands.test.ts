/** `gaggle guard …` where the machine has joined: the daemon's guard and its kept map, the organisation's lists from the signed bundle. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";

const TEXT = "Pay DE89370400440532013000 for dana.okafor@example.com\r\n";

let world: DaemonWorld;
let fiona: WorldAgent;

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance" } });
  fiona = world.agent("fiona.berg");
});
afterAll(() => world?.close());

describe("gaggle guard on a machine that has joined", () => {
  it("finds the organisation's own numbers, without a daemon", async () => {
    const { code, stdout } = await fiona.gaggle(["guard", "detect", "--rules-only", "Ask E-1042 about it"]);
    expect([code, stdout]).toEqual([0, "Ask [EMPLOYEE_ID: E-1042] about it\nFound: 1 EMPLOYEE_ID.\n"]);
    expect(fiona.daemonPids()).toEqual([]);
  });

  it("masks with the daemon, whose map restores the same bytes, also after a restart, until it is forgotten", async () => {
    await fiona.start();
    const masked = await fiona.gaggle(["guard", "mask"], TEXT);
    expect(masked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Pay IBAN_\w{10} for EMAIL_\w{10}\r\n$/) });
    const [, ref = ""] = /gaggle guard restore --map (\S+)/.exec(masked.stderr) ?? [];
    expect(ref).not.toBe("");
    await fiona.stop();
    await fiona.start();
    const restored = (): Promise<unknown> => fiona.gaggle(["guard", "restore", "--map", ref], masked.stdout);
    expect(await restored()).toEqual({ code: 0, stdout: TEXT, stderr: "" });
    expect(await fiona.gaggle(["guard", "forget", "--map", ref])).toMatchObject({ code: 0 });
    expect(await restored()).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^NOT_FOUND /) });
  });

  it("restores nothing with the map of another text", async () => {
    const refs = [];
    const texts = [];
    for (const text of ["Call +49 30 901820", "Call +49 30 901821"]) {
      const { stdout } = await fiona.gaggle(["--json", "guard", "mask", text]);
      const { map, masked } = JSON.parse(stdout) as { map: string; masked: string };
      refs.push(map);
      texts.push(masked);
    }
    const [, second = ""] = refs;
    const [first = ""] = texts;
    expect((await fiona.gaggle(["guard", "restore", "--map", second, first])).stdout).toBe(first);
    const forged = second.replace(/:.*/, ":0123456789abcdef0123456789abcdef");
    expect(await fiona.gaggle(["guard", "restore", "--map", forged, first])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^GUARD_REFUSED /),
    });
  });

  it("tells what the guard did", async () => {
    const { code, stdout } = await fiona.gaggle(["--json", "guard", "stats", "--days", "7"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ total: { calls: 0 }, budgets: expect.any(Array) });
    expect((await fiona.gaggle(["guard", "stats", "--days", "100"])).code).toBe(1);
  });
});
