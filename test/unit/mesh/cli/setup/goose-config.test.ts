import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { readSettings, setSetting } from "../../../../../mesh/cli/setup/edit-yaml.ts";
import { addToConfig, type ConfigBefore, removeFromConfig, type WantedConfig } from "../../../../../mesh/cli/setup/goose-config.ts";

const NAMES = ["mesh", "privacy-guard", "policy"];
const WANTED: WantedConfig = {
  settings: { GOOSE_PROVIDER: "privacy_guard", GOOSE_MODEL: "gpt-x" },
  extensions: Object.fromEntries(
    NAMES.map((name) => [
      name,
      {
        enabled: true,
        type: "stdio" as const,
        name,
        description: `Gaggle: ${name}`,
        cmd: "/opt/node 24/bin/node",
        args: [`/opt/gaggle/dist/extensions/${name}.js`],
        timeout: 30,
      },
    ]),
  ),
};

const add = (text: string, earlier?: ConfigBefore): { text: string; before: ConfigBefore } =>
  addToConfig(text, "config.yaml", WANTED, earlier);
const remove = (text: string, before: ConfigBefore | undefined): string => removeFromConfig(text, "config.yaml", NAMES, before);

/** Setup, then remove. */
function roundTrip(text: string): string {
  const added = add(text);
  expect(readSettings(added.text, "config.yaml")).toMatchObject({ ...WANTED.settings, extensions: WANTED.extensions });
  return remove(added.text, added.before);
}

const USER_CONFIG = `# Ada's Goose, do not touch
GOOSE_PROVIDER: openai   # until the contract ends

GOOSE_MODE:   smart_approve
extensions:
    # the one for files
    developer:
        enabled: true   # always
        type: builtin
        name: developer
    notes: {enabled: false, type: stdio, name: notes, cmd: notes, args: []}
    # more to come
# the end
GOOSE_MODEL: "gpt-4o"
slash_commands:
- command: x
  recipe_path: '/a b/c.yaml'
`;

describe("a configuration with comments and a style of its own", () => {
  it("keeps every line of the user's, in order, byte for byte, where nothing was to change", () => {
    const { text } = add(USER_CONFIG);
    const lines = text.split("\n");
    const kept = USER_CONFIG.replace(/openai {3}/, "privacy_guard   ")
      .replace('"gpt-4o"', "gpt-x")
      .split("\n");
    expect(lines.filter((line) => kept.includes(line))).toEqual(kept);
    expect(text).toContain("    mesh:\n      enabled: true\n");
  });

  it("is the same again after remove", () => {
    expect(roundTrip(USER_CONFIG)).toBe(USER_CONFIG.replace('"gpt-4o"', "gpt-4o"));
  });

  it("does not change when set up again", () => {
    const first = add(USER_CONFIG);
    const second = add(first.text, first.before);
    expect(second).toEqual(first);
  });
});

describe.each([
  ["nothing", ""],
  ["comments only", "# nothing here\n"],
  ["no newline at the end", "GOOSE_MODE: auto"],
  ["an empty list of extensions", "GOOSE_MODE: auto\nextensions: {}\n"],
  ["extensions with nothing behind", "extensions:   # later\nGOOSE_MODE: auto\n"],
  ["flow style at the top", '{GOOSE_MODE: auto, "GOOSE_MODEL": m}\n'],
  ["flow style of extensions", "extensions: {a: {enabled: true}}\nGOOSE_MODE: auto\n"],
  ["Windows line ends", "GOOSE_MODE: auto\r\nextensions:\r\n  a:\r\n    enabled: true\r\n"],
  ["an end mark", "GOOSE_MODE: auto\n...\n"],
  ["a start mark", "---\nGOOSE_MODE: auto\n"],
  ["an empty provider", "GOOSE_PROVIDER:\nGOOSE_MODEL: ''\n"],
  ["anchors", "base: &base {enabled: true}\nextensions:\n  a: *base\n  b:\n    <<: *base\n    cmd: x\n"],
  [
    "an extension of the same name",
    "extensions:\n  policy:\n    enabled: true\n    type: stdio\n    cmd: my-policy\n    args: []\n  z: {}\n",
  ],
  ["block texts", "note: |\n  one\n  two\n\nextensions:\n  a:\n    description: >-\n      folded\n      text\n"],
  ["a list at its key's column", "slash_commands:\n- command: a\n- command: b\n"],
])("a configuration with %s", (_name, text) => {
  it("says the same after setup and remove as before", () => {
    expect(parse(roundTrip(text)) ?? {}).toEqual(parse(text) ?? {});
  });

  it("keeps its comments", () => {
    const comments = text.match(/#.*$/gm) ?? [];
    for (const comment of comments) expect(roundTrip(text)).toContain(comment);
  });
});

/** Configurations as people and programs write them: block and flow, comments, quotes, any indent. */
const key = fc.constantFrom("GOOSE_PROVIDER", "GOOSE_MODEL", "GOOSE_MODE", "plugins", "a key", "x-1", "äö", "active_provider");
const scalar = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("no", "0x1", "~", "a: b", "# c"),
);
const entry = fc.dictionary(
  fc.constantFrom("enabled", "type", "cmd", "args", "description"),
  fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
);
const extensionNames = fc.constantFrom("developer", "mesh", "policy", "memory", "my ext");
const settings = fc
  .tuple(fc.dictionary(key, fc.oneof(scalar, entry)), fc.option(fc.dictionary(extensionNames, entry), { nil: undefined }))
  .map(([top, extensions]) => (extensions === undefined ? top : { ...top, extensions }));
const style = fc.record({
  indent: fc.constantFrom(2, 3, 4),
  flow: fc.boolean(),
  crlf: fc.boolean(),
  comments: fc.boolean(),
  newline: fc.boolean(),
  indentSeq: fc.boolean(),
});

function write(
  value: object,
  how: { indent: number; flow: boolean; crlf: boolean; comments: boolean; newline: boolean; indentSeq: boolean },
): string {
  const text = stringify(value, {
    indent: how.indent,
    indentSeq: how.indentSeq,
    lineWidth: 0,
    collectionStyle: how.flow ? "flow" : "any",
  });
  const commented = how.comments && !how.flow ? text.replaceAll(/^(?=[a-zA-Z])/gm, "# about the next\n") : text;
  const ended = how.newline ? commented : commented.trimEnd();
  return how.crlf ? ended.replaceAll("\n", "\r\n") : ended;
}

describe("any configuration", () => {
  it("says the same after setup and remove as before, with every comment", () => {
    fc.assert(
      fc.property(settings, style, (value, how) => {
        const text = write(value, how);
        const back = roundTrip(text);
        expect(parse(back) ?? {}).toEqual(parse(text) ?? {});
        expect(back.match(/# about the next/g)?.length).toBe(text.match(/# about the next/g)?.length);
      }),
      { numRuns: 100 },
    );
  });

  it("in block style without our keys is the same text after setup and remove", () => {
    const others = settings.map(({ GOOSE_PROVIDER: _p, GOOSE_MODEL: _m, ...rest }: Record<string, unknown>) => {
      const extensions = rest["extensions"] as Record<string, unknown> | undefined;
      const { mesh: _mesh, policy: _policy, ...kept } = extensions ?? {};
      return extensions === undefined ? rest : { ...rest, extensions: { developer: { enabled: true }, ...kept } };
    });
    fc.assert(
      fc.property(others, style, (value, how) => {
        const text = write(value, { ...how, flow: false, newline: true });
        if (text.trim() === "{}") return;
        expect(roundTrip(text)).toBe(text);
      }),
      { numRuns: 100 },
    );
  });
});

describe("after Goose or the user changed the file", () => {
  it("remove keeps their changes and takes ours out", () => {
    const { text, before } = add(USER_CONFIG);
    const rewritten = stringify({ plugins: { gaggle: { enabled: true } }, ...(parse(text) as object), active_provider: "privacy_guard" });
    const left = parse(remove(rewritten, before)) as Record<string, unknown>;
    expect(left).toEqual({ plugins: { gaggle: { enabled: true } }, active_provider: "privacy_guard", ...(parse(USER_CONFIG) as object) });
  });

  it("remove leaves a provider alone that the user chose since", () => {
    const { text, before } = add(USER_CONFIG);
    const changed = setSetting(text, "config.yaml", ["GOOSE_PROVIDER"], "ollama");
    expect(parse(remove(changed, before))).toMatchObject({ GOOSE_PROVIDER: "ollama", GOOSE_MODEL: "gpt-4o" });
  });

  it("setup again remembers what the user chose since", () => {
    const { text, before } = add(USER_CONFIG);
    const again = add(setSetting(text, "config.yaml", ["GOOSE_PROVIDER"], "ollama"), before);
    expect(again.before.settings["GOOSE_PROVIDER"]).toEqual({ had: "ollama", wrote: "privacy_guard" });
    expect(again.before.settings["GOOSE_MODEL"]).toEqual({ had: "gpt-4o", wrote: "gpt-x" });
  });

  it("remove works without the record", () => {
    const left = parse(remove(add("GOOSE_MODE: auto\n").text, undefined)) as Record<string, unknown>;
    expect(left["GOOSE_PROVIDER"]).toBeUndefined();
    expect(left["extensions"] ?? {}).toEqual({});
  });
});

describe("a file that is not valid", () => {
  it.each([
    ["a tab as indent", "a:\n\tb: 1\n", 2],
    ["an open quote", 'a: 1\nb: "x\n', 3],
    ["the same key twice", "a: 1\nb: 2\na: 3\n", 3],
    ["two documents", "a: 1\n---\nb: 2\n", 2],
    ["a list at the top", "- a\n", 1],
  ])("such as %s is refused with its line, and its text is not quoted", (_name, text, line) => {
    expect(() => add(text)).toThrow(expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(`line ${line}`) }));
  });
});
