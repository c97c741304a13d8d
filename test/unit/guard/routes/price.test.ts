import { describe, expect, it } from "vitest";
import { formatUsd, parseUsd, USD } from "../../../../mesh/contract/money.ts";
import { costOf, priceOf } from "../../../../guard/routes/price.ts";

const price = (model: string, input = "1", output = "2") => ({ model, input, output });

describe("the price of a model", () => {
  const prices = [price("gpt-4.1*"), price("gpt-4.1-mini*"), price("gpt-4.1-mini"), price("*")];
  it.each([
    ["gpt-4.1", "gpt-4.1*"],
    ["gpt-4.1-mini", "gpt-4.1-mini"],
    ["gpt-4.1-mini-2025", "gpt-4.1-mini*"],
    ["llama", "*"],
  ])("of %s is that of the longest name that fits, %s", (model, name) => {
    expect(priceOf(prices, model)?.model).toBe(name);
  });

  it("is unknown where no name fits; a name without a star fits itself only", () => {
    expect(priceOf([price("gpt-4.1")], "gpt-4.1-mini")).toBeUndefined();
    expect(priceOf([price("gpt-4.1")], "gpt-4")).toBeUndefined();
  });
});

describe("the cost of a call", () => {
  const row = { model: "m", input: "2.00", cachedInput: "0.50", output: "8.00" };

  it("is exact: cached tokens at their own price, the rest of the input at the full one", () => {
    expect(costOf(row, { input: 1_000_000, cachedInput: 400_000, output: 250_000 })).toBe(parseUsd("3.40"));
    expect(costOf({ ...row, input: "0.10" }, { input: 3, cachedInput: 0, output: 0 })).toBe(300n);
  });

  it("takes the full price for cached tokens where the table has no other, and never more cached tokens than input", () => {
    expect(costOf({ model: "m", input: "1", output: "1" }, { input: 1_000_000, cachedInput: 1_000_000, output: 0 })).toBe(USD);
    expect(costOf(row, { input: 10, cachedInput: 1_000, output: 0 })).toBe(costOf(row, { input: 10, cachedInput: 10, output: 0 }));
  });

  it("is rounded up to a billionth of a dollar, once", () => {
    expect(costOf({ model: "m", input: "0.0001", output: "0" }, { input: 1, cachedInput: 0, output: 0 })).toBe(1n);
    expect(costOf({ model: "m", input: "0.000000001", output: "0" }, { input: 1_500_000, cachedInput: 0, output: 0 })).toBe(2n);
  });
});

describe("money", () => {
  it.each(["0", "1", "0.1", "2.5", "999999999.999999999", "0.000000001"])("%s reads and writes the same", (text) => {
    expect(formatUsd(parseUsd(text))).toBe(text);
  });
  it("is written without needless zeros", () => {
    expect(formatUsd(parseUsd("2.50"))).toBe("2.5");
    expect(formatUsd(parseUsd("3.000"))).toBe("3");
  });
});
