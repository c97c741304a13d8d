/** Names of the months as they stand beside a day, in the languages of the guard. Source: Unicode CLDR (wide and abbreviated, format forms). */

/** Full names that mean nothing else; case doesn't count. The grammatical forms that follow a day are among them. */
const CERTAIN: readonly string[] = [
  "january february april june july august september october november december",
  "januar jänner februar feber märz maerz juni juli oktober dezember",
  "janvier février fevrier avril juin juillet août aout septembre octobre novembre décembre decembre",
  "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre",
  "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre",
  "januari februari maart mei mai augustus",
  "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września wrzesnia października pazdziernika listopada grudnia",
  "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień",
  "augusti desember",
  "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro",
  "marts mars",
  "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
  "tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu heinäkuu elokuu syyskuu lokakuu marraskuu joulukuu",
  "ledna února března dubna května června července srpna září října listopadu prosince",
];

/** Words and short forms that may be something else. */
const SHORT: readonly string[] = [
  "march may",
  "jan feb mar apr jun jul aug sep sept oct nov dec",
  "jän mär mrz okt dez mrt",
  "janv févr fév avr juil déc",
  "wrz paź kwi cze",
];
/** Short forms that are words in other languages even with a capital. */
const WEAK = "ene abr ago dic gen mag giu lug set ott fev out sty lut lip sie lis gru";

const listed = (names: readonly string[]): ReadonlySet<string> => new Set(names.flatMap((line) => line.split(" ")));
const certain = listed(CERTAIN);
const short = listed(SHORT);
const weak = listed([WEAK]);

/**
 * How sure it is that a word is a month: `certain` by itself, `likely` with its capital, `possible` beside a year as well as a day,
 * `weak` as `possible` but never beside a year alone.
 */
export type MonthSense = "certain" | "likely" | "possible" | "weak";

/** What a word is as a month, or undefined where it is none. */
export function monthSense(word: string): MonthSense | undefined {
  const lower = word.toLowerCase();
  if (certain.has(lower)) return "certain";
  if (short.has(lower)) return word === lower ? "possible" : "likely";
  return weak.has(lower) ? "weak" : undefined;
}
