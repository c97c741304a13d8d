/** `gaggle guard mask` and `gaggle guard restore`: replace personal data by tokens, and put it back. */
import { createStreamRestorer } from "../../../guard/pseudonym/restore-text.ts";
import { canonicalToken } from "../../../guard/pseudonym/token-form.ts";
import type { DaemonClient } from "../../client/connect-daemon.ts";
import type { DaemonResult, ProcessPolicy } from "../../contract/daemon-api.ts";
import { asSeen, type Output } from "../output.ts";
import type { MapRef } from "./map-ref.ts";
import { countsInWords } from "./span-colours.ts";
import { textParts } from "./text-parts.ts";

/** Where the text goes, and where a person is told about it. */
export interface TextOutput {
  readonly out: Output;
  /** The text itself, for people and pipes; nothing with `--json`. */
  write(text: string): Promise<void>;
  /** Words besides the text, which must not get into a pipe. */
  note(line: string): void;
}

/** The guard's verb, of the daemon or of this process. */
export type Process = (request: {
  readonly text: string;
  readonly before: string;
  readonly after: string;
  readonly sessionId: string;
  readonly policy: ProcessPolicy;
}) => Promise<DaemonResult<"guard.process">>;

/** How to mask a text, and what becomes of its map. */
export interface Masking {
  readonly process: Process;
  readonly sessionId: string;
  readonly policy: ProcessPolicy;
  /** Keeps the map once the whole text is masked, and says how to name it for restoring; undefined where it is not kept. */
  keep(mapRef: string | undefined): Promise<string | undefined>;
}

/**
 * Masks a text of any length, part by part with one map.
 * @throws GaggleError GUARD_REFUSED where the text must not be masked, or could not be looked through
 */
export async function maskText(masking: Masking, { out, write, note }: TextOutput, pieces: AsyncIterable<string>): Promise<void> {
  const counts = new Map<string, number>();
  const whole: string[] = [];
  let mapRef: string | undefined;
  for await (const { text, before, after } of textParts(pieces)) {
    const result = await masking.process({ text, before, after, sessionId: masking.sessionId, policy: masking.policy });
    mapRef = result.mapRef;
    for (const { class: label, count } of result.redactions) counts.set(label, (counts.get(label) ?? 0) + count);
    if (out.json) whole.push(result.masked);
    else await write(result.masked);
  }
  const map = await masking.keep(mapRef);
  const redactions = Array.from(counts, ([label, count]) => ({ class: label, count }));
  out.result({ masked: whole.join(""), map: map ?? null, redactions });
  note(counts.size === 0 ? "Nothing had to be masked." : `Masked: ${countsInWords(counts)}.`);
  note(
    map === undefined
      ? "No map was kept, so this can't be restored; --map FILE keeps one."
      : `Restore it with: gaggle guard restore --map ${asSeen(map)}`,
  );
}

/** Puts values back with the tokens of a map file. Tokens that are not in it stay as they are. */
export async function restoreWithTokens(
  tokens: ReadonlyMap<string, string>,
  { out, write }: TextOutput,
  pieces: AsyncIterable<string>,
): Promise<void> {
  const restorer = createStreamRestorer((token) => tokens.get(canonicalToken(token)));
  const whole: string[] = [];
  const put = async (text: string): Promise<void> => (out.json ? void whole.push(text) : write(text));
  for await (const piece of pieces) await put(restorer.push(piece));
  await put(restorer.end());
  out.result({ text: whole.join("") });
}

/** Puts values back with a map of the daemon, where policy allows it. @throws GaggleError POLICY_DENIED, NOT_FOUND, GUARD_REFUSED */
export async function restoreWithDaemon(
  daemon: Pick<DaemonClient, "call">,
  ref: MapRef,
  { out, write }: TextOutput,
  pieces: AsyncIterable<string>,
): Promise<void> {
  const whole: string[] = [];
  for await (const { text: masked } of textParts(pieces)) {
    const { text } = await daemon.call("guard.restore", { masked, ...ref });
    if (out.json) whole.push(text);
    else await write(text);
  }
  out.result({ text: whole.join("") });
}
