/** Business text to mask, as long as wanted and never the same twice: no sentence comes again, so nothing of it can be remembered. ASCII. */

const FIRST = ["Dana", "Omar", "Ingrid", "Piotr", "Mei", "Lucia", "Tobias", "Amara", "Jonas", "Priya", "Marek", "Helen"];
const LAST = ["Okafor", "Lindqvist", "Kowalski", "Haddad", "Brennan", "Sato", "Moreau", "Novak", "Pereira", "Whitfield", "Engel"];
const PLACES = ["Lisbon", "Gothenburg", "Kyoto", "Leeds", "Montreal", "Graz", "Nairobi"];
const FIRMS = ["Northwind Optics", "Halden Freight", "Brightwater Foods", "Castell Engineering", "Okoye & Partners"];

/** Sentences; about half hold something personal, as in letters between companies. */
const SENTENCES: readonly ((n: number) => string)[] = [
  (n) => `Thank you for your order ${n}; the goods left our warehouse this morning and should reach you within the week. `,
  (n) => `${person(n)} of ${of(FIRMS, n)} called about item ${n} and asked for a meeting in ${of(PLACES, n)}. `,
  (n) => `The invoice was corrected ${n % 9} times because line ${n} did not agree with the delivery note that came with the pallet. `,
  (n) =>
    `Please write to ${of(FIRST, n).toLowerCase()}.${of(LAST, n * 3).toLowerCase()}${n}@example.com if the figures for project ${n} look wrong. `,
  (n) => `We agreed to keep the price of article ${n} for another quarter, provided that the volume does not fall below the forecast. `,
  (n) => `Her direct line is +49 30 ${901000 + (n % 8999)}, and the contract with number ${n} is signed by ${person(n * 7)}. `,
  (n) => `As far as I can see, step ${n} of the test plan failed only because the service was restarted while the job was running. `,
  (n) => `The deposit for booking ${n} went to ${of(FIRMS, n * 5)} in ${of(PLACES, n * 3)}, and ${of(FIRST, n * 5)} will confirm it. `,
];

const of = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
const person = (n: number): string => `${of(FIRST, n)} ${of(LAST, n)}`;

/** Makes a source of text. */
export function createPrompts(): { next(bytes: number): string } {
  let n = 10_000;
  return {
    next: (bytes) => {
      let text = "";
      for (; text.length < bytes; n += 1) text += of(SENTENCES, n)(n);
      return text.slice(0, bytes);
    },
  };
}
