/** Which entities a policy names. */
import type { TypeAndId } from "@cedar-policy/cedar-wasm/nodejs";

const isName = (value: object): value is TypeAndId =>
  Object.keys(value).length === 2 && "type" in value && "id" in value && typeof value.type === "string" && typeof value.id === "string";

/** All entities that are written out anywhere in a policy's JSON form. */
export function namesIn(json: unknown): TypeAndId[] {
  if (typeof json !== "object" || json === null) return [];
  if (isName(json)) return [json];
  return Object.values(json).flatMap(namesIn);
}
