/** Values that fit a JSON Schema, as far as the OpenAPI document uses it. */
import fc from "fast-check";

/** What is read of a schema. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Lists and texts stay short: what is long is a mutation's business. */
const MOST_ITEMS = 3;
const MOST_CHARS = 60;

const text = ({ pattern, format, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: JsonSchema): fc.Arbitrary<unknown> => {
  if (format === "date-time")
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString());
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, "u")).filter((one) => one.length <= maxLength);
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, MOST_CHARS)), unit: "binary" });
};

const record = (schema: JsonSchema): fc.Arbitrary<unknown> => {
  const properties = Object.entries(schema.properties ?? {}).map(([name, one]) => [name, fitting(one)] as const);
  const required = Object.fromEntries(properties.filter(([name]) => schema.required?.includes(name) === true));
  const optional = Object.fromEntries(properties.filter(([name]) => schema.required?.includes(name) !== true));
  const known = fc.tuple(fc.record(required), fc.record(optional, { requiredKeys: [] })).map(([a, b]) => ({ ...a, ...b }));
  if (typeof schema.additionalProperties !== "object" || properties.length > 0) return known;
  return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fitting(schema.additionalProperties), { maxKeys: MOST_ITEMS });
};

/** Values that fit. What the reader does not know is any JSON. */
export function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const any = schema.anyOf ?? schema.oneOf;
  if (any !== undefined) return fc.oneof(...any.map(fitting));
  const { type, items = {}, minItems = 0, maxItems = MOST_ITEMS, minimum = -1_000, maximum = 1_000_000 } = schema;
  const byType: Readonly<Record<string, () => fc.Arbitrary<unknown>>> = {
    string: () => text(schema),
    object: () => record(schema),
    array: () => fc.array(fitting(items), { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, MOST_ITEMS)) }),
    integer: () => fc.integer({ min: Math.max(minimum, -2_000_000_000), max: Math.min(maximum, 2_000_000_000) }),
    number: () => fc.double({ noNaN: true }),
    boolean: () => fc.boolean(),
    null: () => fc.constant(null),
  };
  return byType[type ?? ""]?.() ?? fc.jsonValue({ maxDepth: 2 });
}
