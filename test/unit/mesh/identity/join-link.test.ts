import { describe, expect, it } from "vitest";
import { createJoinLink, isJoinLink, parseJoinTarget } from "../../../../mesh/identity/join-link.ts";

const ROOT = "r".repeat(43);
const PIN = "p".repeat(43);
const ORG = `org_${"a".repeat(26)}`;
const baseUrl = "https://gaggle.harbour.example";
const code = (name: string) => expect.objectContaining({ code: name });

describe("a join link", () => {
  it("says where to join and whom to trust", () => {
    const link = createJoinLink({ baseUrl, org: ORG, rootFingerprint: ROOT, tlsPin: PIN });
    expect(parseJoinTarget(`  ${link}\n`)).toEqual({ baseUrl, org: ORG, rootFingerprint: ROOT, tlsPin: PIN });
  });

  it("can be an address with the root's fingerprint beside it", () => {
    expect(parseJoinTarget(`${baseUrl}/`, { root: ROOT, pin: PIN })).toEqual({ baseUrl, rootFingerprint: ROOT, tlsPin: PIN });
  });

  it("is no use without a fingerprint, nor with two", () => {
    expect(() => parseJoinTarget(baseUrl)).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining("--root") }),
    );
    const link = createJoinLink({ baseUrl, org: ORG, rootFingerprint: ROOT });
    expect(() => parseJoinTarget(link, { root: "s".repeat(43) })).toThrow(code("INVITATION_INVALID"));
    expect(() => parseJoinTarget(baseUrl, { root: "short" })).toThrow(code("INVALID_INPUT"));
  });

  it("never leads to plain HTTP on another machine, to a path, or to a user's name in the address", () => {
    for (const bad of ["http://10.0.0.1", "https://a.example/x", "https://user@a.example", "ftp://a.example", "nonsense"])
      expect(() => parseJoinTarget(bad, { root: ROOT }), bad).toThrow(code("INVITATION_INVALID"));
    expect(() => createJoinLink({ baseUrl: "http://10.0.0.1", org: ORG, rootFingerprint: ROOT })).toThrow(code("INVITATION_INVALID"));
  });

  it("tells an invitation from a link, and a damaged one from both", () => {
    const invitation = Buffer.from(JSON.stringify({ v: 1, jws: "a.b.c", rootFingerprint: ROOT })).toString("base64url");
    expect(() => parseJoinTarget(`${baseUrl}/join#${invitation}`)).toThrow("without --sign-in");
    expect(isJoinLink(`${baseUrl}/join#${invitation}`)).toBe(false);
    expect(isJoinLink(createJoinLink({ baseUrl, org: ORG, rootFingerprint: ROOT }))).toBe(true);
    for (const damaged of ["", "e30", "%%%", Buffer.from(JSON.stringify({ v: 2 })).toString("base64url")])
      expect(() => parseJoinTarget(`${baseUrl}/join#${damaged}`)).toThrow("damaged");
  });
});
