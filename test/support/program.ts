/** Command lines of the programs that npm's scripts run: `--help`; one line and status 2 where a word or a value is wrong, before anything has begun. */
import { Command, InvalidArgumentError } from "commander";

/** The status that shells give to wrong usage. */
const WRONG_USAGE = 2;

/**
 * A program's command line: add its options, then `parse()`.
 * @param call how it is called, for example `npm run sim --`
 */
export const createProgram = (call: string, description: string): Command =>
  new Command(call)
    .description(description)
    .showHelpAfterError("(--help lists the options)")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USAGE));

const read =
  (kind: string, form: RegExp) =>
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    if (form.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It is ${kind} from ${least}${most === Number.MAX_SAFE_INTEGER ? " on" : ` to ${most}`}.`);
  };

/** Reads an option's value as a whole number, from the least to the largest one that is allowed. */
export const whole = read("a whole number", /^\d{1,16}$/);
/** The same for a number that may have decimals. */
export const decimal = read("a number", /^\d{1,9}(\.\d{1,9})?$/);
