/** Ids and stamps that look like numbers of people and are none: UUIDs, digests, timestamps, ids of calls and answers. */

const OPAQUE =
  /(?<![\p{L}\p{N}])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})(?![\p{L}\p{N}])|(?<!\d)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?|(?<![\p{L}\p{N}])(?:call|toolu|chatcmpl|msg|req|resp|run)[_-][A-Za-z0-9_-]{8,64}/giu;

/** The opaque ids of a text, as spans in order. */
export const opaqueSpans = (text: string): { start: number; end: number }[] =>
  Array.from(text.matchAll(OPAQUE), (match) => ({ start: match.index, end: match.index + match[0].length }));
