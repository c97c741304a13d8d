/** Words that are names of people too, and words of names that name nobody. */

const list = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/).filter((word) => word !== ""));

/** First names and surnames that are everyday words (English, German); alone they are a name only where they are written like one. */
export const EVERYDAY_NAMES = list(`
  may will mark page bill rose grace hope art frank drew pat sue rob jack gene dean grant chase price long young king white black brown green gray
  grey stone wood woods hill field fields rice cook baker banks best bush case church cross day english fox french german good gold hall hand hardy
  head high house hunt judge lane law little love low marsh major miles moon moor north west east south park parks post power powers quick ray reed
  rich root royal sharp short silver small snow spring star steel strong summer summers swift temple tree wise wolf word wall walls waters way weeks
  wells winter april june august dawn eve joy faith ivy daisy lily iris ruby pearl amber crystal jade olive sky sunny violet heather holly robin jay
  victor earl duke baron prince mason taylor hunter fisher parker walker porter butler potter archer miller sandy penny buck cash chance cliff colt
  dale don ford glen guy harry heath jean josh lance max mike nick norm peg pierce ram rod rusty skip stew van wade ward warren bell berry bird bishop
  bond book brook brooks burns camp carpenter charity coin cole corn cotton crane dish dollar draw drum ernest fair farmer fish flower forest freeman
  fry gates glass hay herb home honor hood horn iron justice key kind knight lamb land lemon light link lock mace marine mercy mint noble nova oak page
  paige pine pool pope poor precious rain read ready reading reef rest ring river rivers rock rush salt sales savage shade shaw shepherd shore singer
  singleton skinner sparks speed stock storm street sweet tanner teller thorn tiger todd town trip true truth turner underwood vale valley vane wagner
  watch weaver webb weber wells wheeler wild winner worth wren yard york sommer klein gross lang kurz stark weiss schwarz braun jung alt koch vogel
  bach berg stein richter schneider kaiser fuchs hahn sauer frei ernst kraft busch gut roth blank reich scharf engel lustig ben
`);

/** Parts of a name that say nothing about who it is. */
export const NAME_PARTICLES = list(`
  mr mrs ms miss mx sir madam dame lord lady dr prof professor doctor herr frau fraulein monsieur madame mme mlle señor señora sr sra sig signor
  signora dott ing dipl mag hon rev jr sr ii iii iv phd md mba msc bsc von vom van der den de del della di da das do dos la le les el al bin ibn bint
  abu und and the of y e zu zur ter ten st saint mc mac
`);

/** Words of addresses of offices, teams and machines: they name nobody. */
export const ROLE_WORDS = list(`
  info mail email office contact kontakt sales support service services help helpdesk hello team admin administrator webmaster postmaster hostmaster
  noreply reply donotreply billing invoice invoices rechnung rechnungen rechnungswesen buchhaltung accounting accounts payable receivable finance
  finanzen payroll hr people jobs career careers bewerbung recruiting marketing press presse legal privacy datenschutz security abuse news newsletter
  order orders bestellung shop store customer customers kunden kundenservice partner partners vendor vendors supplier suppliers reception empfang
  zentrale info einkauf verkauf vertrieb purchasing procurement logistics shipping warehouse lager operations engineering development root system
  daemon mailer notification notifications alert alerts monitoring test testing user users name firstname lastname example demo ci build bot robot
  agent group list lists all staff everyone board management managers director directors facilities compliance audit tax treasury data devops
  platform product design research training events travel booking bookings reservations feedback survey returns claims complaints claim quality
  production export import customs spedition versand anmeldung termine praxis kanzlei sekretariat redaktion bibliothek school university student
  students amministrazione ufficio acquisti vendite comptabilite achats ventes direction administracion compras ventas personal biuro ksiegowosc
`);
