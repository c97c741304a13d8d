/** Fills a script's templates from the conversation. */
import type { Json } from "../../contract/json.ts";
import type { Condition, Reference, Template } from "./script.ts";

/** What a template can refer to. */
export interface Values {
  param(name: string): string | undefined;
  /** Result of the call with this key, or undefined where it has none yet. */
  result(key: string): Json | undefined;
}

/** The template's value, or undefined where it refers to something that the conversation doesn't have. */
export function resolveTemplate(template: Template, values: Values): Json | undefined {
  if (template === null || typeof template !== "object") return template;
  if (isList(template)) return resolveList(template, values);
  if (isReference(template)) return resolveReference(template, values);
  const out: { [key: string]: Json } = {};
  for (const [key, part] of Object.entries(template)) {
    const value = resolveTemplate(part, values);
    if (value === undefined) return undefined;
    out[key] = value;
  }
  return out;
}

function resolveReference(reference: Reference, values: Values): Json | undefined {
  if ("$param" in reference) return values.param(reference.$param);
  if ("$from" in reference) return atPointer(values.result(reference.$from), reference.at);
  if ("$join" in reference) return resolveList(reference.$join, values)?.map(String).join("");
  return firstOf(reference.$first, values);
}

/** Whether the condition holds; a value that the conversation doesn't have is in no list. */
export function holds(condition: Condition, values: Values): boolean {
  const value = resolveTemplate(condition.value, values);
  const among = (list: readonly Json[]): boolean => value !== undefined && list.includes(value);
  return "in" in condition ? among(condition.in) : !among(condition.notIn);
}

/** The value at an RFC 6901 pointer, or undefined. */
export function atPointer(value: Json | undefined, pointer: string): Json | undefined {
  const names = pointer.split("/").slice(1);
  return names.reduce<Json | undefined>((at, name) => member(at, name.replaceAll("~1", "/").replaceAll("~0", "~")), value);
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  return Array.isArray(value) ? value[Number(name)] : value[name];
}

const isList = (template: Template): template is readonly Template[] => Array.isArray(template);

const isReference = (template: object): template is Reference =>
  ["$param", "$from", "$join", "$first"].some((key) => Object.hasOwn(template, key));

function resolveList(list: readonly Template[], values: Values): Json[] | undefined {
  const out: Json[] = [];
  for (const item of list) {
    const value = resolveTemplate(item, values);
    if (value === undefined) return undefined;
    out.push(value);
  }
  return out;
}

function firstOf(list: readonly Template[], values: Values): Json | undefined {
  for (const item of list) {
    const value = resolveTemplate(item, values);
    if (value !== undefined) return value;
  }
  return undefined;
}
