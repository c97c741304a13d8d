"""Words that stand with a capital or alone and name nobody: nouns of business German and everyday English, labels of forms, greetings."""
_split = lambda text: [part.strip() for part in text.replace("\n", " ").split("|")]

NOUNS = _split("""Rechnung|Rechnungen|Gutschrift|Mahnung|Zahlung|Überweisung|Lastschrift|Kontoauszug|Buchung|Bilanz|Umsatz|Gewinn|Verlust|Steuer|Steuererklärung|Umsatzsteuer|Lohnsteuer|Lohn|
Gehalt|Gehaltsabrechnung|Abrechnung|Zulage|Überstunden|Urlaub|Urlaubsantrag|Krankmeldung|Krankenkasse|Rente|Versicherung|Unfall|Versicherungsnummer|Antrag|Formular|Anlage|Unterschrift|
Vertrag|Arbeitsvertrag|Mietvertrag|Kündigung|Kündigungsfrist|Vollmacht|Frist|Termin|Besprechung|Sitzung|Protokoll|Tagesordnung|Beschluss|Abstimmung|Vorstand|Betriebsrat|Geschäftsführung|
Abteilung|Leitung|Leiter|Leiterin|Mitarbeiter|Mitarbeiterin|Kollege|Kollegin|Kollegen|Kunde|Kundin|Kunden|Lieferant|Auftrag|Bestellung|Lieferung|Lieferschein|Versand|Lager|Ware|Artikel|Menge|
Preis|Rabatt|Angebot|Anfrage|Auskunft|Beschwerde|Rückmeldung|Rückfrage|Entwurf|Fassung|Seite|Kapitel|Absatz|Projekt|Zeitplan|Ziel|Ergebnis|Quartal|Jahr|Monat|Woche|Montag|Dienstag|Mittwoch|Donnerstag|
Freitag|Januar|März|Mai|August|Büro|Standort|Gebäude|Halle|Raum|Zimmer|Schlüssel|Parkplatz|Werkstatt|Maschine|Gerät|Drucker|Rechner|Netz|Zugang|Passwort|Anmeldung|Fehler|Störung|Wartung|
Prüfung|Messung|Bericht|Gutachten|Zeugnis|Bewerbung|Vorstellungsgespräch|Einladung|Feier|Ausflug|Kantine|Essen|Patient|Patientin|Diagnose|Behandlung|Arzt|Ärztin|Praxis|Befund|Mutter|Vater|Kind|
Kinder|Tochter|Sohn|Ehefrau|Ehemann|Familie|Nachbar|Vermieter|Mieter|Wohnung|Miete|Nebenkosten|Kaution|Polizei|Zeuge|Zeugin|Gericht|Urteil|Klage|Anwalt|Frau|Herr|Datenschutz|Datenschutzerklärung|
Einwilligung|Verfahren|Behörde|Bescheid|Widerspruch|Grund|Hinweis|Bitte|Dank|Gruß|Grüße|Betreff|Anhang|Kopie|Verteiler|Vorschlag|Frage|Antwort|Idee|Problem|Lösung|Wunsch|Konto|Satz|Chat""")
LABELS_OF_FORMS = _split("""Name|Vorname|Nachname|Familienname|Geburtsdatum|Geburtsort|Staatsangehörigkeit|Familienstand|Anschrift|Wohnort|Straße|PLZ|Ort|Telefon|Mobil|Betreff|Kundennummer|
Personalnummer|Kostenstelle|Steuer-ID|Steuerklasse|Konto|Bankverbindung|Verwendungszweck|Zahlungsziel|Brutto|Netto|Summe|Datum|Unterschrift|Ansprechpartner|Inhaber|Empfänger|Absender|Nom|Prénom|Date de naissance|
Adresse|Ville|Code postal|Téléphone|Objet|Salaire brut|Salaire net|Poste|Motif|Montant|Nombre|Apellidos|Fecha de nacimiento|Domicilio|Teléfono|Asunto|Importe|Puesto|Salario|Nome|Cognome|Data di nascita|
Residenza|Oggetto|Importo|Descrizione|Quantità|Luogo|Naam|Voornaam|Geboortedatum|Adres|Woonplaats|Onderwerp|Bedrag|Omschrijving|Kenmerk|Functie|Imię|Nazwisko|Data urodzenia|Adres zamieszkania|
Stanowisko|Kwota|Numer|Pracownik|Namn|Personnummer|Adress|Telefonnummer|Ärende|Belopp|Navn|Fødselsdato|Adresse|Beløb|Emne|Morada|Data de nascimento|Assunto|Valor|Cargo|First name|Last name|Surname|Given names|
Date of birth|DOB|Nationality|Marital status|Home address|Next of kin|Job title|Line manager|Employee no.|Cost centre|Tax code|NI number|SSN|Account no.|Sort code|Beneficiary|Purpose|Remarks|Signature|
Grade|Shift|Location|Site|Qty|Description|Unit price|Subtotal|Blood type|Allergies|Occupation|Emergency contact|Passport no.|Place of issue""")
GREETINGS = _split("""Hi|Hello|Hey|Dear|Good morning|Good afternoon|Hallo|Guten Morgen|Guten Tag|Moin|Servus|Grüß Gott|Liebe|Lieber|Hoi|Salü|Bonjour|Salut|Bonsoir|Coucou|Chère|Cher|Hola|Buenas|Buenos días|
Buenas tardes|Querido|Querida|Estimada|Estimado|Ciao|Salve|Buongiorno|Buonasera|Caro|Cara|Gentile|Beste|Hoi|Goedemorgen|Goedemiddag|Dag|Hej|Hejsan|God morgon|Kära|Käre|Hei|God morgen|Kjære|Kære|Goddag|Cześć|
Dzień dobry|Drogi|Droga|Szanowna Pani|Szanowny Panie|Olá|Bom dia|Boa tarde|Prezado|Cara|Merhaba|Selam|Ahoj|Dobrý den|Szia|Kedves|Salaam|Namaskar|Shalom|Aloha|Tere|Labas|Sveiki|Bok|Zdravo|Hyvää päivää|Moi|
Thanks|Thx|Cheers|Merci|Gracias|Grazie|Danke|Bedankt|Tack|Tak|Takk|Obrigado|Obrigada|Dziękuję|Kiitos|Teşekkürler|Sorry|Congrats|Welcome|Bye|Tschüss|Ok|Yes|No|Sure|Lol|Pls""")
PETS = _split("Rex|Bello|Fluffy|Whiskers|Buddy|Bella|Luna|Max|Shadow|Tiger|Simba|Mittens|Oreo|Rocky|Daisy|Coco")
#: Things of everyday life, work and science.
THINGS = _split("""house|cottage|cabin|apartment|condo|garage|kitchen|bathroom|garden|pool|lobby|parking lot|neighborhood|downtown|mall|food court|bakery|bar|lounge|restaurant|cafe|diner|hotel|motel|
hospital|clinic|school|college|university|library|church|bank|post office|airport|station|bus stop|bridge|road|highway|street|corner|beach|lake|river|mountain|trail|campground|farm|zoo|gym|salon|spa|
pizza|pasta|salad|soup|steak|chicken|shrimp|lobster|oyster|bacon|sausage|cheese|bread|bagel|cake|cookie|ice cream|coffee|tea|beer|wine|cocktail|sauce|garlic|pepper|curry|dumpling|noodle|sandwich|
cat|kitten|dog|puppy|hamster|rabbit|parrot|snake|turtle|fish|horse|cow|pig|goat|spider|eagle|shark|whale|terrier|poodle|retriever|beagle|boxer|siamese|persian|
car|truck|van|motorcycle|bike|tire|engine|brake|battery|laptop|phone|camera|printer|router|modem|monitor|keyboard|browser|server|website|blog|newsgroup|forum|podcast|email|password|account|download|
doctor|dentist|nurse|vet|teacher|coach|lawyer|plumber|mechanic|driver|waiter|waitress|manager|owner|chef|barber|stylist|landlord|tenant|neighbor|boss|intern|student|professor|engineer|officer|soldier|
husband|wife|mom|dad|brother|sister|son|daughter|baby|kid|grandma|cousin|friend|boyfriend|girlfriend|guest|stranger|customer|staff|crew|team|government|army|police|congressman|president|minister|
wedding|birthday|party|concert|movie|novel|album|song|band|game|tournament|season|holiday|vacation|cruise|flight|ticket|visa|passport|luggage|tour|museum|gallery|exhibit|
contract|invoice|draft|agreement|meeting|conference call|agenda|deadline|budget|forecast|gas desk|power plant|pipeline|storage|curve|swap|counterparty|invoice run|trade|trader|portfolio|stock|bond|fund|
earth|moon|sun|universe|galaxy|rocket|satellite|telescope|planet|comet|hurricane|storm|earthquake|flood|war|peace|treaty|election|vote|law|bill|tax|court|trial|jury|prison|crime|bomb|missile|weapon|
vitamin|protein|enzyme|cancer|diabetes|asthma|flu|vaccine|surgery|x-ray|therapy|diet|yoga|massage|tattoo|haircut|manicure|makeup|shampoo|carpet|roof|fence|window|door|furnace|faucet|toilet|couch|mattress""")
#: What begins a sentence or stands alone, in right and wrong spelling.
INTERJECTIONS = _split("""Wow|Awesome|Amazing|Excellent|Great|Lovely|Horrible|Terrible|Disgusting|Yummy|Delicious|Beware|Overall|Honestly|Basically|Actually|Anyway|Anyways|Well|Oh|Er|Um|Hmm|Ugh|Yeah|Yep|Nope|Nah|Haha|
LOL|OMG|BTW|IMO|Please|Plz|Thanks|Thx|Thank you|Sorry|Congrats|Welcome|Enjoy|Good luck|Hope this helps|Does anyone know|Can someone|Anyone|Someone|somone|Everyone|Nobody|Everything|Nothing|Never|Always|ALWAYS|NEVER|
AVOID|STAY AWAY|BEST EVER|WORST|Definately|Definitely|Recomended|Recommended|Highly recommended|Awsome|Exelent|Greatest|Lovley|Absolutely|Unfortunately|Luckily|However|Therefore|Furthermore|Besides|Otherwise|Meanwhile|
Yesterday|Today|Tonight|Tomorrow|Last night|Next time|First|Second|Finally|Also|Plus|Perhaps|Maybe|Probably|Try|Visit|Call|Ask|Check|Google it|Look|Listen|Stop|Go|Come|Keep|Love|Loved|Hate|Hated|Liked""")
