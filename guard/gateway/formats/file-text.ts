/** Files in a request: what is text is read and goes on as text; what is not goes by policy. */
import type { Json } from "../../../mesh/contract/json.ts";
import { readDataUrl } from "../data-url.ts";
import { isObject, type RequestVisitor } from "./walk.ts";

/**
 * What stands for a file in the request that goes on.
 * @param file fields `file_data` (a data URL) and `filename`, as both of OpenAI's APIs have them
 */
export function fileText(file: Json | undefined, where: string, visitor: RequestVisitor): string {
  const data = isObject(file) ? file["file_data"] : undefined;
  const content = typeof data === "string" ? readDataUrl(data) : undefined;
  if (content === undefined) return visitor.unreadable("file", where);
  const name = isObject(file) && typeof file["filename"] === "string" ? file["filename"] : "file";
  return visitor.text(`[${name}]\n${content}`, where);
}
