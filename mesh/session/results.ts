/** What both sides of a task ask of inputs and results: parts that the guard can look through, and a result that fits its schemas. Pure. */
import type { ArtifactRef } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import { isRaw, type Part } from "../contract/part.ts";
import { resultShape } from "../contract/result-shape.ts";

/**
 * Bytes that nobody can look through don't leave the department.
 * @throws GaggleError GUARD_REFUSED
 */
export function assertReadable(
  parts: readonly Part[] | undefined,
  from: Pick<Principal, "department">,
  to: Pick<Principal, "department">,
): void {
  if (from.department === to.department || !(parts ?? []).some(isRaw)) return;
  throw new GaggleError(
    "GUARD_REFUSED",
    "A part with raw bytes can't be looked through, so it doesn't leave the department. Send its text or data instead.",
  );
}

/** Files that the guard can look through. */
const TEXT_TYPES = /^(text\/[\w.+-]+|application\/(json|xml|yaml|[\w.-]+\+(json|xml)))(;.*)?$/;

/** True for a media type of text. */
export const isTextType = (mediaType: string): boolean => TEXT_TYPES.test(mediaType);

/**
 * Files that nobody can look through don't leave the department; text is masked as it leaves.
 * @throws GaggleError GUARD_REFUSED
 */
export function assertTexts(
  artifacts: readonly ArtifactRef[] | undefined,
  from: Pick<Principal, "department">,
  to: Pick<Principal, "department">,
): void {
  const opaque = (artifacts ?? []).filter(({ mediaType }) => !isTextType(mediaType));
  if (from.department === to.department || opaque.length === 0) return;
  throw new GaggleError(
    "GUARD_REFUSED",
    "A file that is no text can't be looked through, so it doesn't leave the department. Attach its text, such as CSV, instead.",
    { details: { files: opaque.length } },
  );
}

/** The schemas that a task's result has to fit: the asker's, and that of the skill's recipe. */
export interface ResultSchemas {
  readonly resultSchema?: JsonObject;
  readonly skillSchema?: JsonObject;
}

/** Where a result does not fit; a schema that can't be checked, which only a lying peer sends, says nothing. */
export function misfits({ resultSchema, skillSchema }: ResultSchemas, result: Json, isMasked?: (text: string) => boolean): string[] {
  return [resultSchema, skillSchema].flatMap((schema) => {
    if (schema === undefined) return [];
    try {
      return resultShape(schema, isMasked)(result);
    } catch (error) {
      if (error instanceof GaggleError) return [];
      throw error;
    }
  });
}

/** @throws GaggleError INVALID_INPUT for a schema that can't be checked */
export const assertSchema = (schema: JsonObject | undefined): void => void (schema === undefined || resultShape(schema));

/** The sentence for a result that does not fit. */
export const misfitMessage = (problems: readonly string[]): string =>
  `The result does not have the form that was agreed. ${problems.join("; ")}`.slice(0, 2_000);
