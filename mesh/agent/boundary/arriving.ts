/**
 * A message as it counts here: what came sealed is put back where policy permits it, and what came from another department is looked through, whatever
 * its kind, since its sender's guard may be a changed one. docs/decisions/0125-values-are-looked-into.md
 */
import { classOfToken } from "../../../guard/boundary/look-inside.ts";
import { classesIn, maskTree, type Pair, restoreTree } from "../../../guard/boundary/mask-tree.ts";
import type { Held } from "../../../guard/boundary/look-inside.ts";
import { openPairs } from "../../../guard/boundary/seal-pairs.ts";
import type { OpenKey } from "../../../guard/boundary/sealed-json.ts";
import type { Detection } from "../../../guard/detect/detection.ts";
import { canonicalToken, tokenPattern } from "../../../guard/pseudonym/token-form.ts";
import type { TokenSession } from "../../../guard/pseudonym/token-session.ts";
import type { DataClass } from "../../contract/data-class.ts";
import { errorCode, GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import { type FoundClasses, type OpenedEnvelope, senderOf } from "../../delivery/envelope.ts";
import { receivingQuestion } from "../../enforcement/message-question.ts";
import type { ReleasePolicy } from "../release-policy.ts";
import type { TaskMessage } from "../task-values.ts";
import { contentOf, hasContent, withContent } from "./message-content.ts";
import { type Opening, openSealed } from "./opening.ts";
import type { RestorePolicy } from "./restore-policy.ts";

/** What it needs. */
export interface ArrivingDeps {
  readonly self: Principal;
  readonly detection: Pick<Detection, "detect">;
  readonly openKey: OpenKey;
  readonly restoring: RestorePolicy;
  readonly release: ReleasePolicy;
  /** Issues the tokens of one matter, the same each time. */
  sessionFor(ref: string): TokenSession;
  /** As `BoundaryDeps` has it. */
  keep(message: TaskMessage, from: string, values: readonly Held[]): Promise<void>;
}

/** Classes of the tokens in a text. */
const tokenClasses = (text: string): string[] =>
  Array.from(text.matchAll(tokenPattern()), ([token]) => classOfToken(canonicalToken(token))).filter((name) => name !== undefined);

const isLiteral = ([token]: Pair): boolean => classOfToken(token) === undefined;

/** Makes it. */
export function createArriving(deps: ArrivingDeps) {
  const { self, detection } = deps;

  const open = async ({ claims }: OpenedEnvelope, sender: Principal, masked: Json): Promise<Opening | undefined> => {
    if (claims.sealed === undefined) return undefined;
    const pairs = await openPairs(claims.sealed, { id: claims.id, from: claims.from, to: claims.to }, deps.openKey);
    return openSealed({ receiver: self, sender, masked, pairs }, deps);
  };

  /** Classes that stand in the content as they are. */
  const bareIn = (opening: Opening | undefined, content: Json): Promise<readonly string[]> | readonly string[] =>
    opening?.looked?.bare ?? classesIn(content, detection);

  /** What policy wants to know of a message that asks for something here. */
  const findIn = async (
    { claims: { message } }: OpenedEnvelope,
    content: Json,
    bare: readonly string[],
    opening: Opening | undefined,
  ): Promise<{ found?: FoundClasses }> => {
    if (receivingQuestion(message) === undefined) return {};
    const shown = message.type === "approval.request" ? await classesIn(message.payload, detection) : [];
    const tokens = tokenClasses(JSON.stringify(message.type === "approval.request" ? [message.payload, content] : content));
    const unmasked = [...new Set([...bare, ...shown])].toSorted();
    const classes = [...new Set([...unmasked, ...tokens, ...(opening?.looked?.inValues ?? [])])].toSorted();
    return { found: { classes, unmasked } };
  };

  /** The content with what its sender should have masked masked here. No token of the sender's is touched. */
  const maskAnew = async (content: Json, ref: string, keeps: (name: DataClass) => boolean): Promise<Json> => {
    const session = deps.sessionFor(ref);
    const { tree, pairs } = await maskTree(content, { detection, session }, (found) => new Set([...found].filter(keeps)));
    return restoreTree(tree, pairs.filter(isLiteral));
  };

  const looked = async (opened: OpenedEnvelope): Promise<OpenedEnvelope> => {
    const { claims, member } = opened;
    const { message } = claims;
    const sender = senderOf(opened);
    const masked = contentOf(message);
    const opening = await open(opened, sender, masked);
    const isForeign = member.department !== self.department;
    const bare = isForeign && hasContent(message) ? await bareIn(opening, masked) : [];
    const found = isForeign ? await findIn(opened, masked, bare, opening) : {};
    const said = deps.release({
      from: sender,
      to: self,
      found: new Set(bare as readonly DataClass[]),
      passes: new Set(bare as readonly DataClass[]),
      context: { participants: [sender.subject] },
    });
    const ref = `arrived ${claims.from} ${"taskId" in message ? message.taskId : claims.id}`;
    const content = said.denied ? await maskAnew(masked, ref, (name) => said.passes.has(name)) : masked;
    if (opening !== undefined && opening.held.length > 0 && "taskId" in message) await deps.keep(message, claims.from, opening.held);
    const isAsItCame = opening === undefined && !said.denied;
    const restored = isAsItCame ? message : withContent(message, restoreTree(content, opening?.pairs ?? []));
    return {
      ...opened,
      ...found,
      ...(opening === undefined ? {} : { restored: opening.note }),
      ...(said.denied && said.details !== undefined ? { withheld: said.details } : {}),
      claims: { ...claims, message: restored },
    };
  };

  return async (opened: OpenedEnvelope): Promise<OpenedEnvelope> => {
    const { message } = opened.claims;
    try {
      return await looked(opened);
    } catch (error) {
      // What goes on with known work must not be lost because the detector is away: it comes again.
      if (errorCode(error) !== "GUARD_REFUSED" || receivingQuestion(message) !== undefined) throw error;
      throw new GaggleError("BUSY", "The guard here can't look through this now; it is taken later.", { cause: error });
    }
  };
}
