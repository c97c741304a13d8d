/**
 * Patterns that an administrator writes, such as `NO-\d{5}` for employees, made safe to run on any text: a small syntax, every repetition
 * with a limit, and a bound on the ways in which the whole can be tried at one place. So a pass over a text is linear in it.
 */
import { GaggleError } from "./errors.ts";

/** Ways times characters that may be tried at one place. */
const MOST_STEPS = 2_000;
const MOST_REPEATS = 200;

/** What a part of a pattern can cost: characters that it spans at most and at least, and ways in which it can be matched. */
interface Cost {
  readonly most: number;
  readonly least: number;
  readonly ways: number;
}

const NOTHING: Cost = { most: 0, least: 0, ways: 1 };
const ONE: Cost = { most: 1, least: 1, ways: 1 };

const refuse = (why: string): GaggleError => new GaggleError("INVALID_INPUT", why);

const bounded = (ways: number): number => {
  if (ways > MOST_STEPS) throw refuse("it can be tried in too many ways; write fixed counts, such as \\d{5}.");
  return ways;
};
const then = (a: Cost, b: Cost): Cost => ({ most: a.most + b.most, least: a.least + b.least, ways: bounded(a.ways * b.ways) });
const or = (a: Cost, b: Cost): Cost => ({
  most: Math.max(a.most, b.most),
  least: Math.min(a.least, b.least),
  ways: bounded(a.ways + b.ways),
});

/** Every count from `least` to `most` is a way, and each repetition has its own. */
function repeated(part: Cost, least: number, most: number): Cost {
  if (most > MOST_REPEATS || least > most) throw refuse(`a repetition goes to ${MOST_REPEATS} at most, and from less to more.`);
  let ways = 0;
  for (let count = least; count <= most; count += 1) ways = bounded(ways + part.ways ** count);
  return { most: part.most * most, least: part.least * least, ways };
}

const CLASS = /\[\^?(?:\\[dwsDWS\\\][^./-]|[^\\[\]])+\]/y;
const ESCAPE = /\\(?:[dws]|p\{(?:L|Lu|Ll|N|Nd)\}|[.\\/()[\]{}+*?^$|-])/y;
const LITERAL = /[^\\[\](){}*+?|^$.]/uy;
const REPEAT = /\?|\{(\d{1,3})(?:,(\d{1,3}))?\}/y;

/** Reads a pattern and adds up its cost. */
function costOf(source: string): Cost {
  let place = 0;
  const take = (token: RegExp): RegExpExecArray | null => {
    token.lastIndex = place;
    const match = token.exec(source);
    if (match !== null) place += match[0].length;
    return match;
  };
  const repeat = (part: Cost): Cost => {
    const count = take(REPEAT);
    if (count === null) return part;
    if (count[0] === "?") return repeated(part, 0, 1);
    return repeated(part, Number(count[1]), Number(count[2] ?? count[1]));
  };
  const group = (): Cost => {
    place += source.startsWith("(?:", place) ? 3 : 1;
    const inner = alternatives();
    if (source.charAt(place) !== ")") throw refuse("a bracket is not closed, or a sign is not allowed there.");
    place += 1;
    return inner;
  };
  const alternatives = (): Cost => {
    let all = sequence();
    while (source.charAt(place) === "|") {
      place += 1;
      all = or(all, sequence());
    }
    return all;
  };
  const sequence = (): Cost => {
    let all = NOTHING;
    while (place < source.length && !"|)".includes(source.charAt(place))) all = then(all, repeat(atom()));
    return all;
  };
  const atom = (): Cost => {
    if (source.charAt(place) === "(" && (source.charAt(place + 1) !== "?" || source.startsWith("(?:", place))) return group();
    if ((take(CLASS) ?? take(ESCAPE) ?? take(LITERAL)) !== null) return ONE;
    throw refuse(
      `at its sign ${place + 1} stands what is not allowed. Allowed are letters, figures, \\d \\w \\s, [classes], (groups), |, ?, {n} and {n,m}; not *, +, ., ^, $ and looks around.`,
    );
  };
  const cost = alternatives();
  if (place < source.length) throw refuse("a bracket is closed that was not opened.");
  return cost;
}

function compiled(source: string): RegExp {
  const cost = costOf(source);
  if (cost.least < 3) throw refuse("it would match fewer than three characters.");
  if (cost.ways * cost.most > MOST_STEPS) throw refuse("it can be tried in too many ways; write fixed counts, such as \\d{5}.");
  try {
    return new RegExp(String.raw`(?<![\p{L}\p{N}_])(?:${source})(?![\p{L}\p{N}_])`, "giu");
  } catch {
    // The engine's own message would quote the pattern.
    throw refuse("a class in it has an order or an escape that is not allowed, such as [z-a].");
  }
}

/**
 * Makes the regular expression of a pattern: whole words only, any case, global. Signing and the guard ask this one function, so that what is
 * signed can be used.
 * @param name of the pattern, for the message; the pattern itself is never told
 * @throws GaggleError INVALID_INPUT for a pattern outside the allowed syntax, one that can be empty, or one that could be slow
 */
export function compilePattern(source: string, name = "A pattern of guard.yaml"): RegExp {
  try {
    return compiled(source);
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
    throw new GaggleError("INVALID_INPUT", `${name} can't be used: ${error.message}`);
  }
}
