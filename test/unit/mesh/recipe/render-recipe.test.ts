import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { GaggleError } from "../../../../mesh/contract/errors.ts";
import { sha256Hex } from "../../../../mesh/contract/json.ts";
import { recipeDeeplink, recipeYaml, renderRecipe } from "../../../../mesh/recipe/render-recipe.ts";

const MACHINE = { installDir: "/opt/gaggle", node: "/opt/node/bin/node" };

const RECIPE = {
  version: "1.0.0",
  title: "Sample",
  description: "A sample",
  parameters: [
    { key: "period", input_type: "string", requirement: "required", description: "Month" },
    { key: "style", input_type: "select", requirement: "optional", description: "Style", default: "short", options: ["short", "long"] },
  ],
  instructions: "Close {{ period }} in {{style}} style.",
  extensions: [
    { type: "stdio", name: "mesh", description: "d", cmd: "node", args: ["{{ recipe_dir }}/../../dist/extensions/mesh.js"], timeout: 30 },
    { type: "stdio", name: "other", description: "d", cmd: "python3", args: ["x.py"], timeout: 30 },
  ],
  response: { json_schema: { type: "object", properties: { period: { const: "{{ period }}" } } } },
};
const TEXT = stringify(RECIPE);

/** What rendering throws, as code and message. */
function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    const { code, message } = error as GaggleError;
    return { code, message };
  }
  throw new Error("nothing was thrown");
}

/** The file, with `from` replaced. */
const changed = (change: Record<string, unknown>): string => stringify({ ...RECIPE, ...change });

describe("rendering a recipe for a run", () => {
  it("fills parameters and defaults, the install folder and the absolute Node, and declares no parameters any more", () => {
    const { recipe, sha256 } = renderRecipe({ text: TEXT, ...MACHINE, params: { period: "2026-10" } });
    expect(recipe.instructions).toBe("Close 2026-10 in short style.");
    expect(recipe.response?.json_schema).toEqual({ type: "object", properties: { period: { const: "2026-10" } } });
    expect(recipe.extensions?.[0]).toMatchObject({ cmd: "/opt/node/bin/node", args: ["/opt/gaggle/dist/extensions/mesh.js"] });
    expect(recipe.extensions?.[1]).toMatchObject({ cmd: "python3" });
    expect(recipe.parameters).toBeUndefined();
    expect(sha256).toBe(sha256Hex(TEXT));
  });

  it("keeps keys that it doesn't know, and hides nothing of the recipe", () => {
    const { recipe } = renderRecipe({
      text: changed({ retry: { max_retries: 2 }, x_note: "kept" }),
      ...MACHINE,
      params: { period: "2026-10" },
    });
    expect(recipe).toMatchObject({ retry: { max_retries: 2 }, x_note: "kept" });
  });

  it("names missing and unknown parameters", () => {
    expect(refusal(() => renderRecipe({ text: TEXT, ...MACHINE, params: {} }))).toEqual({
      code: "INVALID_INPUT",
      message: "The recipe needs a value for period.",
    });
    expect(refusal(() => renderRecipe({ text: TEXT, ...MACHINE, params: { period: "x", periode: "y" } })).message).toContain("periode");
  });

  it("doesn't repeat a caller's odd parameter names in its error", () => {
    const { message } = refusal(() => renderRecipe({ text: TEXT, ...MACHINE, params: { period: "x", "anna@example.org": "y" } }));
    expect(message).not.toContain("anna");
  });

  it("checks the type of a parameter", () => {
    expect(refusal(() => renderRecipe({ text: TEXT, ...MACHINE, params: { period: "x", style: "huge" } })).message).toContain("style");
    const number = changed({
      parameters: [{ key: "period", input_type: "number", requirement: "required", description: "d" }],
      instructions: "",
    });
    expect(refusal(() => renderRecipe({ text: number, ...MACHINE, params: { period: "ten" } })).code).toBe("INVALID_INPUT");
    const file = changed({
      parameters: [{ key: "period", input_type: "file", requirement: "required", description: "d" }],
      instructions: "",
    });
    expect(refusal(() => renderRecipe({ text: file, ...MACHINE, params: { period: "/etc/passwd" } })).message).toContain(
      "declare it as a string",
    );
  });

  it.each(["{{ other }}", "{% if x %}", "{# note #}", "{{ period | upper }}", "a {{ recipe_dir }} b"])(
    "refuses the template %s",
    (template) => {
      expect(refusal(() => renderRecipe({ text: changed({ prompt: template }), ...MACHINE, params: { period: "x" } })).code).toBe(
        "INVALID_INPUT",
      );
    },
  );

  it("refuses a value that would become a template when Goose reads the recipe, also when it only completes one", () => {
    for (const value of ["{{ secret }}", "{% raw %}", "{# x"]) {
      expect(refusal(() => renderRecipe({ text: TEXT, ...MACHINE, params: { period: value } })).code).toBe("INVALID_INPUT");
    }
    const joined = changed({ prompt: "{{{ period }}" });
    expect(refusal(() => renderRecipe({ text: joined, ...MACHINE, params: { period: "{ secret }}" } })).code).toBe("INVALID_INPUT");
  });

  it("refuses what is not a recipe, without quoting it", () => {
    for (const text of ["title: [anna@example.org", "title: a\ntitle: anna", "- anna", "a: &x anna\nb: *x", ""]) {
      const { code, message } = refusal(() => renderRecipe({ text, ...MACHINE, params: {} }));
      expect(code).toBe("INVALID_INPUT");
      expect(message).not.toContain("anna");
    }
  });

  it("takes any value without template signs as data, through YAML and through the link", () => {
    const value = fc.string({ unit: "binary" }).filter((v) => !/\{[{%#]/.test(v));
    fc.assert(
      fc.property(value, (period) => {
        const rendered = renderRecipe({ text: TEXT, ...MACHINE, params: { period } });
        const expected = `Close ${period} in short style.`;
        const link = JSON.parse(Buffer.from(recipeDeeplink(rendered), "base64url").toString("utf8")) as typeof RECIPE;
        expect(rendered.recipe.instructions).toBe(expected);
        expect(link.instructions).toBe(Buffer.from(expected, "utf8").toString("utf8"));
        expect(link.extensions).toHaveLength(2);
      }),
    );
  });

  it("lets no value change the shape of the YAML file", () => {
    const hostile = fc.constantFrom('"', "'", "\n", "\\", ":", "- ", "#", "}", "]", "extensions: []", "&a", "*a", "$&", "\t", "é", "|");
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 12 }), (parts) => {
        const period = parts.join("");
        const rendered = renderRecipe({ text: TEXT, ...MACHINE, params: { period } });
        const file = parse(recipeYaml(rendered, { path: "recipes/x/y.yaml", bundleVersion: 1 })) as typeof RECIPE;
        expect(file).toEqual(rendered.recipe);
      }),
    );
  });
});

describe("rendering a recipe for Goose's own folder", () => {
  it("leaves the parameters to Goose and says which signed file it comes from", () => {
    const rendered = renderRecipe({ text: TEXT, ...MACHINE });
    const yaml = recipeYaml(rendered, { path: "recipes/finance/sample.yaml", bundleVersion: 7 });
    const file = parse(yaml) as typeof RECIPE;
    expect(file.instructions).toBe("Close {{ period }} in {{style}} style.");
    expect(file.parameters).toEqual(RECIPE.parameters);
    expect(file.extensions[0]?.args).toEqual(["/opt/gaggle/dist/extensions/mesh.js"]);
    expect(yaml).toContain("# source: recipes/finance/sample.yaml\n");
    expect(yaml).toContain(`# sha256: ${sha256Hex(TEXT)}\n`);
    expect(yaml).toContain("# bundle version: 7\n");
  });

  it("refuses an install folder that Goose would read as a template", () => {
    expect(refusal(() => renderRecipe({ text: TEXT, ...MACHINE, installDir: "/opt/{{ x }}" })).code).toBe("INVALID_INPUT");
  });
});

describe("the recipes of the sample organisation", () => {
  it.each(["finance/month-end-close", "marketing/accruals", "engineering/accruals", "hr/payroll-accrual"])(
    "%s renders for a run",
    async (name) => {
      const text = await readFile(new URL(`../../../../recipes/${name}.yaml`, import.meta.url), "utf8");
      const { recipe } = renderRecipe({ text, ...MACHINE, params: { period: "2026-10" } });
      expect(recipe.extensions?.every((extension) => (extension.available_tools ?? []).length > 0)).toBe(true);
      expect(JSON.stringify(recipe)).not.toContain("{{");
      expect(recipe.settings).toMatchObject({ goose_provider: "privacy_guard" });
    },
  );
});
