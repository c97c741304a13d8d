/**
 * Content of a message or file as it counts here: values put back where policy permits it, and masked anew what came bare and may not.
 * docs/decisions/0125-values-are-looked-into.md
 */
import { classOfToken } from "../../../guard/boundary/look-inside.ts";
import { classesIn, maskTree, type Pair, restoreTree } from "../../../guard/boundary/mask-tree.ts";
import type { Detection } from "../../../guard/detect/detection.ts";
import type { TokenSession } from "../../../guard/pseudonym/token-session.ts";
import type { DataClass } from "../../contract/data-class.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { Released, ReleasePolicy } from "../release-policy.ts";
import { type Opening, openSealed } from "./opening.ts";
import type { RestorePolicy } from "./restore-policy.ts";

/** What it needs. */
export interface OpenContentDeps {
  readonly self: Principal;
  readonly detection: Pick<Detection, "detect">;
  readonly restoring: RestorePolicy;
  readonly release: ReleasePolicy;
  /** Issues the tokens of one matter, the same each time. */
  sessionFor(ref: string): TokenSession;
}

/** What came. */
export interface CameIn {
  readonly sender: Principal;
  readonly masked: Json;
  /** What its sender sealed to this agent; undefined where it sealed nothing. */
  readonly pairs?: readonly Pair[] | undefined;
  /** The matter, for tokens of what is masked anew: the same for the same content each time. */
  readonly ref: string;
}

/** What of it counts. */
export interface Content {
  readonly content: Json;
  /** The same with the values of tokens not put back. */
  readonly masked: Json;
  /** Classes that stood in it bare; none from within the department, where nobody looks. */
  readonly bare: readonly string[];
  readonly opening: Opening | undefined;
  /** What policy says of the bare classes. */
  readonly said: Released;
}

const isLiteral = ([token]: Pair): boolean => classOfToken(token) === undefined;

/** Makes it. The function throws GaggleError GUARD_REFUSED where something could not be looked through, TOO_LARGE. */
export function createOpenContent(deps: OpenContentDeps) {
  const { self, detection } = deps;

  /** The content with what its sender should have masked masked here. No token of the sender's is touched. */
  const maskAnew = async (content: Json, ref: string, keeps: (name: DataClass) => boolean): Promise<Json> => {
    const session = deps.sessionFor(ref);
    const { tree, pairs } = await maskTree(content, { detection, session }, (found) => new Set([...found].filter(keeps)));
    return restoreTree(tree, pairs.filter(isLiteral));
  };

  return async ({ sender, masked, pairs, ref }: CameIn): Promise<Content> => {
    const opening = pairs === undefined ? undefined : await openSealed({ receiver: self, sender, masked, pairs }, deps);
    const isForeign = sender.department !== self.department;
    const bare = isForeign ? (opening?.looked?.bare ?? (await classesIn(masked, detection))) : [];
    const found = new Set(bare as readonly DataClass[]);
    const said = deps.release({ from: sender, to: self, found, passes: found, context: { participants: [sender.subject] } });
    const content = said.denied ? await maskAnew(masked, `arrived ${sender.agentId} ${ref}`, (name) => said.passes.has(name)) : masked;
    return { content: opening === undefined ? content : restoreTree(content, opening.pairs), masked: content, bare, opening, said };
  };
}
/** Opens content. */
export type OpenContent = ReturnType<typeof createOpenContent>;
