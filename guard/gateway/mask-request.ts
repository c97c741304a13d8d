/**
 * Masks a whole request in a session. It is walked to gather its texts, which are looked through at once; then everything is inspected, and then
 * everything is replaced, so that the order of messages doesn't matter.
 */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import type { Detection } from "../detect/detection.ts";
import type { Finding } from "../detect/finding.ts";
import type { KnownPlaces } from "../detect/known-places.ts";
import { maskText, type Redactions } from "../pseudonym/mask-text.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";
import type { Format } from "./formats/format.ts";
import type { RequestVisitor } from "./formats/walk.ts";
import { createFoundTexts, type FoundTexts } from "./found-texts.ts";
import { classModeOf, type GuardRules, isReplaced } from "../guard-rules.ts";
import { maskArguments, type MaskWith } from "./mask-arguments.ts";
import { refuse } from "./refusal.ts";
import { countsIn, createRequestNames, type RequestNames } from "./request-names.ts";

/** What masking needs. */
export interface MaskDeps {
  readonly detection: Pick<Detection, "detect">;
  readonly session: TokenSession;
  /** Where known values stand in texts that come again. */
  readonly places: KnownPlaces;
  /** The text of reasoning that the model's server sealed, as it sent it; undefined where this gateway has not seen it. */
  unseal(seal: string, shown: string): string | undefined;
}

/** A request as it goes on, and what was found in it. */
export interface MaskedRequest {
  readonly body: Json;
  /** What was replaced or taken out. */
  readonly redactions: Redactions;
  /** What was found and goes on as it is, since policy says so. */
  readonly passed: Redactions;
}

/** Masking may bring up texts that no walk has seen, such as a single argument; more rounds than this have never been needed. */
const MAX_ROUNDS = 4;

const countOne = (redactions: Redactions, name: string): unknown => redactions.set(name, (redactions.get(name) ?? 0) + 1);

/** What stands for content that can't be read. */
const noteFor = (kind: string): string => `[The privacy guard took out content of kind ${kind} here, since it can't read it.]`;

function createUnreadable(rules: GuardRules, redactions: Redactions): Pick<RequestVisitor, "unreadable"> {
  return {
    unreadable: (kind, where) => {
      if (rules.mode !== "detect-only" && rules.unreadable === "block") {
        throw refuse(
          `The guard can't read the ${kind} at ${where}, so the request was not sent. Remove it, or send it as text.`,
          where,
          "UNREADABLE_BLOCK",
        );
      }
      countOne(redactions, "UNREADABLE");
      return noteFor(kind);
    },
  };
}

/** A visitor that gathers every text and name; what it returns is of no use. */
const gathering = (rules: GuardRules, found: FoundTexts, names: RequestNames, deps: MaskDeps): RequestVisitor => {
  const look = (text: string): string => {
    found.of(text);
    return text;
  };
  return {
    ...createUnreadable(rules, new Map()),
    text: look,
    jsonText: look,
    id: look,
    fixed: (name, where) => names.add(name, where),
    sealed: (seal, text) => deps.unseal(seal, text),
  };
};

/** Everything that one pass over a request goes by. */
interface Pass {
  readonly rules: GuardRules;
  readonly found: FoundTexts;
  readonly names: RequestNames;
  readonly deps: MaskDeps;
}

/** Refuses blocked classes; all other values become known to the session. */
function inspecting({ rules, found, deps: { session, unseal } }: Pass, passed: Redactions): RequestVisitor {
  const replaced = isReplaced(rules);
  const look = (text: string, where: string, counts: (finding: Finding) => boolean = () => true): string => {
    for (const finding of found.of(text).filter(counts)) {
      const { label, start, end, value } = finding;
      if (classModeOf(rules, label) === "detect-only") countOne(passed, label);
      if (!replaced(finding)) continue;
      if (classModeOf(rules, label) === "block") throw blocked(label, where);
      session.tokenFor(label, { surface: text.slice(start, end), value });
    }
    return text;
  };
  return {
    ...createUnreadable(rules, new Map()),
    text: (text, where) => look(text, where),
    jsonText: (text, where) => look(text, where),
    id: (text, where) => look(text, where, countsIn(text)),
    sealed: (seal, text) => unseal(seal, text),
    fixed: () => undefined,
  };
}

/** Refuses anything personal where it can't be replaced; asked once all values are known, since any text of the request may explain a name. */
function checkNames({ rules, found, names, deps: { session } }: Pass): void {
  const replaced = isReplaced(rules);
  const finding = names.firstFinding((text) => found.withKnown(text, session.known, replaced));
  if (finding !== undefined) throw unreplaceable(finding.label, finding.where);
}

const blocked = (label: string, where: string): GaggleError =>
  refuse(
    `A value of class ${label} stands at ${where}; policy does not let this class go to a model. Take it out and try again.`,
    where,
    label,
  );

const unreplaceable = (label: string, where: string): GaggleError =>
  refuse(`A value of class ${label} stands at ${where}, in a name or number that can't be masked; the request was not sent.`, where, label);

/** Replaces every value by its token. */
function replacing({ rules, found, deps: { session, unseal } }: Pass, redactions: Redactions): RequestVisitor {
  const replaced = isReplaced(rules);
  const findingsOf = (text: string): readonly Finding[] => found.withKnown(text, session.known, replaced);
  const mask: MaskWith = (text, wrap) => maskText(text, findingsOf(text), session, redactions, wrap);
  return {
    ...createUnreadable(rules, redactions),
    text: (text) => mask(text),
    jsonText: (text) => maskArguments(text, mask),
    id: (text) => maskText(text, findingsOf(text).filter(countsIn(text)), session, redactions),
    fixed: () => undefined,
    sealed: (seal, text) => unseal(seal, text),
  };
}

async function mask(body: Json, format: Format, pass: Pass): Promise<MaskedRequest> {
  const { found, names, rules, deps } = pass;
  format.visit(body, gathering(rules, found, names, deps));
  for (const text of names.texts()) found.of(text);
  await found.lookThrough();
  // So that a surname joins the full name that stands behind it.
  deps.session.meet(found.all().filter(isReplaced(rules)));
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const passed: Redactions = new Map();
    const redactions: Redactions = new Map();
    format.visit(body, inspecting(pass, passed));
    checkNames(pass);
    const masked: JsonObject = format.visit(body, replacing(pass, redactions));
    if (!(await found.lookThrough())) return { body: masked, redactions, passed };
  }
  throw new GaggleError("GUARD_REFUSED", "The privacy guard could not look through the request to its end, so it was not sent.");
}

/** Counts what is found; a part that the guard can't read counts as `UNREADABLE`. */
async function count(body: Json, format: Format, { rules, found, names, deps }: Pass): Promise<Redactions> {
  const passed: Redactions = new Map();
  const texts: string[] = [];
  const look = (text: string): string => {
    texts.push(text);
    found.of(text);
    return text;
  };
  try {
    format.visit(body, { ...gathering(rules, found, names, deps), text: look, jsonText: look, ...createUnreadable(rules, passed) });
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
    countOne(passed, "UNREADABLE");
  }
  await found.lookThrough();
  for (const text of texts) for (const { label } of found.of(text)) countOne(passed, label);
  return passed;
}

/**
 * Applies the guard to a request.
 * @throws GaggleError GUARD_REFUSED with `where` and, where known, `class` in its details
 */
export async function maskRequest(body: Json, format: Format, rules: GuardRules, deps: MaskDeps): Promise<MaskedRequest> {
  if (rules.mode === "off") return { body, redactions: new Map(), passed: new Map() };
  const countOnly = rules.mode === "detect-only";
  const detect: Detection["detect"] = (texts) => deps.detection.detect(texts, { withoutModel: countOnly });
  const pass: Pass = { rules, found: createFoundTexts({ detect }, deps.places), names: createRequestNames(), deps };
  if (countOnly) return { body, redactions: new Map(), passed: await count(body, format, pass) };
  return mask(body, format, pass);
}
