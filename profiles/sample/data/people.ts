/** Synthetic people and firms of several countries. Firms' domains end in .example (RFC 2606), so nobody is behind them. */
import type { Dice } from "./dice.ts";
import { type Country, createIban, createPhone } from "./identifiers.ts";

const NAMES: Record<Country, { first: readonly string[]; last: readonly string[] }> = {
  DE: {
    first: ["Anneliese", "Bernd", "Friederike", "Gregor", "Heike", "Jürgen", "Katrin", "Matthias"],
    last: ["Brückner", "Eichhorn", "Falkenberg", "Grünwald", "Kessler", "Lindemann", "Schäfer", "von Reichenau"],
  },
  ES: {
    first: ["Alejandro", "Beatriz", "Gonzalo", "Inmaculada", "Javier", "Lucía", "Rocío", "Sergio"],
    last: ["Aguirre Molina", "Castaño", "Delgado Ruiz", "Echeverría", "Ibáñez", "Navarro", "Peñalver", "Quintero"],
  },
  FR: {
    first: ["Aurélie", "Benoît", "Camille", "Étienne", "Geneviève", "Loïc", "Mathilde", "Thibault"],
    last: ["Beaumont", "Chevalier", "de La Tour", "Fontaine", "Lefèvre", "Marchand", "Rousseau", "Vasseur"],
  },
  SE: {
    first: ["Åsa", "Björn", "Gunilla", "Henrik", "Linnéa", "Mårten", "Sigrid", "Viktor"],
    last: ["Ahlgren", "Bergqvist", "Dahlström", "Hedlund", "Nyström", "Sjöberg", "Wallin", "Öberg"],
  },
  NL: {
    first: ["Annelies", "Bram", "Femke", "Joost", "Liesbeth", "Maarten", "Sanne", "Wouter"],
    last: ["Bakker", "de Groot", "Hoekstra", "Kuipers", "Mulder", "van den Berg", "Verhoeven", "Zijlstra"],
  },
  PL: {
    first: ["Agnieszka", "Bartosz", "Grażyna", "Jerzy", "Katarzyna", "Łukasz", "Małgorzata", "Wojciech"],
    last: ["Dąbrowska", "Jabłoński", "Kowalczyk", "Lewandowska", "Mazur", "Piotrowski", "Szymańska", "Wróbel"],
  },
  GB: {
    first: ["Alistair", "Bronwen", "Fergus", "Harriet", "Imogen", "Nigel", "Rhiannon", "Tobias"],
    last: ["Ashworth", "Blackwood", "Cholmondeley", "Featherstone", "MacAllister", "O'Rourke", "Pemberton", "Smythe-Jones"],
  },
  US: {
    first: ["Brandon", "Chidi", "Destiny", "Keisha", "Miguel", "Mei", "Tyler", "Wanda"],
    last: ["Abernathy", "Blackwell", "Castellano", "Huang", "Jefferson", "McKinney", "Okafor", "Villanueva"],
  },
};

const FIRM_WORDS: Record<Country, { heads: readonly string[]; tails: readonly string[] }> = {
  DE: { heads: ["Alpenblick", "Feinwerk Jena", "Hansa", "Rheintal"], tails: ["Druck GmbH", "Messtechnik GmbH", "Logistik AG"] },
  ES: { heads: ["Costa Verde", "Iberia Óptica", "Sol Naciente"], tails: ["Eventos S.L.", "Suministros S.A.", "Estudio S.L."] },
  FR: { heads: ["Atelier Lumière", "Belle Rive", "Cristal du Nord"], tails: ["SARL", "Conseil SAS", "Verrerie SA"] },
  SE: { heads: ["Fjällräv", "Norrsken", "Skärgård"], tails: ["Media AB", "Precision AB", "Frakt AB"] },
  NL: { heads: ["De Windmolen", "Grachtenhuis", "Noordzee"], tails: ["Reclame B.V.", "Lenzen B.V.", "Cloud B.V."] },
  PL: { heads: ["Bałtyk", "Tatry", "Wisła"], tails: ["Optyka sp. z o.o.", "Serwis sp. z o.o."] },
  GB: { heads: ["Harbour & Finch", "Kestrel", "Oakley Moor"], tails: ["Partners Ltd", "Exhibitions Ltd", "Glassworks plc"] },
  US: { heads: ["Blue Mesa", "Granite Peak", "Lakeshore"], tails: ["Analytics LLC", "Photonics Inc.", "Creative LLC"] },
};

/** Countries by how often the sample takes them. */
export const COUNTRIES: readonly Country[] = ["DE", "DE", "ES", "FR", "SE", "NL", "PL", "GB", "US"];

/** Lower-case ASCII form for addresses: `Łukasz de Groot` becomes `lukasz.degroot`. */
export function asciiSlug(text: string, separator: string): string {
  const letters: Record<string, string> = { ł: "l", ø: "o", ß: "ss", æ: "ae" };
  return text
    .toLowerCase()
    .replace(/[łøßæ]/g, (letter) => letters[letter] ?? letter)
    .normalize("NFD")
    .replace(/[^a-z0-9 -]/g, "")
    .trim()
    .replace(/[ -]+/g, separator);
}

/** A person's name with its country. */
export interface Name {
  readonly first: string;
  readonly last: string;
  readonly country: Country;
}

/** A name that is not in `taken` yet; adds it. */
export function createName(dice: Dice, taken: Set<string>, countries: readonly Country[] = COUNTRIES): Name {
  for (;;) {
    const country = dice.pick(countries);
    const name = { first: dice.pick(NAMES[country].first), last: dice.pick(NAMES[country].last), country };
    const full = `${name.first} ${name.last}`;
    if (taken.has(full)) continue;
    taken.add(full);
    return name;
  }
}

/** A firm and the person to talk to there. */
export interface Firm {
  readonly name: string;
  readonly country: Country;
  readonly iban: string;
  readonly contact: string;
  readonly email: string;
  readonly phone: string;
}

/** `count` firms with different names. */
export function createFirms(dice: Dice, count: number, taken: Set<string>): Firm[] {
  const pairs = Object.entries(FIRM_WORDS).flatMap(([country, { heads, tails }]) =>
    heads.flatMap((head) => tails.map((tail) => ({ name: `${head} ${tail}`, country: country as Country }))),
  );
  return dice
    .shuffle(pairs)
    .slice(0, count)
    .map(({ name, country }) => {
      const person = createName(dice, taken, [country]);
      return {
        name,
        country,
        iban: createIban(dice, country),
        contact: `${person.first} ${person.last}`,
        email: `${asciiSlug(person.first, "")}.${asciiSlug(person.last, "")}@${asciiSlug(name, "-")}.example`,
        phone: createPhone(dice, country),
      };
    });
}
