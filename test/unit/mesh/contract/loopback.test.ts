import { describe, expect, it } from "vitest";
import { isLoopbackHost, isTrustworthyUrl } from "../../../../mesh/contract/loopback.ts";

describe("this machine", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "[::ffff:7f00:1]",
    "localhost",
    "LOCALHOST",
  ])("is %s", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each([
    "0.0.0.0",
    "::",
    "[::]",
    "10.0.0.1",
    "128.0.0.1",
    "126.255.255.255",
    "::ffff:10.0.0.1",
    "::2",
    "64:ff9b::7f00:1",
    "127.0.0.1.evil.example",
    "127.evil.example",
    "localhost.evil.example",
    "evil.localhost",
    "localhost.",
    "[localhost]x",
    "",
  ])("is not %j", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });

  it.each(["http://127.1", "http://2130706433", "http://0x7f.0.0.1", "http://127.0.0.1.", "http://LocalHost", "http://[::ffff:127.0.0.1]"])(
    "is %s, in whatever spelling an address names it",
    (url) => {
      expect(isLoopbackHost(new URL(url).hostname)).toBe(true);
    },
  );
});

describe("an address at which nobody reads along", () => {
  it.each(["https://node.example", "https://10.0.0.1", "http://127.0.0.1:4870", "http://localhost", "http://[::1]:1"])("is %s", (url) => {
    expect(isTrustworthyUrl(new URL(url))).toBe(true);
  });

  it.each(["http://node.example", "http://0.0.0.0", "http://localhost.", "ftp://localhost", "ws://127.0.0.1", "file:///etc/passwd"])(
    "is not %s",
    (url) => {
      expect(isTrustworthyUrl(new URL(url))).toBe(false);
    },
  );
});
