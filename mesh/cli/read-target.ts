/** Whom a command means, from its options. */
import { type Target, target } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { parseAs } from "../contract/json.ts";

/** Options that name whom to ask. */
export interface TargetOptions {
  readonly role?: string;
  readonly agent?: string;
  readonly skill?: string;
  readonly department?: string;
  readonly locale?: string;
  /** `all`, `any` or `quorum:<n>`. */
  readonly fanout?: string;
}

/** `quorum:2` as the daemon takes it; whatever it is, the daemon's schema checks it. */
function readFanout(text: string): { mode: string; n?: number } {
  const [mode = "", n] = text.split(":");
  return n === undefined ? { mode } : { mode, n: Number(n) };
}

const FANOUT = /^(one|all|any|quorum:[1-9]\d*)$/;

/** @throws GaggleError INVALID_INPUT, in the command line's own words where nobody is named or the fan-out is none */
export function readTarget({ role, agent, skill, department, locale, fanout }: TargetOptions): Target {
  if (role === undefined && agent === undefined && skill === undefined && department === undefined)
    throw new GaggleError("INVALID_INPUT", "Say whom to ask: --role, --agent, --skill or --department. gaggle peers shows who is there.");
  if (fanout !== undefined && !FANOUT.test(fanout))
    throw new GaggleError("INVALID_INPUT", "--fanout is all, any or quorum:<n>, for example quorum:2.");
  const given = {
    ...(role === undefined ? {} : { targetRole: role }),
    ...(agent === undefined ? {} : { agentId: agent }),
    ...(skill === undefined ? {} : { skill }),
    ...(department === undefined ? {} : { department }),
    ...(locale === undefined ? {} : { locale }),
    ...(fanout === undefined ? {} : { fanout: readFanout(fanout) }),
  };
  return parseAs(target, given, "Whom to ask");
}
