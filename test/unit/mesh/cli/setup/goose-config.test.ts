import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { readSettings, setSetting } from "../../../../../mesh/cli/setup/edit-yaml.ts";
import {
  addToConfig,
  type ConfigBefore,
  providerOf,
  removeFromConfig,
  type WantedConfig,
} from "../../../../../mesh/cli/setup/goose-config.ts";

const NAMES = ["mesh", "privacy-guard", "policy"];
const WANTED: WantedConfig = {
  model: "gpt-x",
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
const remove = (text: string, before: ConfigBefore | undefined): string =>
  removeFromConfig(text, "config.yaml", { extensions: NAMES, isPlugin: (path) => path === "/p/gaggle" }, before);

/** Setup, then remove. */
function roundTrip(text: string): string {
  const added = add(text);
  const settings = readSettings(added.text, "config.yaml");
  expect(providerOf(settings)).toBe("privacy_guard");
  expect(settings).toMatchObject({ extensions: WANTED.extensions });
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

/** What a text says; a map with nothing in it says the same as nothing. */
const said = (text: string): object => {
  const settings = (parse(text) ?? {}) as Record<string, unknown>;
  return { ...settings, ...(settings["extensions"] === null ? { extensions: {} } : {}) };
};

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
    expect(said(roundTrip(text))).toEqual(said(text));
  });

  it("keeps its comments", () => {
    const comments = text.match(/#.*$/gm) ?? [];
    for (const comment of comments) expect(roundTrip(text)).toContain(comment);
  });
});

describe("a configuration that can't be changed without loss", () => {
  it.each([
    ["extensions that an alias names", "all: &all\n  a: {enabled: true}\nextensions: *all\n", "extensions"],
    ["extensions that are a list", "extensions:\n  - a\n", "extensions"],
    ["extensions that are a text", "extensions: a\n", "extensions"],
    ["a model that an alias elsewhere repeats", "GOOSE_MODEL: &m secret\nother: *m\n", "GOOSE_MODEL"],
    ["an extension that an alias elsewhere repeats", "extensions:\n  mesh: &m {cmd: secret}\n  b: *m\n", "extensions.mesh"],
  ])("is refused with the setting to mend: %s", (_name, text, setting) => {
    expect(() => add(text)).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(`${setting} in config.yaml`) as unknown }),
    );
    expect(() => add(text)).not.toThrow(/secret/);
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
        expect(said(back)).toEqual(said(text));
        expect(back.match(/# about the next/g)?.length).toBe(text.match(/# about the next/g)?.length);
      }),
      { numRuns: 100 },
    );
  });

  it("in block style without our keys is the same text after setup and remove", () => {
    const others = settings.map(({ GOOSE_PROVIDER: _p, GOOSE_MODEL: _m, active_provider: _a, ...rest }: Record<string, unknown>) => {
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

/** What Goose 1.52 makes of a file at its first run: comments gone, provider moved, platform extensions and plugins listed. */
function rewrittenByGoose(text: string): string {
  const { GOOSE_PROVIDER: provider, GOOSE_MODEL: model, extensions, ...rest } = parse(text) as Record<string, unknown>;
  return stringify({
    ...rest,
    extensions: { ...(extensions as object), todo: { enabled: false, type: "platform", name: "todo" } },
    providers: { [String(provider)]: { enabled: true, model, configured: true } },
    active_provider: provider,
    plugins: { "/p/gaggle": { enabled: true } },
  });
}

describe("after Goose rewrote the file", () => {
  it("remove puts the user's provider and model back and keeps what Goose added for itself", () => {
    const { text, before } = add(USER_CONFIG);
    const left = parse(remove(rewrittenByGoose(text), before)) as Record<string, unknown>;
    const user = parse(USER_CONFIG) as { extensions: object };
    expect(left).toEqual({ ...user, extensions: { ...user.extensions, todo: { enabled: false, type: "platform", name: "todo" } } });
  });

  it("setup again changes nothing and forgets nothing", () => {
    const { text, before } = add(USER_CONFIG);
    const rewritten = rewrittenByGoose(text);
    expect(add(rewritten, before)).toEqual({ text: rewritten, before });
  });

  it("a first setup changes the provider where Goose now reads it, and remove puts it back", () => {
    const moved = rewrittenByGoose(USER_CONFIG);
    const { text, before } = add(moved);
    expect(parse(text)).toMatchObject({ active_provider: "privacy_guard", providers: { openai: {}, privacy_guard: { model: "gpt-x" } } });
    expect(parse(text)).not.toHaveProperty("GOOSE_PROVIDER");
    expect(parse(remove(text, before))).toEqual({ ...(parse(moved) as object), plugins: {} });
  });

  it("a provider left in the old place does not win over the guard", () => {
    const { text } = add(`${rewrittenByGoose(USER_CONFIG)}GOOSE_PROVIDER: openai\n`);
    expect(parse(text)).toMatchObject({ active_provider: "privacy_guard", GOOSE_PROVIDER: "privacy_guard" });
  });
});

describe("after the user changed the file", () => {
  it.each([["GOOSE_PROVIDER"], ["active_provider"]])("remove leaves a provider alone that the user chose since as %s", (key) => {
    const { text, before } = add(USER_CONFIG);
    const changed = setSetting(text, "config.yaml", [key], "ollama");
    const left = parse(remove(changed, before)) as Record<string, unknown>;
    expect(providerOf(left)).toBe("ollama");
    expect(JSON.stringify(left)).not.toContain("privacy_guard");
  });

  it("setup again remembers what the user chose since", () => {
    const { text, before } = add(USER_CONFIG);
    const again = add(setSetting(text, "config.yaml", ["GOOSE_PROVIDER"], "ollama"), before);
    expect(again.before.provider).toEqual({ GOOSE_PROVIDER: "ollama", GOOSE_MODEL: "gpt-4o" });
  });

  it.each([["GOOSE_MODE: auto\n"], [rewrittenByGoose("GOOSE_PROVIDER: openai\nGOOSE_MODEL: m\n")]])(
    "remove works without the record",
    (text) => {
      const left = parse(remove(add(text).text, undefined)) as Record<string, unknown>;
      expect(providerOf(left)).toBeUndefined();
      expect(JSON.stringify(left)).not.toMatch(/privacy|mesh|gaggle/);
    },
  );
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
