import { describe, expect, it } from "vitest";
import { createStandingBook } from "../../../../mesh/agent/node-standing.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";

const away = new GaggleError("PEER_UNREACHABLE", "Not there.");
const revoked = new GaggleError("REVOKED", "Revoked.");

describe("how an agent stands with the bootstrap node", () => {
  it("is unknown before the first answer, and not a failure", () => {
    expect(createStandingBook().now()).toEqual({ asked: false, reachable: false });
  });

  it("is news when the node answers for the first time, and again after it was away", () => {
    const book = createStandingBook();
    expect([book.answered(), book.answered()]).toEqual([true, false]);
    book.failed(away);
    expect(book.now()).toEqual({ asked: true, reachable: false });
    expect(book.answered()).toBe(true);
  });

  it.each(["REVOKED", "NOT_A_MEMBER", "SIGN_IN_NEEDED"] as const)(
    "a refusal with %s is an answer, until it takes the member again",
    (code) => {
      const book = createStandingBook();
      book.answered();
      book.failed(new GaggleError(code, "No."));
      expect(book.now()).toEqual({ asked: true, reachable: true, refused: code });
      expect(book.answered()).toBe(true);
      expect(book.now()).toEqual({ asked: true, reachable: true });
    },
  );

  it("a failure of another job says only whether this member is refused", () => {
    const book = createStandingBook();
    book.answered();
    expect([book.refused(away), book.refused(new Error("other"))]).toEqual([false, false]);
    expect(book.now()).toEqual({ asked: true, reachable: true });
    expect(book.refused(revoked)).toBe(true);
    expect(book.now().refused).toBe("REVOKED");
  });

  it("a node that can't be reached any more no longer counts as refusing", () => {
    const book = createStandingBook();
    book.failed(revoked);
    book.failed(away);
    expect(book.now()).toEqual({ asked: true, reachable: false });
  });
});
