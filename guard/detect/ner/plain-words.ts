/** Words that a model of names takes for one and that name nobody: peoples, salutations, labels of forms; and titles before names, states behind towns. */

const list = (words: string): readonly string[] =>
  words
    .split("|")
    .map((word) => word.trim())
    .filter((word) => word !== "");

/** Peoples, languages and religions as adjectives and nouns, lower case. */
export const PEOPLES: ReadonlySet<string> = new Set(
  list(`german|french|spanish|italian|portuguese|polish|swedish|norwegian|danish|finnish|icelandic|irish|scottish|welsh|english|belgian|dutch|swiss|
  austrian|hungarian|romanian|bulgarian|greek|turkish|ukrainian|russian|estonian|latvian|lithuanian|croatian|serbian|bosnian|slovenian|slovak|czech|
  albanian|maltese|cypriot|israeli|palestinian|egyptian|moroccan|algerian|tunisian|libyan|nigerian|ghanaian|kenyan|ugandan|ethiopian|somali|sudanese|
  congolese|rwandan|afghan|indian|pakistani|bangladeshi|nepali|nepalese|chinese|japanese|taiwanese|vietnamese|thai|malaysian|malay|indonesian|
  singaporean|filipino|cambodian|burmese|mongolian|kazakh|uzbek|iranian|persian|iraqi|syrian|jordanian|lebanese|kuwaiti|qatari|saudi|yemeni|australian|
  canadian|american|mexican|cuban|jamaican|haitian|colombian|venezuelan|peruvian|bolivian|brazilian|argentinian|argentine|chilean|armenian|korean|
  south korean|north korean|south african|british|european|african|asian|latin american|arab|arabic|kurdish|jewish|muslim|islamic|christian|catholic|
  protestant|hindu|buddhist|sikh|shiite|shia|sunni|hispanic|latino|germans|spaniards|italians|poles|swedes|norwegians|danes|finns|scots|belgians|
  austrians|hungarians|romanians|bulgarians|greeks|turks|ukrainians|russians|croats|serbs|czechs|albanians|israelis|palestinians|egyptians|moroccans|
  algerians|libyans|nigerians|kenyans|somalis|afghans|indians|pakistanis|filipinos|thais|malaysians|indonesians|iranians|persians|iraqis|syrians|
  jordanians|saudis|yemenis|australians|canadians|americans|mexicans|cubans|haitians|colombians|venezuelans|brazilians|argentinians|chileans|koreans|
  brits|europeans|africans|asians|arabs|kurds|jews|muslims|christians|catholics|hindus|buddhists|shiites|sunnis|nazi|nazis|deutsch|deutsche|deutschen|
  englisch|französisch|spanisch|italienisch|türkisch|polnisch|français|anglais|allemand|español|inglés|italiano|inglese|nederlands|engels`),
);

/** Salutations, closings and labels of forms in Europe's languages, lower case. */
export const CIVILITIES: ReadonlySet<string> = new Set(
  list(`hi|hello|hey|dear|cheers|thanks|thx|regards|sincerely|best regards|kind regards|good morning|sir|madam|hallo|guten tag|guten morgen|moin|servus|
  grüezi|grüß gott|liebe|lieber|liebe grüße|viele grüße|gruß|grüße|danke|sie|tschüss|bonjour|bonsoir|salut|cher|chère|merci|cordialement|bises|bisous|
  hola|buenos días|buenas tardes|estimado|estimada|querido|querida|gracias|saludos|un saludo|atentamente|ciao|salve|buongiorno|buonasera|gentile|
  grazie|saluti|cordiali|cordiali saluti|distinti|distinti saluti|hoi|beste|geachte|goedemorgen|goedemiddag|bedankt|groet|groeten|groetjes|hoogachtend|
  hej|hejsan|kära|käre|tack|mvh|vänliga hälsningar|hei|kjære|takk|hilsen|kære|tak|cześć|dzień dobry|szanowna|szanowny|szanowni|dziękuję|pozdrawiam|olá|
  prezado|prezada|obrigado|obrigada|abraço|atenciosamente|merhaba|ahoj|szia|kiitos|namaste|
  name|vorname|nachname|familienname|geburtsdatum|geburtsort|staatsangehörigkeit|familienstand|anschrift|wohnort|straße|telefon|mobil|telefax|betreff|
  kundennummer|personalnummer|kostenstelle|steuer-id|steuerklasse|konto|bankverbindung|verwendungszweck|brutto|netto|unterschrift|ansprechpartner|
  empfänger|absender|anlage|anlagen|nom|prénom|date de naissance|adresse|téléphone|objet|montant|nombre|apellidos|domicilio|teléfono|asunto|importe|
  cognome|data di nascita|residenza|oggetto|importo|descrizione|quantità|naam|voornaam|geboortedatum|woonplaats|onderwerp|bedrag|omschrijving|kenmerk|
  imię|nazwisko|imię i nazwisko|stanowisko|kwota|numer|pracownik|pracodawca|namn|personnummer|ärende|belopp|navn|fødselsdato|beløb|emne|morada|
  data de nascimento|assunto|first name|last name|surname|given names|date of birth|dob|nationality|description|quantity|qty|occupation|signature|
  kollege|kollegin|kollegen|kolleginnen|kunden|kollegium|frau|herr`),
);

const TITLE_WORDS =
  list(`mr|mrs|ms|miss|mister|dr|doctor|prof|professor|president|vice president|prime minister|foreign minister|minister|chancellor|senator|
  governor|mayor|sheikh|sheik|imam|ayatollah|rabbi|pastor|reverend|bishop|pope|queen|general|colonel|captain|lieutenant|sergeant|drs|capt|col|gen|sgt|lt|sen|gov|rev|officer|detective|
  coach|nurse|uncle|aunt|auntie|ambassador|secretary|congressman|congresswoman|chairman|commissioner|inspector|herr|herrn|frau|fräulein|familie|kollege|
  kollegin|hr|fr|mme|mlle|madame|monsieur|maître|señor|señora|señorita|sr|sra|tía|tío|signor|signora|dott|sig|avv|ing|mevrouw|meneer|dhr|mevr|pan|pani|
  fru|prezado|prezada|estimado|estimada|querido|querida|gentile|beste|geachte|liebe|lieber|kära|kære|kjære|dear|hi|hello|hey|hallo|namaste|chère|cher|bonjour|hola|olá`);

/** Titles and salutations at the beginning of a person's name. */
export const TITLES_BEFORE = new RegExp(`^(?:(?:${TITLE_WORDS.join("|")})\\.?,?[ \\t]+(?=\\p{L}))+`, "iu");

/** States, provinces and countries that follow a town, lower case. */
export const WIDER_PLACES: ReadonlySet<string> = new Set(
  list(`alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois|indiana|iowa|kansas|kentucky|
  louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|
  north carolina|north dakota|ohio|oklahoma|oregon|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|virginia|
  washington|west virginia|wisconsin|wyoming|ontario|quebec|alberta|manitoba|british columbia|queensland|new south wales|goa|gujarat|kerala|punjab|
  maharashtra|karnataka|tamil nadu|rajasthan|calif|usa|us|uk|u.s|u.k|england|scotland|wales|ireland|northern ireland|france|germany|spain|italy|portugal|
  poland|sweden|norway|denmark|finland|belgium|netherlands|switzerland|austria|hungary|romania|bulgaria|greece|turkey|ukraine|russia|croatia|serbia|
  israel|egypt|morocco|nigeria|kenya|south africa|india|pakistan|bangladesh|china|japan|vietnam|thailand|malaysia|indonesia|singapore|philippines|
  south korea|north korea|united states|united kingdom|afghanistan|palestine|libya|sudan|cuba|venezuela|jordan|yemen|iran|iraq|syria|lebanon|australia|new zealand|canada|mexico|brazil|argentina|chile|peru|colombia`),
);

/** Postal abbreviations of such, as they are written. */
export const STATE_CODES: ReadonlySet<string> = new Set(
  "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC BC ON QC NSW QLD Ca Tx Fl Ny Nj Az Tn Mi".split(
    " ",
  ),
);

/** Before the name of a state or country these make one name with it. */
export const NO_TOWN = new Set(
  list(`new|old|nova|north|south|east|west|northern|southern|eastern|western|central|upper|lower|greater|inner|outer|little|great|republic of|gulf of|lake|mount|mt|
  fort|port|cape|bay|river|camp|hotel|embassy|downtown|mainland|occupied|modern|ancient|saudi|equatorial|papua new|university of|bank of|the`),
);
