import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";

const detector = createDetector({ ignore: ["DATE"] });
const found = (text: string): string[] =>
  detector.detect(text).map((finding) => `${finding.label} ${text.slice(finding.start, finding.end)}`);
/** Keys are put together here, so that no scanner takes this file for a leak. */
const key = (...parts: string[]): string => parts.join("");
const LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG";

describe("e-mail", () => {
  it.each([
    ["Write to ada@example.org.", "EMAIL ada@example.org"],
    ["<ada.lovelace+x@mail.example.co.uk>", "EMAIL ada.lovelace+x@mail.example.co.uk"],
    ["mailto:jörg.müller@köln.example", "EMAIL jörg.müller@köln.example"],
    ["'o'brien@example.ie'", "EMAIL o'brien@example.ie"],
    ["发邮件到bob@example.com谢谢", "EMAIL bob@example.com"],
    ["?user=bob%40example.com&x=1", "EMAIL bob%40example.com"],
    ["ada&#64;example.org", "EMAIL ada&#64;example.org"],
    ["ADA@EXAMPLE.ORG", "EMAIL ADA@EXAMPLE.ORG"],
    ["ada＠example.org", "EMAIL ada＠example.org"],
    ["a\u200bda@exam\u00adple.org", "EMAIL a\u200bda@exam\u00adple.org"],
  ])("is found in %j", (text, expected) => expect(found(text)).toEqual([expected]));

  it.each(["npm i left-pad@1.3.0", "@app.route('/x')", "git@github.com:acme/mesh.git", "user@localhost", "@@@@"])(
    "is not seen in %j",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("JSON escapes", () => {
  it.each([
    [String.raw`{"e":"a\u0040b.example"}`, String.raw`EMAIL a\u0040b.example`],
    [String.raw`{"x":"{\"e\":\"a\\u0040b.example\"}"}`, String.raw`EMAIL a\\u0040b.example`],
    [String.raw`"\u005cu0040" "a\u005cu0040b.example"`, String.raw`EMAIL a\u005cu0040b.example`],
    [String.raw`"\"bob\\\u0075\u0030\u0030\u0034\u0030b.example\""`, String.raw`EMAIL bob\\\u0075\u0030\u0030\u0034\u0030b.example`],
    [String.raw`{"e":"\nbob@b.example"}`, "EMAIL bob@b.example"],
    [String.raw`"{\"a\":\"{\\\"e\\\":\\\"\\\\u0062ob@b.example\\\"}\"}"`, String.raw`EMAIL \\\\u0062ob@b.example`],
    [String.raw`"\u0044\u0045\u0038\u0039 3704 0044 0532 0130 00"`, String.raw`IBAN \u0044\u0045\u0038\u0039 3704 0044 0532 0130 00`],
  ])("do not hide a value in %s", (text, expected) => expect(found(text)).toEqual([expected]));

  it("are refused when they nest too deeply to be read", () => {
    expect(found(`\\${"u005c".repeat(30)}u0061da@b.example`)).toHaveLength(1);
    expect(() => found(`\\${"u005c".repeat(50)}u0061da@b.example`)).toThrow(expect.objectContaining({ code: "GUARD_REFUSED" }));
  });

  it("give the decoded value", () => {
    expect(detector.detect(String.raw`{"e":"a\u0040b.example"}`)[0]?.value).toBe("a@b.example");
  });

  it("are never cut in two", () => {
    const text = String.raw`{"password":"x\u0041bcdefgh1234567"}`;
    const [finding] = detector.detect(text);
    const replaced = `${text.slice(0, finding?.start)}T${text.slice(finding?.end)}`;
    expect(JSON.parse(replaced)).toEqual({ password: "T" });
  });
});

describe("what a reader sees", () => {
  it.each([
    ["figures of another script", "+٤٩ ٣٠ ٩٠١٨٢٠", "PHONE +٤٩ ٣٠ ٩٠١٨٢٠"],
    ["mathematical letters", "DE𝟪𝟫370400440532013000", "IBAN DE𝟪𝟫370400440532013000"],
    ["variation selectors", "a\ufe0fda@exam\ufe0fple.org", "EMAIL a\ufe0fda@exam\ufe0fple.org"],
    ["joiners and tags", "41\u034f11 1111\u{e0020} 1111 1111", "CARD 41\u034f11 1111\u{e0020} 1111 1111"],
    ["a line separator", "DE89 3704\u20280044 0532 0130 00", "IBAN DE89 3704\u20280044 0532 0130 00"],
    ["text without word spaces", "卡号4111111111111111谢谢", "CARD 4111111111111111"],
    ["text without word spaces, before a plus", "电话+4930901820。", "PHONE +4930901820"],
    ["Markdown emphasis", "_536-90-4399_", "NATIONAL_ID 536-90-4399"],
    ["strong Markdown emphasis", "__4111111111111111__", "CARD 4111111111111111"],
    ["Markdown escapes", String.raw`ada\_lovelace@example.org`, String.raw`EMAIL ada\_lovelace@example.org`],
    ["a phone number in a URL", "https://x.example/?tel=%2B4930901820&b=1", "PHONE %2B4930901820"],
    ["an account number in a URL", "?iban=DE89%203704%200044%200532%200130%2000", "IBAN DE89%203704%200044%200532%200130%2000"],
    ["an account number in a form", "iban=DE89+3704+0044+0532+0130+00", "IBAN DE89+3704+0044+0532+0130+00"],
    ["HTML entities", "&#43;49&nbsp;30&#xa0;901820", "PHONE &#43;49&nbsp;30&#xa0;901820"],
    ["a broken line", "DE89 3704 0044\n0532 0130 00", "IBAN DE89 3704 0044\n0532 0130 00"],
    ["a broken line of an indented text", "DE89 3704 0044\r\n  0532 0130 00", "IBAN DE89 3704 0044\r\n  0532 0130 00"],
  ])("counts: %s", (_what, text, expected) => expect(found(text)).toEqual([expected]));

  it("is the value, but for what a URL encodes, which must fit into the URL again", () => {
    expect(detector.detect("?mail=ada%40example.org")[0]?.value).toBe("ada%40example.org");
    expect(detector.detect("postgres://ada:p%2Bss@db/x")[0]?.value).toBe("ada:p%2Bss");
    expect(detector.detect("&#43;49&nbsp;30&#xa0;901820")[0]?.value).toBe("+49 30 901820");
  });

  it.each(["user_4111111111111111_file", "x4111111111111111", "50%20 of 4930901820", "Müller_536-90-4399"])(
    "is not taken apart: %s",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("numbers of accounts and cards", () => {
  it.each([
    ["DE89370400440532013000", "IBAN DE89370400440532013000"],
    ["iban de89 3704 0044 0532 0130 00 and more", "IBAN de89 3704 0044 0532 0130 00"],
    ["IBANGB29NWBK60161331926819", "IBAN GB29NWBK60161331926819"],
    ["MT84MALT011000012345MTLCAST001S", "IBAN MT84MALT011000012345MTLCAST001S"],
    ["card 4111 1111 1111 1111 2026", "CARD 4111 1111 1111 1111"],
    ["5555-5555-5555-4444", "CARD 5555-5555-5555-4444"],
    ['{"card":378282246310005}', "CARD 378282246310005"],
    ['{"n":4.111111111111111e15}', "CARD 4.111111111111111e15"],
    ['{"n":4111111111111111.0}', "CARD 4111111111111111"],
  ])("are found in %j", (text, expected) => expect(found(text)).toEqual([expected]));

  it.each(["DE89370400440532013001", "4111 1111 1111 1112", "0000 0000 0000 0000", "1234567890123456"])(
    "need their check digits: %s",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("phone numbers", () => {
  it.each([
    ["+49 171 2345678", "+49 171 2345678"],
    ["Tel. +44 (0)20 7946 0958 today", "+44 (0)20 7946 0958"],
    ["+1 (212) 555-0147", "+1 (212) 555-0147"],
    ["(415) 555-0134", "(415) 555-0134"],
    ["0033 6 12 34 56 78", "0033 6 12 34 56 78"],
    ['{"phone":"0171 2345678"}', "0171 2345678"],
    ['{"mobilePhone":"01712345678"}', "01712345678"],
    ['{"phones":["0171 2345678"]}', "0171 2345678"],
    ["name,phone\nAda,0171 2345678", "0171 2345678"],
    ["| name | phone |\n| Ada | 0171 2345678 |", "0171 2345678"],
    ["<phone>0171 2345678</phone>", "0171 2345678"],
    ["call her on 020 7946 0958 please", "020 7946 0958"],
  ])("are found in %j", (text, expected) => expect(found(text)).toEqual([`PHONE ${expected}`]));

  it.each(["Ref 0171 2345678", '{"phone":"see card","amount":12345678}', "phone,amount\n,55512345", "+1500000 EUR"])(
    "are not seen in %j",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("national ids", () => {
  it.each([
    ["US", "536-90-4399"],
    ["ES DNI", "12345678Z"],
    ["ES NIE", "X1234567L"],
    ["DE", "86095742719"],
    ["DE grouped", "86 095 742 719"],
    ["FR", "2 69 05 49 588 157 80"],
    ["SE", "811228-9874"],
    ["GB", "AB 12 34 56 C"],
    ["IT", "RSSMRA85T10A562S"],
    ["PL", "44051401359"],
    ["BE", "85.07.30-033.28"],
    ["CH", "756.9217.0769.85"],
    ["FI", "131052-308T"],
    ["NO", "01010750160"],
    ["BR", "390.533.447-05"],
    ["CN", "11010519491231002X"],
    ["CZ", "710319/2745"],
    ["IN", "2341 2341 2346"],
  ])("%s stands on its own", (_country, id) => expect(found(`The number ${id} is hers.`)).toEqual([`NATIONAL_ID ${id}`]));

  it.each([
    ["NL", "BSN: 111222333", "111222333"],
    ["NL row", "ada@example.org,111222333,1200.00", "111222333"],
    ["PT", "NIF 123456789", "123456789"],
    ["IE", "PPS number 1234567T", "1234567T"],
    ["AT", "SVNR 1237 010180", "1237 010180"],
    ["CA", "SIN 046 454 286", "046 454 286"],
    ["any", '{"national_id":"K-12 345/67"}', "K-12 345/67"],
  ])("%s needs words, a key or other data beside it", (_country, text, id) => expect(found(text)).toContain(`NATIONAL_ID ${id}`));

  it.each(["111222333", "123456789", "1234567T", "12345678A", "000-12-3456", "811228-9875", "44051401350"])("%s alone is none", (text) =>
    expect(found(text)).toEqual([]),
  );
});

describe("secrets", () => {
  it.each([
    key("sk-ant-", "api03-", LETTERS),
    key("sk-", "proj-", LETTERS),
    key("AKIA", "ABCDEFGHIJKLMNOP"),
    key("ghp_", LETTERS, "abcd"),
    key("xoxb-", "123456789012-", LETTERS),
    key("AIza", LETTERS, "abc"),
    key("sk_live_", LETTERS),
    key("hf_", LETTERS),
    key("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0", ".c2lnbmF0dXJl"),
  ])("are found: %s", (secret) => expect(found(`use ${secret} here`)).toEqual([`SECRET ${secret}`]));

  it("are found in URLs, assignments and headers", () => {
    expect(found("postgres://app:s3cret/x@db/prod")).toEqual([]);
    expect(found("postgres://app:s3cr3t@db.example/prod")).toEqual(["SECRET app:s3cr3t@db.example"]);
    expect(found('"api_key": "Zx81kQ0vTt27Lm"')).toEqual(["SECRET Zx81kQ0vTt27Lm"]);
    expect(found("Authorization: Bearer abcDEF123456ghiJKL7890")).toEqual(["SECRET abcDEF123456ghiJKL7890"]);
  });

  it("private keys are found whole, also in JSON and without their end", () => {
    const block = key("-----BEGIN ", "PRIVATE KEY-----\nMIIB\nabc=\n-----END ", "PRIVATE KEY-----");
    expect(found(`x\n${block}\ny`)).toEqual([`SECRET ${block}`]);
    const json = JSON.stringify({ key: block });
    expect(found(json)).toEqual([`SECRET ${JSON.stringify(block).slice(1, -1)}`]);
    expect(found(block.slice(0, 40))).toEqual([`SECRET ${block.slice(0, 40)}`]);
  });

  it.each([key("password: $", "{PASSWORD}"), "api_key=<your-key>", "token: string", "secret = process.env.X"])(
    "placeholders stay: %s",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("addresses and dates", () => {
  it.each([
    ["from 203.0.113.7:443", "IP 203.0.113.7"],
    ["2001:db8:0:1::17 up", "IP 2001:db8:0:1::17"],
    ["born 12 March 1985 in Rome", "BIRTH_DATE 12 March 1985"],
    ['{"birth_date":"1985-03-12","due":"2026-10-31"}', "BIRTH_DATE 1985-03-12"],
    ["Geburtsdatum: 12.03.1985", "BIRTH_DATE 12.03.1985"],
    ["name;date of birth;hired\nAda;1985-03-12;2020-01-01", "BIRTH_DATE 1985-03-12"],
  ])("are found in %j", (text, expected) => expect(found(text)).toEqual([expected]));

  it.each(["127.0.0.1", "::1", "d::e std::fade", "12:30:45", "1.2.3.4.5", "2026-10-31", "due 2026-10-31"])("%s stays", (text) =>
    expect(found(text)).toEqual([]),
  );
});

describe("spans", () => {
  it("count UTF-16 units", () => {
    const text = "👩‍👩‍👧 é\r\n ملاحظة ada@example.org 漢字";
    const [finding] = detector.detect(text);
    expect(text.slice(finding?.start, finding?.end)).toBe("ada@example.org");
  });

  it("cover every other occurrence of a found value", () => {
    expect(found("phone: 0171 2345678\nlater 0171 2345678 again")).toEqual(["PHONE 0171 2345678", "PHONE 0171 2345678"]);
  });

  it("join where they overlap", () => {
    const text = "https://ada@example.org:pw@example.org/";
    const spans = detector.detect(text);
    expect(spans).toHaveLength(1);
    expect(text.slice(0, spans[0]?.start)).toBe("https://");
  });

  it("leave out ignored classes", () => {
    expect(createDetector({ ignore: ["IP"] }).detect("203.0.113.7")).toEqual([]);
  });
});
