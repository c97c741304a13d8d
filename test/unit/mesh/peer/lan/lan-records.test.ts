import { describe, expect, it } from "vitest";
import {
  claimRecords,
  instanceOf,
  lanService,
  questionPackets,
  readClaims,
  readQuestion,
} from "../../../../../mesh/peer/lan/lan-records.ts";

const SERVICE = lanService("org_abcdefghijklmnopabcdefghij");
const AGENT = "12D3KooWR6eNKnDQVnTjGP8RJrmzced5x6HTu6dVnciKP33xuCyv";
const claim = { agentId: AGENT, addresses: ["/ip4/10.0.0.1/tcp/4001"] };

describe("the name of the service on the LAN", () => {
  it("differs between organisations, fits RFC 6763 and shows nothing of the organisation's id", () => {
    expect(SERVICE).toMatch(/^_gaggle-[0-9a-f]{8}\._udp\.local$/);
    expect(SERVICE).not.toBe(lanService("org_bbcdefghijklmnopabcdefghij"));
  });
});

describe("a claim", () => {
  it("comes back from its records, and its name changes with the addresses", () => {
    const heard = readClaims(SERVICE, { type: "response", ...claimRecords(SERVICE, claim) } as never);
    expect(heard).toEqual([{ instance: instanceOf(SERVICE, claim), ttlS: 4_500, claim }]);
    expect(instanceOf(SERVICE, { ...claim, addresses: [] })).not.toBe(instanceOf(SERVICE, claim));
  });

  it.each([
    ["of another service", { answers: [{ type: "PTR", name: "_ipp._tcp.local", data: "x", ttl: 1 }] }, []],
    ["without its text", { answers: [{ type: "PTR", name: SERVICE, data: "x" }] }, [{ instance: "x", ttlS: 0, claim: undefined }]],
    [
      "with a text that names no agent",
      {
        answers: [
          { type: "PTR", name: SERVICE, data: "x", ttl: 9 },
          { type: "TXT", name: "x", data: [Buffer.from("id=root")] },
        ],
      },
      [{ instance: "x", ttlS: 9, claim: undefined }],
    ],
  ])("%s is not believed", (_, packet, expected) => {
    expect(readClaims(SERVICE, { type: "response", ...packet } as never)).toEqual(expected);
  });

  it("has no more than eight addresses, whatever is said", () => {
    const data = [`id=${AGENT}`, ...Array.from({ length: 500 }, (_, port) => `a=/ip4/10.0.0.1/tcp/${port}`), `a=${"x".repeat(200)}`];
    const answers = [
      { type: "PTR", name: SERVICE, data: "x", ttl: 9 },
      { type: "TXT", name: "X", data },
    ];
    expect(readClaims(SERVICE, { type: "response", answers } as never)[0]?.claim?.addresses).toHaveLength(8);
  });
});

describe("a question", () => {
  it("with many known answers is cut into packets, of which all but the last say that more follows", () => {
    const known = Array.from({ length: 30 }, (_, index) => ({ instance: `i${index}.${SERVICE}`, ttlS: 4_000 }));
    const read = questionPackets(SERVICE, known).map((packet) => readQuestion(SERVICE, { type: "query", ...packet } as never));
    expect(read.map((one) => [one?.asks, one?.truncated, one?.known.length])).toEqual([
      [true, true, 14],
      [false, true, 14],
      [false, false, 2],
    ]);
    expect(read.flatMap((one) => one?.known ?? [])).toEqual(known);
  });

  it("about something else is none", () => {
    expect(
      readQuestion(SERVICE, { type: "query", questions: [{ type: "PTR", name: "_ipp._tcp.local" }], answers: [] } as never),
    ).toBeUndefined();
  });
});
