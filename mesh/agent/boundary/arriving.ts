/**
 * A message as it counts here: what came sealed is put back where policy permits it, and what came from another department is looked through, whatever
 * its kind, since its sender's guard may be a changed one. docs/decisions/0125-values-are-looked-into.md
 */
import { classOfToken, type Held } from "../../../guard/boundary/look-inside.ts";
import { classesIn } from "../../../guard/boundary/mask-tree.ts";
import { openPairs } from "../../../guard/boundary/seal-pairs.ts";
import type { OpenKey } from "../../../guard/boundary/sealed-json.ts";
import type { Detection } from "../../../guard/detect/detection.ts";
import { canonicalToken, tokenPattern } from "../../../guard/pseudonym/token-form.ts";
import { errorCode, GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import { type FoundClasses, type OpenedEnvelope, senderOf } from "../../delivery/envelope.ts";
import { receivingQuestion } from "../../enforcement/message-question.ts";
import type { TaskMessage } from "../task-values.ts";
import { contentOf, fileNames, hasContent, withContent, withFileNames } from "./message-content.ts";
import type { Content, OpenContent } from "./open-content.ts";

/** What it needs. */
export interface ArrivingDeps {
  readonly self: Principal;
  readonly detection: Pick<Detection, "detect">;
  readonly openKey: OpenKey;
  readonly open: OpenContent;
  /** As `BoundaryDeps` has it. */
  keep(message: TaskMessage, from: string, values: readonly Held[]): Promise<void>;
}

/** Classes of the tokens in a content. */
export const tokenClasses = (content: Json): string[] =>
  Array.from(JSON.stringify(content).matchAll(tokenPattern()), ([token]) => classOfToken(canonicalToken(token))).filter(
    (name) => name !== undefined,
  );

/** Makes it. */
export function createArriving({ self, detection, openKey, open, keep }: ArrivingDeps) {
  /** What policy wants to know of a message that asks for something here. */
  const findIn = async (
    { claims: { message } }: OpenedEnvelope,
    masked: Json,
    { bare, opening }: Content,
  ): Promise<{ found?: FoundClasses }> => {
    if (receivingQuestion(message) === undefined) return {};
    const shown = message.type === "approval.request" ? [message.payload] : [];
    // Each look costs a way to the detector's worker and back.
    const inShown = shown.length > 0 ? await classesIn(shown, detection) : [];
    const unmasked = [...new Set([...bare, ...inShown])].toSorted();
    const tokens = tokenClasses([...shown, masked]);
    const classes = [...new Set([...unmasked, ...tokens, ...(opening?.looked?.inValues ?? [])])].toSorted();
    return { found: { classes, unmasked } };
  };

  const looked = async (opened: OpenedEnvelope): Promise<OpenedEnvelope> => {
    const { claims, member } = opened;
    const { message } = claims;
    const isForeign = member.department !== self.department;
    const isPlain = claims.sealed === undefined;
    if (isPlain && (!isForeign || (!hasContent(message) && receivingQuestion(message) === undefined))) return opened;
    const masked = [...contentOf(message), fileNames(message)];
    const pairs = isPlain ? undefined : await openPairs(claims.sealed ?? "", { id: claims.id, from: claims.from, to: claims.to }, openKey);
    const ref = "taskId" in message ? message.taskId : claims.id;
    const made = await open({ sender: senderOf(opened), masked, pairs, ref });
    const { content, opening, said } = made;
    // The name of a file is put back with its file: here it would stand bare, as what its sender had failed to mask.
    const found = isForeign ? await findIn(opened, masked, made) : {};
    if (opening !== undefined && opening.held.length > 0 && "taskId" in message) await keep(message, claims.from, opening.held);
    return {
      ...opened,
      ...found,
      ...(opening === undefined ? {} : { restored: opening.note }),
      ...(said.denied && said.details !== undefined ? { withheld: said.details } : {}),
      claims: { ...claims, message: isPlain && !said.denied ? message : withFileNames(withContent(message, content), made.masked) },
    };
  };

  return async (opened: OpenedEnvelope): Promise<OpenedEnvelope> => {
    try {
      return await looked(opened);
    } catch (error) {
      // What goes on with known work must not be lost because the detector is away: it comes again.
      if (errorCode(error) !== "GUARD_REFUSED" || receivingQuestion(opened.claims.message) !== undefined) throw error;
      throw new GaggleError("BUSY", "The guard here can't look through this now; it is taken later.", { cause: error });
    }
  };
}
