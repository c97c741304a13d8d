import { describe, expect, it } from "vitest";
import { isForbiddenHost } from "../../../../mesh/contract/safe-address.ts";

describe("an address that nothing configured may lead to", () => {
  it.each([
    "169.254.169.254",
    "169.254.0.1",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[::]",
    "[::169.254.169.254]",
    "[::ffff:0:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fec0::1]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "192.0.0.192",
    "168.63.129.16",
    "metadata.goog",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "metadata.google.internal",
    "metadata.google.internal.",
    "METADATA",
  ])("%s is one", (host) => {
    expect(isForbiddenHost(host)).toBe(true);
    // As it comes out of an address.
    expect(isForbiddenHost(new URL(`https://${host}`).hostname)).toBe(true);
  });

  it.each(["https://2852039166", "https://0xa9fea9fe", "https://0251.0376.0251.0376", "https://169.254.43518"])(
    "%s is another spelling of one",
    (url) => {
      expect(isForbiddenHost(new URL(url).hostname)).toBe(true);
    },
  );

  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "192.168.1.1",
    "[::1]",
    "[fd12::1]",
    "[2001:db8::1]",
    "login.harbour.example",
    "localhost",
    "100.64.0.1",
  ])("%s is none", (host) => {
    expect(isForbiddenHost(host)).toBe(false);
  });
});
